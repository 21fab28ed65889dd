# Shared by all rules: the checked config, the programs' environment variables, and functions that build options.

import json
import os
import re
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

ROOT = Path(str(workflow.current_basedir)).parent  # folder of this workflow
if not (ROOT / "scripts").is_dir():  # a module whose Snakefile is an address
    raise WorkflowError("the programs are run from a clone: clone the repository, and name the path of its Snakefile")
sys.path.insert(0, str(ROOT / "scripts"))

from linguistic_regions.model import sources
from linguistic_regions.planning import (
    arms,
    catalog,
    configfiles,
    configuration,
    consistency,
    corpora,
    costs,
    evaluations,
    pairs,
    plan,
    selectable,
)
from linguistic_regions.regions import recipes
from linguistic_regions.runtime import environment, programs, version
from linguistic_regions.runtime.errors import UserError

try:
    for path in filter(os.path.exists, workflow.configfiles):  # relative ones, if another workflow moved away
        configfiles.read(path)  # refuses keys that are given twice, of which Snakemake takes the last
    checked = configuration.check(config)
    config.clear()
    config.update(checked)
    configuration.check_files(config)
    selectable.check(config, costs.shapes.shape(config))
    costs.costs(config, config["gpu"])  # reports an unknown model or GPU before any job
except UserError as error:
    raise WorkflowError(str(error)) from None


TRUSTED = config["model"]["pretrained"] and config["model"]["trust_remote_code"]
TRUST_OPTION = {"trust_remote_code": True} if TRUSTED else {}


os.environ.pop("PYTHONSAFEPATH", None)  # programs find the library beside them
os.environ.update(
    PROGRAMS=str(ROOT / "scripts"),
    # Programs are run by Snakemake's interpreter, even if its virtual environment is not activated.
    PATH=os.pathsep.join([str(Path(sys.executable).parent), *os.get_exec_path()]),
    HF_HOME=str(environment.hub_cache()),
    MPLCONFIGDIR=str(Path(".snakemake/matplotlib").absolute()),  # a container's home is the working directory
    APPTAINER_BIND=environment.bind_mounts([ROOT, *plan.user_files(config)]),
    LINGUISTIC_REGIONS_REVISION=version.revision(),  # containers have no git
    **environment.MALLOC,
)


def result_path(path):
    """A path in the run's results, for params, where <results> is not available."""
    return lambda wildcards: f"results/{config['run']}/{path}".format(**wildcards)


def flags(**options):
    """The command-line flags of options; None and empty lists are left out."""
    words = []
    for name, value in options.items():
        if value is not None and value != []:
            words += [f"--{name.replace('_', '-')}", *(value if isinstance(value, list) else [value])]
    return shlex.join(str(word) for word in words)


# The folder of a fetched base model, whose source.json has its origin and its public name.
FETCHED_MODEL = flags(model=f"{plan.results(config)}/models/base" if config["model"]["pretrained"] else None)

# The model's name in tables and report: from that folder, unless the config names it or the model is pretrained here.
IS_NAMED_THERE = FETCHED_MODEL and not config["model"]["name"]
MODEL_NAME = FETCHED_MODEL if IS_NAMED_THERE else flags(model_name=plan.model_name(config))


def input_files(paths):
    """The user's files as inputs, except those with braces in their names, which Snakemake does not support.

    Changes of the latter are detected by the parameter `files`.
    """
    return [path for path in paths if not set("{}") & set(path)]


def constant(text):
    """Text for params that may contain braces, which Snakemake would take for wildcards."""
    return lambda wildcards: text


def blocks(texts, split):
    """The files of token blocks of one or more splits of several texts."""
    return expand("<results>/tokens/{text}/{split}.parquet", text=texts, split=split)


def estimated_resources(rule):
    """The estimated resources of a rule's jobs, which are increased with each attempt."""
    return {
        name: lambda wildcards, attempt, name=name: costs.resources(config, rule, attempt)[name]
        for name in ("mem_mb", "runtime", "disk_mb", "gpu", "gres")
    }


def intermediate(kind, path):
    """An output that is deleted when it is no longer needed, unless the config keeps its kind."""
    return path if kind in config["keep"] else temp(path)


def model_flags(**options):
    """The flags of a program that runs the model: those that all such programs share, and its own."""
    return flags(precision=config["precision"], batch_tokens=config["batch_tokens"], **TRUST_OPTION, **options)


def training_flags(**options):
    """The flags that all training on one language shares, and those of one experiment.

    `checkpoint_minutes` does not change results, so it is a resource of the rules: edits of it rerun nothing.
    """
    shared = {key: value for key, value in config["training"].items() if key != "checkpoint_minutes"}
    return model_flags(activation_checkpointing=config["activation_checkpointing"], **shared, **options)


def perplexity_flags(texts, split):
    """The flags of a training for the texts on which perplexity is measured."""
    options = {"texts": sorted(texts), "split": split, "max_blocks": config["tokens"][f"{split}_blocks"]}
    options |= {"tokens_folder": f"{plan.results(config)}/tokens", "domain": config["corpora"]["domain"]}
    return flags(**{f"perplexity.{option}": value for option, value in options.items()})


def arm_flags(wildcards, input):
    """The flags of a training for the regions that are set to zero, frozen, or trained alone."""
    return flags(**{role: input[role] for role in ("zero", "freeze", "train_only") if role in input.keys()})


def importance_flags(estimator):
    """The flags of a scoring job with this estimator."""
    importance, model = config["importance"], config["model"]
    return model_flags(
        milestones=importance["samples"],
        micro_batch=importance["micro_batch"] if estimator in consistency.BY_MICRO_BATCH else None,
        checks=plan.checks(config) if estimator != "magnitude" else [],
        ratio=importance["stability"]["ratio"],
        stop_at=importance["stability"]["stop_at"],
        offload=importance["offload"],
        activation_checkpointing=config["activation_checkpointing"],
        **{key: model[key] for key in ("dtype", "include", "exclude")},
    )


def origin_flags(recipe):
    """What is recorded in a region's file: the model, and how the scores that it is ranked by were measured."""
    model, importance = config["model"], config["importance"]
    estimators = {scores.split("/")[0] for scores in recipes.ranked_by(recipe)}
    origin = {key: model[key] for key in ("include", "exclude")}
    if model["pretrained"] and isinstance(
        sources.parse_source(model["pretrained"]), sources.HubModel | sources.HubGguf
    ):
        origin["revision"] = model["revision"]
    origin |= {"at": importance["at"], "model": model["pretrained"] or "scratch"}
    if estimators & set(consistency.BY_MICRO_BATCH):
        origin["micro_batch"] = importance["micro_batch"]
    fetched = f"{plan.results(config)}/models/base" if model["pretrained"] else None
    return flags(**{f"origin.{key}": value for key, value in origin.items()}, fetched=fetched)
