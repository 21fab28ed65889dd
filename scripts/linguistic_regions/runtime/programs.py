"""What a program of scripts/ is made of: its own file and the library's modules that it comes to import.

An edit of the code must run again what uses it, and nothing else: rules have the digest of their program among their
parameters. Standard library only; nothing is imported, the files are read.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

SCRIPTS = Path(__file__).parents[2]
LIBRARY = "linguistic_regions"
RESOURCES = SCRIPTS.parent / "resources"


@cache
def fingerprint(program: str) -> str:
    """A digest of all that the program (its name, such as "importance") does: comments and docstrings do not count."""
    parts = [ast.dump(_parsed(path)) for path in files(program)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def resources_fingerprint(*patterns: str) -> str:
    """A digest of what a program reads of resources/: the files that match one of the patterns."""
    found = sorted({path for pattern in patterns for path in RESOURCES.glob(pattern)})
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in found)).hexdigest()[:16]


def files(program: str) -> list[Path]:
    """The files that the program is made of, in ascending order.

    Raises:
        FileNotFoundError: there is no such program.
    """
    found: set[Path] = set()
    waiting = [SCRIPTS / f"{program}.py"]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += [file for name in _imported(_parsed(path)) for file in _modules(name)]
    return sorted(found)


@cache
def _parsed(path: Path) -> ast.Module:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef):
            first = body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                del body[0]
    return tree


def _imported(tree: ast.Module) -> set[str]:
    """Names of the library's modules, and of what may be one, that a file imports anywhere in it."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in names if name.split(".")[0] == LIBRARY}


def _modules(name: str) -> list[Path]:
    """The files that importing a dotted name reads: the packages on the way, and the module."""
    parts, found = name.split("."), []
    for length in range(1, len(parts) + 1):
        place = SCRIPTS.joinpath(*parts[:length])
        found += [path for path in (place / "__init__.py", place.with_suffix(".py")) if path.is_file()]
    return found
