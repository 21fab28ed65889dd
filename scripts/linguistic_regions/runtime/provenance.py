"""What made a run's results: config, software, data and hardware; and what differs between two runs."""

import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from linguistic_regions.runtime.images import pins
from linguistic_regions.runtime.version import VERSION, revision

REVISION = "LINGUISTIC_REGIONS_REVISION"  # the workflow sets it: a container has no git
ABSENT = "–"


def record(config: Mapping, manifests: Sequence[Mapping], model: Mapping | None = None) -> dict:
    """What makes results, now and here.

    Args:
        config: as it was checked, seeds included.
        manifests: of each language's text.
        model: where the base model comes from; None: it was made here.

    Returns:
        `config`; `model`: what source.json beside it says, which is what the config calls it and its public name, its
        revision and commit on the hub, and how its weights were quantized in a GGUF file; `software`: version,
        revision, Python and the pinned packages as they are installed; `data`: for each language its source and the
        SHA-256 of its splits; `hardware`: of the machine that runs this.
    """
    return {
        "config": dict(config),
        "model": dict(model or {}),
        "software": {
            "linguistic-regions": VERSION,
            "revision": os.environ.get(REVISION) or revision(),
            "python": platform.python_version(),
            **{name: _installed(name) for name in (pin.split("==")[0] for pin in pins())},
        },
        "data": {
            _text(manifest, config): {
                "source": manifest["source"],
                **{split: counts["sha256"] for split, counts in manifest["splits"].items()},
            }
            for manifest in manifests
        },
        "hardware": {
            "system": platform.platform(),
            "processor": _first("/proc/cpuinfo", "model name") or platform.machine(),
            "cores": os.cpu_count(),
            "memory": _first("/proc/meminfo", "MemTotal"),
            "gpus": [_first(path, "Model") for path in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))],
        },
    }


def differences(first: Mapping, second: Mapping) -> list[tuple[str, object, object]]:
    """The keys, dotted, whose values differ between two descriptions, with both values; absent ones are `ABSENT`."""
    a, b = dict(_flat(first)), dict(_flat(second))
    return [(key, a.get(key, ABSENT), b.get(key, ABSENT)) for key in {**a, **b} if a.get(key) != b.get(key)]


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _first(path: str | Path, key: str) -> str | None:
    """The value of the first line "key: value" of a file; None without one."""
    try:
        lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(key) and ":" in line), None)


def _flat(value: object, prefix: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, value


def _text(manifest: Mapping, config: Mapping) -> str:
    """A text's name: its language, and its domain if that is a further one."""
    first = config.get("corpora", {}).get("domain", "")
    domain = manifest.get("domain", first)
    return manifest["language"] if domain == first else f"{manifest['language']}/{domain}"
