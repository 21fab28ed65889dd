"""Provenance of a run's results: config, software, data and hardware; and the differences between two runs."""

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
    """Record the provenance of results made on this machine.

    Args:
        config: the checked config.
        manifests: the manifest of each text.
        model: the content of the base model's source.json; None: the model was pretrained in this run.

    Returns:
        `config`; `model`: its name in the config, its public name, its revision and commit on the hub, and the
        quantization of its GGUF file; `software`: version, revision, Python and the installed versions of the pinned
        packages; `data`: for each text its source and the SHA-256 of its splits; `hardware`: of this machine.
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
            _text_name(manifest, config): {
                "source": manifest["source"],
                **{split: counts["sha256"] for split, counts in manifest["splits"].items()},
            }
            for manifest in manifests
        },
        "hardware": {
            "system": platform.platform(),
            "processor": _read_field("/proc/cpuinfo", "model name") or platform.machine(),
            "cores": os.cpu_count(),
            "memory": _read_field("/proc/meminfo", "MemTotal"),
            "gpus": [
                _read_field(path, "Model") for path in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))
            ],
        },
    }


def differences(first: Mapping, second: Mapping) -> list[tuple[str, object, object]]:
    """The dotted keys whose values differ between two records, with both values; a missing value is `ABSENT`."""
    a, b = dict(_flatten(first)), dict(_flatten(second))
    return [(key, a.get(key, ABSENT), b.get(key, ABSENT)) for key in {**a, **b} if a.get(key) != b.get(key)]


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _read_field(path: str | Path, key: str) -> str | None:
    """The value of the first line "key: value" of a file; None if there is no such line."""
    try:
        lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(key) and ":" in line), None)


def _flatten(value: object, prefix: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flatten(inner, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, value


def _text_name(manifest: Mapping, config: Mapping) -> str:
    """The name of a text: its language, and its domain if that is a further domain."""
    first = config.get("corpora", {}).get("domain", "")
    domain = manifest.get("domain", first)
    return manifest["language"] if domain == first else f"{manifest['language']}/{domain}"
