"""What a config will cost, before anything runs: the jobs of each rule, and what each takes. Needs no torch.

`workload` says which jobs there are, `jobs` what one takes; `formulas` are of passes through the model, `machine` of
speeds and memory.
"""

import json
import math
import sys
from dataclasses import dataclass, fields
from functools import cache

from linguistic_regions.planning import corpora, evaluations, plan
from linguistic_regions.planning.costs import shapes, workload
from linguistic_regions.planning.costs.gpus import gpu
from linguistic_regions.planning.costs.jobs import Jobs
from linguistic_regions.planning.costs.machine import Cost, light

SNAKEMAKE = 400  # MiB of the two Snakemake processes that a Slurm job has beside its program
EXPERIMENTS = ["removal", "retraining", "monolingual", "freezing"]


@dataclass(frozen=True)
class Step:
    """The jobs of one rule."""

    each: tuple[Cost, ...]

    @property
    def jobs(self) -> int:
        """How many there are."""
        return len(self.each)

    @property
    def cost(self) -> Cost:
        """Of one job: each figure is the largest that a job has."""
        return Cost(**{field.name: max(getattr(cost, field.name) for cost in self.each) for field in fields(Cost)})


def costs(config: dict, gpu_name: str | None) -> dict[str, Step]:
    """What each rule of the workflow costs, in the order of the data flow, without those that the config does not need.

    Args:
        config: checked.
        gpu_name: kind of GPU that the jobs which run the model get; None: the CPU.

    Raises:
        UserError: the model or the GPU is unknown, or a job fits on no number of GPUs.
    """
    job = Jobs(config, shapes.shape(config), gpu(gpu_name) if gpu_name else None)
    tokens = sum(each.tokens for each in evaluations.planned(config).values())
    steps = {
        "package": [job.package()] * len(workload.packages(config)),
        "corpus": [job.corpus(text) for text in corpora.texts(config)],
        "tokenizer": [job.tokenizer()],
        "blocks": [job.blocks(text) for text in corpora.texts(config)],
        "samples": [light()],
        "base_model": [job.base_model()],
        "further": [job.further(language) for language in workload.trained(config)],
        "importance": [job.importance(estimator) for estimator, _ in workload.scores(config)],
        "region": [job.region(recipe) for recipe in workload.regions(config).values()],
        "evaluate": [job.evaluate(names, tokens) for names in plan.conditions(config).values()],
        "overlap": [job.overlap()],
        "retraining": [job.experiment("retraining", each["arm"]) for each in plan.trainings(config, "retraining")],
        "freezing": [job.experiment("freezing", each["arm"]) for each in plan.trainings(config, "freezing")],
        "settings": [light()],
        "tables": [light(host=0.4e9)],
        "provenance": [light(host=0.4e9)],
        "figures": [light(seconds=10, host=0.8e9)],
        "report": [light(seconds=1.5, host=0.4e9)],
    }
    return {rule: Step(tuple(each)) for rule, each in steps.items() if each}


def resources(config: dict, rule: str, attempt: int = 1) -> dict[str, int | str]:
    """What a job of a rule asks for: its estimate with headroom, and more at each further attempt.

    Args:
        config: checked; its `gpu` is the kind of GPU.
        rule: as in `costs`.
        attempt: from 1.

    Returns:
        mem_mb: MiB of RAM, a fifth more than estimated, and what Snakemake takes beside a job on a cluster; half as
            much again at each further attempt.
        runtime: minutes, twice the estimate and ten more, doubled at each further attempt; at most what
            `cluster.max_runtime` says.
        disk_mb: MiB that its outputs take.
        gpu: GPUs; 0 at a site that wants them as generic resources.
        gres: GPUs as such a site names them (`cluster.gres`), such as `gpu:a100:2`; empty elsewhere.

    Raises:
        UserError: as `costs`.
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


@cache
def _steps(described: str) -> dict[str, Step]:
    """The costs of a config given as JSON: Snakemake asks for each resource of each job.

    All experiments are on, for a rule's output can be asked for by hand though no experiment of the config needs it.
    """
    config = json.loads(described)
    config |= {"experiments": EXPERIMENTS, "importance": config["importance"] | {"at": "further"}}
    return costs(config, config["gpu"])
