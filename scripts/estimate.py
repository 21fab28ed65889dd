"""Estimate the costs of a run: jobs, operations, time, GPUs, memory and disk space of each rule."""

import logging
from collections.abc import Sequence
from pathlib import Path

from linguistic_regions.planning import configuration, plan, selectable
from linguistic_regions.planning.configfiles import merged, read
from linguistic_regions.planning.costs import Step, costs, machine, shapes
from linguistic_regions.planning.costs.decoder import Shape
from linguistic_regions.planning.costs.gpus import gpu as gpu_called
from linguistic_regions.reporting.formats import percent
from linguistic_regions.runtime import provenance
from linguistic_regions.runtime.cli import run
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.options import Folder
from linguistic_regions.runtime.storage import read_json

DEFAULTS = Path(__file__).parents[1] / "config.yaml"
INTERMEDIATES = {"package": "packages", "further": "further", "importance": "importance"}  # rules: names in `keep`
HEADINGS = ["rule", "jobs", "operations", "time per job"]
ON_GPU = ["GPUs", "GPU hours", "GPU memory"]
ON_CPU = ["threads", "CPU hours"]
SIZES = ["RAM per job", "intermediates", "results"]
NOTHING = "–"
SHORT = 2.0  # seconds; less is mostly the start of a program


def main(*, configfile: tuple[Path, ...] = (), gpu: str | None = None, measured: Folder | None = None) -> None:
    """Print the estimated costs of each rule, the assumptions, and which intermediate files are deleted.

    What a run would lack, such as a text that is not there yet, is named on standard error.

    Example: .venv/bin/python scripts/estimate.py --configfile configs/llama2-7b.yaml --gpu h100

    Args:
        configfile: files with the keys that differ from config.yaml, as for Snakemake's --configfile.
        gpu: kind of GPU, a name in resources/gpus.tsv; None: the config's kind, or the CPU if it names none.
        measured: results of a finished run of this config, such as results/demo, to compare its times with the
            estimate.
    """
    config: dict = {}
    for path in (DEFAULTS, *configfile):
        config = merged(config, read(path))
    config = configuration.check(config)
    gpu = gpu or config["gpu"]
    shape, steps = shapes.shape(config), costs(config, gpu)
    selectable.check(config, shape)
    try:
        configuration.check_files(config)
    except UserError as missing:
        logging.warning("%s (a run needs it, the estimate does not)", missing)
    if measured:
        _warn_of_other_config(config, measured)
        print("\n".join(_comparison(steps, measured)))
        return
    print(
        f"{config['run']}: {plan.model_name(config)}; {shape.parameters / 1e6:,.1f} million weights, "
        f"{shape.matrices / 1e6:,.1f} of them selectable; on {gpu or 'the CPU'}\n"
    )
    rows = [HEADINGS + (ON_GPU if gpu else ON_CPU) + SIZES]
    rows += [_row(rule, step, bool(gpu)) for rule, step in steps.items()]
    print(_aligned([*rows, _total(steps, bool(gpu))]) + "\n")
    print("\n".join(_notes(config, shape, steps, gpu)))


def _warn_of_other_config(config: dict, results: Path) -> None:
    """Warn if the results were made with another config than the one whose costs are estimated."""
    record = results / "provenance.json"
    made_with = read_json(record).get("config", {}) if record.exists() else {}
    differing = dict.fromkeys(key.split(".")[0] for key, *_ in provenance.differences(config, made_with))
    if made_with and differing:
        logging.warning("%s was made with another config, which differs in %s", results, ", ".join(differing))


def _comparison(steps: dict[str, Step], results: Path) -> list[str]:
    """A Markdown table of the estimated and the measured time of each rule that took at least `SHORT` seconds.

    Raises:
        UserError: the run has no benchmarks.
    """
    lines = ["| rule | jobs | estimated | measured | measured / estimated |", "| --- | --: | --: | --: | --: |"]
    for rule, step in steps.items():
        folder = results / "benchmarks"
        files = [*folder.glob(f"{rule}.tsv"), *folder.glob(f"{rule}/**/*.tsv")]
        seconds = sum(float(path.read_text(encoding="utf-8").splitlines()[1].split()[0]) for path in files)
        expected = sum(job.seconds for job in step.each)
        if seconds >= SHORT:
            ratio = f"{seconds / expected:.2f}"
            lines.append(f"| {rule} | {len(files)} | {expected:.0f} s | {seconds:.0f} s | {ratio} |")
    if len(lines) == 2:
        raise UserError(f"--measured: {results} has no benchmarks: name the results of a finished run")
    return lines


def _row(rule: str, step: Step, on_gpu: bool) -> list[str]:
    cost, disk = step.cost, _bytes(_disk(step))
    count, memory = (cost.gpus, [_bytes(cost.device_bytes)]) if on_gpu else (cost.threads, [])
    device = [str(count), _hours(step, on_gpu), *memory] if count else [NOTHING] * len(ON_GPU)
    sizes = [disk, NOTHING] if rule in INTERMEDIATES else [NOTHING, disk]
    return [rule, str(step.jobs), _flops(step), _time(cost.seconds), *device, _bytes(cost.host_bytes), *sizes]


def _total(steps: dict[str, Step], on_gpu: bool) -> list[str]:
    """The last row: the sums."""
    every = Step(tuple(job for step in steps.values() for job in step.each))
    intermediates = sum(_disk(step) for rule, step in steps.items() if rule in INTERMEDIATES)
    device = [NOTHING, _hours(every, on_gpu), *([NOTHING] if on_gpu else [])]
    sizes = [_bytes(intermediates), _bytes(_disk(every) - intermediates)]
    return ["total", str(every.jobs), _flops(every), NOTHING, *device, NOTHING, *sizes]


def _notes(config: dict, shape: Shape, steps: dict[str, Step], gpu: str | None) -> list[str]:
    """The assumptions, what is not counted, and which intermediate files are deleted."""
    speed = f"a CPU thread does {machine.CPU_FLOPS / 1e12:g} TFLOP/s"
    if gpu:
        kind = gpu_called(gpu)
        peak = kind.fp32_flops if config["precision"] == "fp32" else kind.bf16_flops
        speed = (
            f"passes reach {percent(machine.TRAINING_SHARE)} of {peak / 1e12:g} TFLOP/s, forward passes alone "
            f"{percent(machine.FORWARD_SHARE)}; {percent(machine.USABLE)} of {kind.memory / 2**30:.0f} GiB are usable"
        )
    dropped = [rule for rule, name in INTERMEDIATES.items() if rule in steps and name not in config["keep"]]
    listed = ", ".join(f"{INTERMEDIATES[rule]} ({_bytes(_disk(steps[rule]))})" for rule in dropped)
    return [
        f"Assumed: {speed}.",
        "Times may be wrong by a factor of two; memory and disk space are upper bounds.",
        "Not counted: waiting, further attempts, the hub's cache, container images, and the checkpoints of each",
        f"running job of training or scoring, up to {_bytes(2 * 12 * shape.parameters)}.",
        f"Deleted when no longer needed: {listed or 'nothing'}; kept: {', '.join(config['keep']) or 'nothing'}.",
    ]


def _disk(step: Step) -> float:
    return sum(job.disk_bytes for job in step.each)


def _hours(step: Step, on_gpu: bool) -> str:
    """GPU hours, or hours of CPU threads, of all jobs."""
    hours = sum(job.seconds * (job.gpus if on_gpu else job.threads) for job in step.each) / 3600
    return f"{hours:,.2f}" if hours >= 0.01 else "<0.01"


def _flops(step: Step) -> str:
    """Operations of all jobs."""
    flops = sum(job.flops for job in step.each)
    return f"{_scaled(flops, 1000, ('', 'k', 'M', 'G', 'T', 'P', 'E', 'Z', 'Y'))}FLOP" if flops else NOTHING


def _bytes(value: float) -> str:
    return f"{_scaled(value, 1024, ('', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi'))}B"


def _scaled(value: float, base: int, prefixes: Sequence[str]) -> str:
    """A quantity with three significant digits and a prefix, such as "1.2 E" for 1.2e18."""
    index = 0
    while value >= base and index + 1 < len(prefixes):
        value, index = value / base, index + 1
    return f"{value:.0f} {prefixes[index]}" if value >= 100 else f"{value:.3g} {prefixes[index]}"


def _time(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"


def _aligned(rows: list[list[str]]) -> str:
    """Rows as text, with the first column left-aligned and the others right-aligned."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *figures in rows:
        padded = [figure.rjust(width) for figure, width in zip(figures, widths[1:], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *padded]))
    return "\n".join(lines)


if __name__ == "__main__":
    run(main)
