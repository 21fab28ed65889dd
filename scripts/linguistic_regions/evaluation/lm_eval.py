"""Tasks of the Language Model Evaluation Harness (lm-eval), an optional dependency: envs/lm_eval.txt.

The harness gets the live model, in any condition. Its cache of responses is not used, because its key is not the model
but the request: a lesioned model would get the intact one's answers. It runs no code from the hub.
"""

import logging
import random
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from importlib.metadata import version
from math import log
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from linguistic_regions.evaluation.conditions import wanted_under
from linguistic_regions.evaluation.protocol import Columns, Subject
from linguistic_regions.planning import plan
from linguistic_regions.planning.evaluations import Plan
from linguistic_regions.runtime.checksums import fingerprint
from linguistic_regions.runtime.errors import UserError

if TYPE_CHECKING:
    import torch
    from lm_eval.api.task import Task
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

DOCUMENTS = 5000  # of a task, and tokens of a document: assumed for costs, because only the loaded task tells
TOKENS = 200
SEED, FEWSHOT_SEED = 0, 1234  # as the harness's own program has them
COLUMNS = ("language", "domain", "item", "document", "tokens", "nll", "bytes")
COLUMNS += ("group", "task", "metric", "value", "harness")


def planned(config: dict) -> Plan | None:
    """Return what a run measures: the tasks of `lm_eval`; None without tasks."""
    settings = config["lm_eval"]
    if not settings["tasks"]:
        return None
    return Plan(
        inputs=plan.task_files(settings["include_path"]),
        options={
            "tasks": settings["tasks"],
            "limit": settings["limit"],
            "include_path": settings["include_path"],
            "regions": settings["regions"],
            "bos": config["tokens"]["bos"],
            "batch": max(1, config["batch_tokens"] // config["tokens"]["block_size"]),
        },
        tokens=len(settings["tasks"]) * (settings["limit"] or DOCUMENTS) * TOKENS,
    )


@dataclass(frozen=True)
class Measurement:
    """The answers to tasks, document by document.

    Attributes:
        tasks: names of tasks, groups or tags of the harness; none: nothing is measured.
        limit: maximum number of documents of each task, from its beginning; None: all.
        include_path: folder of further tasks; None: no further ones.
        regions: kinds of regions under which to measure, once each.
        bos: whether a text begins with BOS; None: if the tokenizer begins a text with BOS.
        batch: sequences per forward pass.
    """

    tasks: tuple[str, ...] = ()
    limit: int | None = None
    include_path: Path | None = None
    regions: tuple[str, ...] = ()
    bos: bool | None = None
    batch: int = 1

    @property
    def wanted(self) -> bool:
        """Whether there is anything to measure."""
        return bool(self.tasks)

    def wanted_in(self, labels: Mapping) -> bool:
        """Whether to measure in a condition: the intact model, or a region of these kinds."""
        return wanted_under(labels, self.regions)

    @cached_property
    def _own_files(self) -> str:
        files = plan.task_files(self.include_path)
        return fingerprint(part for path in files for part in (path, np.fromfile(path, np.uint8)))

    def fingerprint(self) -> str:
        """Identify the tasks, the files of further ones, the settings and the harness."""
        return fingerprint([self.tasks, self.limit, self._own_files, self.bos, self.batch, version("lm_eval")])

    @cached_property
    def _loaded(self) -> dict[str, dict[str, "Task"]]:
        """The tasks of each name, by their own names."""
        from lm_eval.tasks import TaskManager

        manager = TaskManager(include_path=self.include_path and str(self.include_path))
        return {name: _load(name, manager) for name in self.tasks}

    def measure(self, subject: Subject) -> Columns:
        """Return a row per document and metric, with more columns: `group`, `task`, `metric`, `value` and `harness`.

        Only metrics that are a mean over documents, and bits per byte, have values of single documents; others are left
        out. `nll` and `bytes` are of the texts that were scored for a document, such as all choices together, and 0 of
        generated ones. `tokens` is 0, because the harness does not give it.

        Raises:
            UserError: the harness has no such task, or the task cannot be loaded or needs code that is not run.
        """
        from lm_eval.evaluator import evaluate

        was_training = subject.model.training
        rows, shared = [], {"language": "", "domain": "lm_eval", "tokens": 0, "harness": version("lm_eval")}
        for group in self.tasks:
            with _seeded(subject.model.device), _without_hub_code():
                tasks = self._loaded[group]
                for task in tasks.values():
                    task.set_fewshot_seed(FEWSHOT_SEED)
                found = evaluate(_harness_model(self, subject), {"tasks": tasks}, self.limit, bootstrap_iters=0)
                answered = [row for name, task in tasks.items() for row in _rows(name, task, found["samples"][name])]
            if not answered:
                raise UserError(f"lm_eval.tasks: {group} has no metric that is a mean over documents; leave it out")
            rows += [{**row, **shared, "group": group} for row in answered]
        subject.model.train(was_training)
        return {name: [row[name] for row in rows] for name in COLUMNS}


def _load(name: str, manager: "TaskManager") -> dict[str, "Task"]:
    """The tasks of a name, which is that of one or of a group."""
    if name not in manager.all_tasks:
        nearest = get_close_matches(name, manager.all_tasks, 1)
        advice = f"did you mean {nearest[0]}?" if nearest else "check the name and lm_eval.include_path"
        raise UserError(f"lm_eval.tasks: lm-eval {version('lm_eval')} has no task {name}; {advice}")
    with _without_hub_code() as refused:
        try:
            tasks, reason = manager.load([name])["tasks"], ""
        except Exception as error:  # of any package that a task uses
            tasks, reason = {}, (str(error).splitlines() or [type(error).__name__])[0]
    if refused:
        raise UserError(f"lm_eval.tasks: {name} needs code from the hub ({refused[0]}), which is not run; leave it out")
    if reason:
        raise UserError(f"lm_eval.tasks: {name} cannot be loaded: {reason}; check its data and the network")
    for task in tasks.values():
        if getattr(task, "UNSAFE_CODE", False) or getattr(task, "MULTIMODAL", False):
            raise UserError(f"lm_eval.tasks: {name} runs what the model writes, or needs images or sound; leave it out")
        if task.get_config("num_fewshot") is None:
            task.set_config(key="num_fewshot", value=0)
    return tasks


def _harness_model(settings: Measurement, subject: Subject) -> "HFLM":
    """The live model as the harness wants it, which sets the precision itself: its autocast overrides one around it."""
    from lm_eval.models.huggingface import HFLM

    from linguistic_regions.model.precision import mixed_precision
    from linguistic_regions.model.tokenizer import load_tokenizer

    is_mixed = mixed_precision(subject.precision, subject.model.device)
    logging.disable(logging.WARNING)  # it warns of live models
    try:
        return HFLM(
            pretrained=subject.model,
            backend="causal",
            tokenizer=load_tokenizer(subject.folder, subject.trust_remote_code),  # its own, which it changes
            batch_size=settings.batch,
            add_bos_token=settings.bos,
            mixed_precision_dtype="bfloat16" if is_mixed else None,
            softmax_dtype="float32",
        )
    finally:
        logging.disable(logging.NOTSET)


def _rows(name: str, task: "Task", samples: list[dict]) -> list[dict]:
    """A row per document and metric of a task."""
    from lm_eval.api.metrics import mean, nanmean

    aggregations, rows, left_out = task.aggregation(), [], set()
    for sample in samples:
        document = f"{name}/{sample['doc_id']}"
        scored = [_scored(*each) for each in zip(sample["arguments"], sample["resps"], strict=True)]
        nll, size = (sum(part) for part in zip(*scored, strict=True))
        row = {"item": document, "document": document, "nll": nll, "bytes": size, "task": name}
        for metric in sample["metrics"]:
            value = sample[metric]
            if metric == "bits_per_byte":
                value = -value[0] / (value[1] * log(2))
            elif aggregations.get(metric, mean) not in (mean, nanmean):
                left_out.add(metric)
                continue
            full_name = metric if sample["filter"] == "none" else f"{metric},{sample['filter']}"
            rows.append({**row, "metric": full_name, "value": float(value)})
    if left_out:
        logging.info("%s: left out, because they are no means: %s", name, ", ".join(sorted(left_out)))
    return rows


def _scored(arguments: tuple, responses: list) -> tuple[float, int]:
    """The negative log-likelihood of a request's text, and its bytes; zeros if the text was generated."""
    match responses[0]:
        case (float(likelihood), bool()) | float(likelihood):
            return -likelihood, len(arguments[-1].encode())
        case _:
            return 0.0, 0


@contextmanager
def _seeded(device: "torch.device") -> Iterator[None]:
    """Seed all generators inside the block, because tasks may draw; give them their states back afterwards."""
    import torch

    states = random.getstate(), np.random.get_state()
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        random.seed(SEED)
        np.random.seed(FEWSHOT_SEED)
        torch.manual_seed(FEWSHOT_SEED)
        try:
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])


@contextmanager
def _without_hub_code() -> Iterator[list[str]]:
    """Inside the block, let nothing be loaded by the package `evaluate`, which runs code from the hub.

    Yields a list that gets the names of what was asked for. The program evaluate.py has the package's name, so tasks
    could not import it anyway.
    """
    refused: list[str] = []

    def load(name: str, *_, **__) -> None:
        refused.append(name)
        raise UserError(f"{name} is code from the hub")

    stand_in, before = ModuleType("evaluate"), sys.modules.get("evaluate")
    stand_in.load = load
    sys.modules["evaluate"] = stand_in
    try:
        yield refused
    finally:
        del sys.modules["evaluate"]
        if before:
            sys.modules["evaluate"] = before
