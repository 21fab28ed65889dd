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
            line, name = key.start_mark.line + 1, str(key.value)
            if name in lines:
                where = f"lines {lines[name]} and {line}" if line != lines[name] else f"line {line}"
                raise UserError(f"{self.name}: {name} is given twice, in {where}: remove one")
            lines[name] = line
        return node


def read(path: str | Path) -> dict:
    """Read a config file.

    Raises:
        UserError: the file does not exist, is not YAML with keys, or has a key twice; the message names the file.
    """
    try:
        with Path(path).open(encoding="utf-8") as file:
            content = _Loader(file).get_single_data()
    except OSError as error:
        raise UserError(f"{path}: the config cannot be read ({error.strerror}): check the path") from None
    except (UnicodeDecodeError, yaml.reader.ReaderError) as error:
        raise UserError(f"{path}: this is not a text file in UTF-8 ({error.reason}): name a config in YAML") from None
    except yaml.MarkedYAMLError as error:
        where = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise UserError(f"{path}: this is not YAML ({error.problem}{where}): correct it") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: this config has no keys; docs/config.md lists them")
    return content


def check(paths: Iterable[str | Path]) -> None:
    """Exit with one line if a config file cannot be read (`profiles/default`)."""
    paths = list(map(Path, paths))
    try:
        for path in paths:
            if path.exists() and not path.is_file() and not path.is_dir():
                raise UserError(f"{path}: this is not a file, and Snakemake reads a config twice: name a file")
            read(path)
    except UserError as error:
        targets = "; targets are given before --configfile, or after --" if path != paths[0] else ""
        sys.exit(f"config: {error}{targets}")


def merged(config: dict, changes: dict) -> dict:
    """Merge changes into a config, section by section, as Snakemake merges the files of --configfile."""
    config = dict(config)
    for key, value in changes.items():
        section = config.get(key)
        config[key] = merged(section, value) if isinstance(section, dict) and isinstance(value, dict) else value
    return config
