"""Print docs/config.md, the config reference, from the schema."""

import json

from linguistic_regions.planning import configuration
from linguistic_regions.runtime.cli import run

HEADER = """# The config

Generated from `schemas/config.schema.yaml` by `make docs`. `config.yaml` has every key with its default; a file given
with `--configfile` needs only the keys that differ. Unknown keys are rejected before any job starts.

| key | type | default | meaning |
| --- | --- | --- | --- |"""


def main() -> None:
    """Print the reference as Markdown."""
    rules = configuration.schema()
    print(HEADER)
    for path, rule in _keys(rules):
        rule = configuration.resolve(rule, rules)
        default = f"`{json.dumps(rule['default'])}`" if "default" in rule else ""
        print(f"| `{path}` | {_type(rule)} | {default} | {rule['description']} |")


def _keys(rules: dict, prefix: str = ""):
    for key, rule in rules["properties"].items():
        yield prefix + key, rule
        if "properties" in rule:
            yield from _keys(rule, f"{prefix}{key}.")


def _type(rule: dict) -> str:
    if "enum" in rule:
        return ", ".join(f"`{value}`" for value in rule["enum"])
    kind = rule["type"]
    return " or ".join(kind) if isinstance(kind, list) else kind


if __name__ == "__main__":
    run(main)
