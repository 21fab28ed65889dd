"""The state of work that may be killed: saved now and then, and gone on from.

It lies outside declared outputs, which a workflow deletes before it runs a job again. A checkpoint is one safetensors
file, or one for each process that holds a part of the state.
"""

import json
import logging
import math
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from transformers import PreTrainedModel

from linguistic_regions.runtime import locks, tensorfile
from linguistic_regions.runtime.checksums import fingerprint
from linguistic_regions.runtime.compute import has_bfloat16
from linguistic_regions.runtime.distributed import broadcast_from_main, local_shard, processes
from linguistic_regions.runtime.storage import atomic_write, remove


@dataclass(frozen=True)
class Checkpoints:
    """Where a piece of work keeps its state while it runs, and its results until those of the whole job are there.

    Of several processes all ask for `identity`, `latest` and `finished`; the main process looks.

    Attributes:
        folder: made when needed; the program removes it when its outputs are whole.
        minutes: time between two checkpoints; the last two are kept.
        products: what the finished work leaves in the folder besides its results; without it, it is not finished.
        facts: what results follow from besides what the work itself counts in its identity: the program, the text they
            are measured on, regions.
    """

    folder: Path
    minutes: float = 10.0
    products: tuple[str, ...] = ()
    facts: tuple = ()

    def identity(self, model: PreTrainedModel, *facts: object) -> str:
        """A digest of all that some work starts from: facts, the model to its last bit, and what it is computed on."""
        if not processes().is_main_process:
            return broadcast_from_main("")
        return broadcast_from_main(fingerprint(chain(self.facts, facts, _computing(model), _model(model))))

    def due(self, saved: float) -> bool:
        """Whether the last checkpoint, saved at this time (`time.monotonic()`), is old enough for another."""
        return time.monotonic() - saved > 60 * self.minutes

    def latest(self, identity: str, parts: int = 1) -> str | None:
        """The newest whole checkpoint of the work with this identity, for `load`; newer ones are removed."""
        return broadcast_from_main(self._latest(identity, parts) if processes().is_main_process else None)

    def _latest(self, identity: str, parts: int) -> str | None:
        for step in sorted({path.name.split(".")[0] for path in self.folder.glob("step-*")}, reverse=True):
            files = [self._part(step, number, parts) for number in range(parts)]
            if all(path.exists() and _is_of(path, identity) for path in files):
                return step
            self._remove(step)
        return None

    def load(self, step: str, part: int = 0, parts: int = 1) -> tuple[int, list[dict], safe_open]:
        """What was saved: the number of the step, rows of results so far, and the open file of this part's tensors."""
        file = safe_open(self._part(step, part, parts), "pt")
        metadata = file.metadata()
        return int(metadata["step"]), json.loads(metadata["results"]), file

    def save(
        self,
        step: int,
        tensors: dict[str, torch.Tensor],
        results: list[dict],
        identity: str,
        part: int = 0,
        parts: int = 1,
    ) -> None:
        """Write this part of a checkpoint (float32 tensors, one after another), and remove all but the last two."""
        metadata = {"step": str(step), "results": json.dumps(results), "identity": identity}
        shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        with tensorfile.create(self._part(f"step-{step:09d}", part, parts), shapes, "float32", metadata) as file:
            for name, tensor in tensors.items():  # copied: memory that numpy has seen cannot be resized, as FSDP does
                file.write(name, tensor.detach().to("cpu", copy=True).numpy())
        if part == 0:
            for old in sorted({path.name.split(".")[0] for path in self.folder.glob("step-*")})[:-2]:
                self._remove(old)

    def finish(self, results: list[dict], identity: str) -> None:
        """Note that the work is done, and remove its checkpoints: of several pieces of a job it need not run again."""
        with atomic_write(self.folder / "finished.json") as file:
            file.write_text(json.dumps({"identity": identity, "results": results}), encoding="utf-8")
        for path in self.folder.glob("step-*"):
            remove(path)

    def finished(self, identity: str) -> list[dict] | None:
        """The results of the work with this identity, if it is done and its products are still there.

        If not, what stands there is of other work and is removed, so that it never vouches for what comes now.
        """
        return broadcast_from_main(self._finished(identity) if processes().is_main_process else None)

    def _finished(self, identity: str) -> list[dict] | None:
        try:
            noted = json.loads((self.folder / "finished.json").read_text(encoding="utf-8"))
            complete = all((self.folder / product).exists() for product in self.products)
            if complete and noted["identity"] == identity:
                return noted["results"]
        except (FileNotFoundError, ValueError, KeyError, TypeError):  # not there, or damaged: the work is done again
            pass
        remove(self.folder / "finished.json")
        return None

    def _part(self, step: str, part: int, parts: int) -> Path:
        return self.folder / (f"{step}.safetensors" if parts == 1 else f"{step}.part-{part + 1}-of-{parts}.safetensors")

    def _remove(self, step: str) -> None:
        for path in self.folder.glob(f"{step}.*"):
            path.unlink()


def acquire_lock(folder: Path) -> None:
    """See that no other process works on what this one keeps its state of, such as one whose Snakemake was killed.

    Raises:
        UserError: one does.
    """
    if processes().is_main_process:
        locks.acquire(folder / ".lock", str(folder))


def _is_of(path: Path, identity: str) -> bool:
    """Whether a file of a checkpoint is of the work with this identity, and holds what was written."""
    try:
        if tensorfile.metadata(path).get("identity") != identity:
            return False
        for tensor in tensorfile.index([path]).values():
            tensor.values(0, math.prod(tensor.shape))
    except SafetensorError as error:
        logging.warning("%s is damaged (%s): it is not gone on from", path, error)
        return False
    return True


def _computing(model: PreTrainedModel) -> Iterator[object]:
    yield processes().num_processes
    yield model.device.type
    yield has_bfloat16(model.device)  # on which precision "auto" depends


def _model(model: PreTrainedModel) -> Iterator[object]:
    """The settings and all weights (of a model that is spread, those that this process holds)."""
    settings = model.config.to_dict()
    yield {key: settings[key] for key in sorted(settings) if key not in ("_name_or_path", "transformers_version")}
    for name, weight in model.named_parameters():
        yield name, tuple(weight.shape), weight.dtype, weight.requires_grad
        # Copied: memory that numpy has seen cannot be resized, as FSDP does.
        yield local_shard(weight.detach()).to("cpu", copy=True).contiguous().view(-1).view(torch.uint8).numpy()


@contextmanager
def deferred_sigterm() -> Iterator[list[int]]:
    """Hold back SIGTERM, by which clusters announce the end: the block sees it in the list that it gets, and can save.

    When the block is left the signal that came does what it would have done.
    """
    came: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: came.append(number))
    try:
        yield came
    finally:
        signal.signal(signal.SIGTERM, before)
        if came:
            os.kill(os.getpid(), signal.SIGTERM)
