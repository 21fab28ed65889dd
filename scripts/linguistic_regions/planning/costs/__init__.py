"""Estimate the costs of a run: the jobs of each rule, and what each of them takes. Needs no torch.

`workload` lists the jobs, `jobs` estimates one job, `formulas` has the costs of passes through the model, and `machine`
has speeds and memory.
"""

import json
import math
import sys
from dataclasses import dataclass, fields
from functools import cache, cached_property

from linguistic_regions.planning import corpora, evaluations, plan
from linguistic_regions.planning.costs import shapes, workload
from linguistic_regions.planning.costs.gpus import gpu
from linguistic_regions.planning.costs.jobs import Jobs
from linguistic_regions.planning.costs.machine import Cost, light_job

SNAKEMAKE = 400  # MiB of the two Snakemake processes in a Slurm job
EXPERIMENTS = ["removal", "controls", "retraining", "monolingual", "freezing"]


@dataclass(frozen=True)
class Step:
    """The jobs of one rule."""

    each: tuple[Cost, ...]

    @property
    def jobs(self) -> int:
        """The number of jobs."""
        return len(self.each)

    @cached_property
    def cost(self) -> Cost:
        """The maximum of each figure over the jobs."""
        return Cost(**{field.name: max(getattr(cost, field.name) for cost in self.each) for field in fields(Cost)})


def costs(config: dict, gpu_name: str | None) -> dict[str, Step]:
    """Estimate the costs of each rule that the config needs, in the order of the data flow.

    Args:
        config: a checked config.
        gpu_name: kind of GPU for jobs that run the model; None: the CPU.

    Raises:
        UserError: the model or the GPU is unknown, or a job does not fit on any number of GPUs.
    """
    job = Jobs(config, shapes.shape(config), gpu(gpu_name) if gpu_name else None)
    plans = evaluations.planned(config)
    steps = {
        "package": [job.package()] * len(workload.packages(config)),
        "corpus": [job.corpus(text) for text in corpora.texts(config)],
        "tokenizer": [job.tokenizer()],
        "blocks": [job.blocks(text) for text in corpora.texts(config)],
        "samples": [light_job()],
        "pairs": [job.pairs() for _ in plan.pairs(config)],
        "base_model": [job.base_model()],
        "further": [job.further(language) for language in workload.continued_languages(config)],
        "importance": [job.importance(estimator) for estimator, _ in workload.scores(config)],
        "fidelity": [job.fidelity() for _ in plan.fidelity(config)],
        "outliers": [job.outliers()] * workload.needs_outliers(config),
        "region": [job.region(recipe) for recipe in workload.regions(config).values()],
        "evaluate": [job.evaluate(names, plans) for names in plan.conditions(config).values()],
        "overlap": [job.overlap()],
        "retraining": [job.experiment("retraining", each["arm"]) for each in plan.trainings(config, "retraining")],
        "freezing": [job.experiment("freezing", each["arm"]) for each in plan.trainings(config, "freezing")],
        "settings": [light_job()],
        "tables": [light_job(seconds=4, host=0.4e9)],
        "kinship": [job.kinship()],
        "claims": [light_job(seconds=1, host=0.4e9)],
        "provenance": [light_job(host=0.4e9)],
        "figures": [light_job(seconds=8, host=0.8e9)],
        "report": [light_job(seconds=3, host=0.4e9)],
    }
    return {rule: Step(tuple(each)) for rule, each in steps.items() if each}


def resources(config: dict, rule: str, attempt: int = 1) -> dict[str, int | str]:
    """The resources of a rule's jobs: the estimate with a safety margin, increased with each attempt.

    Args:
        config: a checked config, whose `gpu` is the kind of GPU.
        rule: name of a rule, as in `costs`.
        attempt: number of the attempt, from 1.

    Returns:
        mem_mb: MiB of RAM, 1.2 times the estimate plus Snakemake's own processes; times 1.5 with each attempt.
        runtime: minutes, twice the estimate plus ten; doubled with each attempt, up to `cluster.max_runtime`.
        disk_mb: MiB of the outputs.
        gpu: number of GPUs; 0 if the site has generic resources (`cluster.gres`).
        gres: generic resources, such as `gpu:a100:2`; empty if the site has none.

    Raises:
        UserError: as for `costs`.
    """
    cost, cluster = _steps(json.dumps(config))[rule].cost, config["cluster"]
    return {
        "mem_mb": math.ceil((1.2 * cost.host_bytes / 2**20 + SNAKEMAKE) * 1.5 ** (attempt - 1)),
        "runtime": min(
            math.ceil((2 * cost.seconds / 60 + 10) * 2 ** (attempt - 1)), cluster["max_runtime"] or sys.maxsize
        ),
        "disk_mb": math.ceil(cost.disk_bytes / 2**20),
        "gpu": 0 if cluster["gres"] else cost.gpus,
        "gres": f"{cluster['gres']}:{cost.gpus}" if cluster["gres"] and cost.gpus else "",
    }


def seconds(config: dict) -> dict[str, float]:
    """The estimated seconds of a job of each rule, the mean over its jobs.

    Args:
        config: a checked config, whose `gpu` is the kind of GPU.
    """
    steps = _steps(json.dumps(config))
    return {rule: sum(job.seconds for job in step.each) / step.jobs for rule, step in steps.items()}


@cache
def _steps(described: str) -> dict[str, Step]:
    """The costs of a config given as JSON, cached because Snakemake asks for each resource of each job.

    All experiments are included, because a user may request outputs that the config's experiments do not need; but
    fidelity only if it is one of them, because its model must fit on one GPU.
    """
    config = json.loads(described)
    config |= {
        "experiments": [*EXPERIMENTS, *config["experiments"]],
        "importance": config["importance"] | {"at": "further"},
    }
    return costs(config, config["gpu"])
