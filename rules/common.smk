# What all rules share: the checked config, the environment of the programs, and how options become flags.

import json
import os
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

sys.path.insert(0, f"{workflow.basedir}/scripts")

from linguistic_regions import configuration, recipes
from linguistic_regions.commands import UserError

try:
    config.update(configuration.check(config))
except UserError as error:
    raise WorkflowError(str(error)) from None

# The interpreter that runs Snakemake runs the programs, in a virtual environment that is not activated too.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
# Large tensors come from the heap, which keeps its pages, not from fresh mappings that fault each page in anew:
# training on a CPU is 1.3 times faster.
os.environ.setdefault("MALLOC_MMAP_MAX_", "0")
os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", str(2**34))
os.environ.setdefault("MALLOC_TOP_PAD_", str(2**26))


def at(path):
    """A place in the run's results, for params; inputs and outputs say <results>."""
    return f"results/{config['run']}/{path}"


def flags(**options):
    """Options as the flags of a program: None and empty lists are left out."""
    words = []
    for name, value in options.items():
        flag = "--" + name.replace("_", "-")
        if value is None or value == [] or value == {}:
            continue
        if isinstance(value, bool):
            words.append(flag if value else flag.replace("--", "--no-", 1))
        else:
            words += [flag, *(value if isinstance(value, list) else [value])]
    return shlex.join(str(word) for word in words)


def computing(config):
    """The flags that every program with a schedule or a model takes."""
    return {"precision": config["precision"], "batch_tokens": config["batch_tokens"]}
