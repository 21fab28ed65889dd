"""Fingerprints of the code that a program's results depend on: its own file and the library modules that it imports.

Rules have the fingerprint of their program as a parameter, so that an edit of this code reruns exactly the jobs that
use it. Edits of comments, docstrings and messages do not change a fingerprint. Standard library only; the files are
parsed, not imported.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

SCRIPTS = Path(__file__).parents[2]
LIBRARY = "linguistic_regions"
NUMERICAL = ("compute", "distributed", "tensorfile")  # modules of runtime that affect results
OUTSIDE = ("regions/sharing", "model/lesioned")  # modules of `region.py push`, `pull` and `export`, which no rule runs
MESSAGE_CALLS = {"UserError": 0, "logging": 0, "progress": 1}  # calls with messages: number of arguments that count
RESOURCES = SCRIPTS.parent / "resources"


@cache
def fingerprint(program: str, *modules: str) -> str:
    """Fingerprint the code that a program's results depend on.

    Comments, docstrings and messages are left out, and so are `planning`, `OUTSIDE` and all modules of `runtime` except
    `NUMERICAL`.

    Args:
        program: its name, such as "score"; or a dotted module of the library.
        modules: dotted modules that it imports dynamically.

    Returns:
        16 hexadecimal digits.
    """
    parts = [_read(path)[0] for path in source_files(program, *modules)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def resources_fingerprint(*patterns: str) -> str:
    """Fingerprint the files of resources/ that match one of the glob patterns (16 hexadecimal digits)."""
    found = sorted({path for pattern in patterns for path in RESOURCES.glob(pattern)})
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in found)).hexdigest()[:16]


def source_files(*names: str) -> list[Path]:
    """The files that the results of these programs or modules depend on, in ascending order.

    Raises:
        FileNotFoundError: there is no such program.
    """
    found: set[Path] = set()
    pending = [path for name in names for path in (_module_files(name) if "." in name else [SCRIPTS / f"{name}.py"])]
    while pending:
        path = pending.pop()
        if path not in found and _affects_results(path):
            found.add(path)
            pending += [file for name in _read(path)[1] for file in _module_files(name)]
    return sorted(found)


def _affects_results(path: Path) -> bool:
    """Whether results depend on a file: those of planning and `OUTSIDE` do not count, of runtime only `NUMERICAL`."""
    name = path.relative_to(SCRIPTS).with_suffix("").as_posix().removeprefix(f"{LIBRARY}/")
    if name.startswith("runtime/"):
        return path.stem in NUMERICAL
    return not name.startswith("planning/") and name not in OUTSIDE


@cache
def _read(path: Path) -> tuple[str, set[str]]:
    """A file's code without comments, docstrings and messages of errors, logs and progress bars.

    And the dotted names of all that it imports from the library, anywhere: modules, functions, classes.
    """
    tree, names = ast.parse(path.read_text(encoding="utf-8")), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and node.body and _is_docstring(node.body[0]):
            del node.body[0]
        elif isinstance(node, ast.Call) and (name := _first_name(node.func)) in MESSAGE_CALLS:
            node.args, node.keywords = node.args[: MESSAGE_CALLS[name]], []
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return ast.dump(tree), {name for name in names if name.split(".")[0] == LIBRARY}


def _first_name(function: ast.expr) -> str:
    """The first name of a call: `UserError`, or `logging` of `logging.info`."""
    name = function.value if isinstance(function, ast.Attribute) else function
    return name.id if isinstance(name, ast.Name) else ""


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _module_files(name: str) -> list[Path]:
    """The file of a module or package, if `name` is one; parent packages only re-export names and are left out."""
    path = SCRIPTS.joinpath(*name.split("."))
    return [file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file()]
