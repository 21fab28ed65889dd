# What all rules share: the checked config, the environment of the programs, and how options become flags.

import json
import os
import re
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

ROOT = Path(str(workflow.current_basedir)).parent  # of this workflow, wherever Snakemake runs
sys.path.insert(0, str(ROOT / "scripts"))

from linguistic_regions.planning import arms, catalog, configuration, corpora, costs, evaluations, plan
from linguistic_regions.regions import recipes
from linguistic_regions.runtime import environment, programs, version
from linguistic_regions.runtime.errors import UserError

try:
    config.update(configuration.check(config))
    configuration.check_files(config)
    costs.costs(config, config["gpu"])  # so that a model or GPU that is not known is an error here
except UserError as error:
    raise WorkflowError(str(error)) from None


TRUST = {"trust_remote_code": True} if config["model"]["pretrained"] and config["model"]["trust_remote_code"] else {}


os.environ.update(
    PROGRAMS=str(ROOT / "scripts"),
    # The interpreter that runs Snakemake runs the programs, in a virtual environment that is not activated too.
    PATH=os.pathsep.join([str(Path(sys.executable).parent), *os.get_exec_path()]),
    HF_HOME=str(environment.hub_cache()),
    MPLCONFIGDIR=str(Path(".snakemake/matplotlib").absolute()),  # the home of a container is the working directory
    APPTAINER_BIND=environment.bind_mounts([ROOT, *plan.named_files(config)]),
    LINGUISTIC_REGIONS_REVISION=version.revision(),  # for containers, which have no git
    **environment.MALLOC,
)


def at(path):
    """A place in the run's results, for params; inputs and outputs say <results>."""
    return lambda wildcards: f"results/{config['run']}/{path}".format(**wildcards)


def flags(**options):
    """Options as the flags of a program: None and empty lists are left out."""
    words = []
    for name, value in options.items():
        if value is not None and value != []:
            words += [f"--{name.replace('_', '-')}", *(value if isinstance(value, list) else [value])]
    return shlex.join(str(word) for word in words)


# The folder of a base model that was fetched, which says where it came from and what it is called.
FETCHED = flags(model=f"{plan.results(config)}/models/base" if config["model"]["pretrained"] else None)

# Where tables and report find the model's name: in that folder, unless the config gives it or it was pretrained here.
NAMED = FETCHED if FETCHED and not config["model"]["name"] else flags(model_name=plan.model_name(config))


def watched(paths):
    """People's files as inputs; those whose names hold braces, which Snakemake cannot take, only their stamps watch."""
    return [path for path in paths if not set("{}") & set(path)]


def literal(text):
    """Text for params that may hold braces, which Snakemake would take for wildcards."""
    return lambda wildcards: text


def blocks(texts, split):
    """The token blocks of some splits of several texts."""
    return expand("<results>/tokens/{text}/{split}.parquet", text=texts, split=split)


def needs(rule):
    """The resources of a rule's jobs as estimated, and more of them at each further attempt."""
    return {
        name: lambda wildcards, attempt, name=name: costs.resources(config, rule, attempt)[name]
        for name in ("mem_mb", "runtime", "disk_mb", "gpu", "gres")
    }


def intermediate(kind, path):
    """An output that is deleted once nothing needs it any more, unless the config keeps its kind."""
    return path if kind in config["keep"] else temp(path)


def computing_flags(**options):
    """The flags of every program that runs the model, and its own."""
    return flags(precision=config["precision"], batch_tokens=config["batch_tokens"], **TRUST, **options)


def training_flags(**options):
    """The flags that all training on one language shares, and those of one experiment.

    How often to save a checkpoint changes no result: it is a resource of the rules, whose edit reruns nothing.
    """
    shared = {key: value for key, value in config["training"].items() if key != "checkpoint_minutes"}
    return computing_flags(activation_checkpointing=config["activation_checkpointing"], **shared, **options)


def measured_flags(texts, split):
    """The flags of a training that say on which text it measures perplexity."""
    options = {"texts": texts, "split": split, "max_blocks": config["tokens"][f"{split}_blocks"]}
    options |= {"tokens_folder": f"{plan.results(config)}/tokens", "domain": config["corpora"]["domain"]}
    return flags(**{f"perplexity.{option}": value for option, value in options.items()})


def arm_flags(wildcards, input):
    """The flags of a training that say which regions it zeroes, freezes or trains alone."""
    return flags(**{role: input[role] for role in ("zero", "freeze", "train_only") if role in input.keys()})


def importance_flags(estimator):
    """The flags of a job that scores the weights by this estimator."""
    importance, model = config["importance"], config["model"]
    return computing_flags(
        milestones=importance["samples"],
        micro_batch=importance["micro_batch"] if estimator == "taylor_abs" else None,
        checks=plan.checks(config) if estimator != "magnitude" else [],
        ratio=importance["stability"]["ratio"],
        stop_at=importance["stability"]["stop_at"],
        offload=importance["offload"],
        activation_checkpointing=config["activation_checkpointing"],
        **{key: model[key] for key in ("dtype", "include", "exclude")},
    )


# What is recorded in each region: the model, and how importance was measured.
ORIGIN = flags(
    **{f"origin.{key}": config["model"][key] for key in ("revision", "include", "exclude")},
    **{f"origin.{key}": config["importance"][key] for key in ("at", "micro_batch")},
    **{"origin.model": config["model"]["pretrained"] or "scratch"},
    fetched=f"{plan.results(config)}/models/base" if config["model"]["pretrained"] else None,
)
