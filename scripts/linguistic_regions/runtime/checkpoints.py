"""Checkpoints of a job that may be killed: its state is saved regularly, and the job is resumed from it.

Checkpoints are not declared as outputs, because Snakemake deletes outputs before it reruns a job. A checkpoint is one
safetensors file, or one per process if the state is sharded.
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


@dataclass(frozen=True)
class Checkpoints:
    """The folder in which a task stores its checkpoints.

    With several processes, all of them must call `fingerprint` and `latest`; only the main process accesses the files.

    Attributes:
        folder: claimed and, when the outputs are complete, discarded by the program (`runtime/locks.py`).
        minutes: time between two checkpoints; the last two are kept.
        dependencies: what the results depend on besides the arguments of `fingerprint`, such as the program, regions,
            and the text on which they are measured.
    """

    folder: Path
    minutes: float = 10.0
    dependencies: tuple = ()

    def fingerprint(self, model: PreTrainedModel, *dependencies: object) -> str:
        """Fingerprint everything that a task depends on: `dependencies`, every bit of the model, and the hardware.

        Returns:
            The same hexadecimal string on all processes.
        """
        if not processes().is_main_process:
            return broadcast_from_main("")
        facts = chain(self.dependencies, dependencies, _hardware(model), _model(model))
        return broadcast_from_main(fingerprint(facts))

    def due(self, saved: float) -> bool:
        """Whether it is time for the next checkpoint, if the last was saved at `saved` (`time.monotonic()`)."""
        return time.monotonic() - saved > 60 * self.minutes

    def latest(self, fingerprint: str, parts: int = 1) -> str | None:
        """Find the newest complete checkpoint with this fingerprint, for `load`; remove the newer ones.

        Args:
            fingerprint: of the task.
            parts: number of files of a checkpoint.

        Returns:
            The checkpoint's name, such as "step-000000040"; None if there is none.
        """
        return broadcast_from_main(self._latest(fingerprint, parts) if processes().is_main_process else None)

    def _latest(self, fingerprint: str, parts: int) -> str | None:
        for step in sorted({path.name.split(".")[0] for path in self.folder.glob("step-*")}, reverse=True):
            files = [self._part(step, number, parts) for number in range(parts)]
            if all(path.exists() and _is_valid(path, fingerprint) for path in files):
                return step
            self._remove(step)
        return None

    def load(self, step: str, part: int = 0, parts: int = 1) -> tuple[int, list[dict], safe_open]:
        """Load a checkpoint.

        Args:
            step: its name, as returned by `latest`.
            part: which part of it to open, from 0.
            parts: number of parts.

        Returns:
            The step number, the rows of results so far, and the open file with this part's tensors.
        """
        file = safe_open(self._part(step, part, parts), "pt")
        metadata = file.metadata()
        return int(metadata["step"]), json.loads(metadata["results"]), file

    def save(
        self,
        step: int,
        tensors: dict[str, torch.Tensor],
        results: list[dict],
        fingerprint: str,
        part: int = 0,
        parts: int = 1,
    ) -> None:
        """Write one part of a checkpoint, and remove all checkpoints but the last two.

        Args:
            step: step number.
            tensors: the state of this part, float32, by name.
            results: rows of results so far.
            fingerprint: of the task.
            part: which part this is, from 0.
            parts: number of parts.
        """
        metadata = {"step": str(step), "results": json.dumps(results), "fingerprint": fingerprint}
        shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        with tensorfile.create(self._part(f"step-{step:09d}", part, parts), shapes, "float32", metadata) as file:
            for name, tensor in tensors.items():  # copied: FSDP resizes tensors, and memory shared with numpy is fixed
                file.write(name, tensor.detach().to("cpu", copy=True).numpy())
        if part == 0:
            for old in sorted({path.name.split(".")[0] for path in self.folder.glob("step-*")})[:-2]:
                self._remove(old)

    def _part(self, step: str, part: int, parts: int) -> Path:
        return self.folder / (f"{step}.safetensors" if parts == 1 else f"{step}.part-{part + 1}-of-{parts}.safetensors")

    def _remove(self, step: str) -> None:
        for path in self.folder.glob(f"{step}.*"):
            path.unlink()


def claim(folder: Path) -> None:
    """Lock a folder of checkpoints, so that no other process uses it, such as one that outlived its Snakemake.

    Raises:
        UserError: another process uses the folder, or it has files of other kinds.
    """
    if processes().is_main_process:
        locks.claim(folder)


def _is_valid(path: Path, fingerprint: str) -> bool:
    """Whether a file of a checkpoint has this fingerprint and is not corrupted."""
    try:
        if tensorfile.metadata(path).get("fingerprint") != fingerprint:
            return False
        for tensor in tensorfile.index([path]).values():
            tensor.values(0, math.prod(tensor.shape))
    except SafetensorError as error:
        logging.warning("%s is corrupted (%s): not resuming from it", path, error)
        return False
    return True


def _hardware(model: PreTrainedModel) -> Iterator[object]:
    yield processes().num_processes
    yield model.device.type
    yield has_bfloat16(model.device)  # decides what precision "auto" means


def _model(model: PreTrainedModel) -> Iterator[object]:
    """The settings and all weights; of a sharded model, the weights that this process holds."""
    settings = model.config.to_dict()
    yield {key: settings[key] for key in sorted(settings) if key not in ("_name_or_path", "transformers_version")}
    for name, weight in model.named_parameters():
        yield name, tuple(weight.shape), weight.dtype, weight.requires_grad
        # Copied: FSDP resizes tensors, and memory shared with numpy is fixed.
        yield local_shard(weight.detach()).to("cpu", copy=True).contiguous().view(-1).view(torch.uint8).numpy()


@contextmanager
def deferred_sigterm() -> Iterator[list[int]]:
    """Defer SIGTERM, which clusters send before they kill a job, so that the block can save its state.

    Yields:
        A list that is empty until SIGTERM arrives. When the block ends, a SIGTERM that arrived is sent again.
    """
    received: list[int] = []
    previous = signal.signal(signal.SIGTERM, lambda number, frame: received.append(number))
    try:
        yield received
    finally:
        signal.signal(signal.SIGTERM, previous)
        if received:
            os.kill(os.getpid(), signal.SIGTERM)
