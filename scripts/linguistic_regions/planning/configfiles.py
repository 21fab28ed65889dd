"""Read config files: YAML in which no key is given twice."""

import sys
from collections.abc import Iterable
from pathlib import Path

import yaml

from linguistic_regions.runtime.errors import UserError


class _Loader(yaml.SafeLoader):
    """YAML's safe loader, but a key that is given twice is an error: YAML itself would silently take the last."""

    def compose_mapping_node(self, anchor: str | None) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        lines: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if (first := lines.setdefault(str(key.value), line)) != line:
                raise UserError(f"{self.name}: {key.value} is given twice, in lines {first} and {line}: remove one")
        return node


def read(path: str | Path) -> dict:
    """Read a config file.

    Raises:
        UserError: the file does not exist, is not YAML with keys, or has a key twice; the message names the file.
    """
    try:
        with Path(path).open("rb") as file:
            content = _Loader(file).get_single_data()
    except OSError as error:
        raise UserError(f"{path}: the config cannot be read ({error.strerror}): check the path") from None
    except yaml.reader.ReaderError as error:
        raise UserError(f"{path}: this is not a text file ({error.reason}): name a config in YAML") from None
    except yaml.MarkedYAMLError as error:
        where = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise UserError(f"{path}: this is not YAML ({error.problem}{where}): correct it") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: this config has no keys; docs/config.md lists them")
    return content


def check(paths: Iterable[str | Path]) -> None:
    """Exit with one line if a config file cannot be read (`profiles/default`)."""
    try:
        for path in paths:
            read(path)
    except UserError as error:
        sys.exit(f"config: {error}")


def merged(config: dict, changes: dict) -> dict:
    """Merge changes into a config, section by section, as Snakemake merges the files of --configfile."""
    config = dict(config)
    for key, value in changes.items():
        section = config.get(key)
        config[key] = merged(section, value) if isinstance(section, dict) and isinstance(value, dict) else value
    return config
