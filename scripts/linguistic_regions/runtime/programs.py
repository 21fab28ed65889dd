"""The code that a program's numbers follow from: its own file, and the modules of the library that it imports.

An edit of that code must rerun what uses it, and nothing else: rules have the fingerprint of their program among their
parameters. An edit of a message must rerun nothing. Standard library only; nothing is imported, the files are read.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

SCRIPTS = Path(__file__).parents[2]
LIBRARY = "linguistic_regions"
NUMERICAL = ("compute", "distributed", "tensorfile")  # modules of runtime that numbers follow from
TOLD = {"UserError": 0, "logging": 0, "progress": 1}  # words for people, and how many arguments come before them
RESOURCES = SCRIPTS.parent / "resources"


@cache
def fingerprint(program: str, *modules: str) -> str:
    """Identifies the code that a program's numbers follow from.

    Comments, docstrings and what is told to people do not count, nor do planning and all of runtime but `NUMERICAL`.

    Args:
        program: its name, such as "score"; or a dotted module of the library.
        modules: dotted modules that it imports by name while it runs.
    """
    parts = [ast.dump(_parsed(path)) for path in files(program, *modules)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def resources_fingerprint(*patterns: str) -> str:
    """A digest of what a program reads of resources/: the files that match one of the patterns."""
    found = sorted({path for pattern in patterns for path in RESOURCES.glob(pattern)})
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in found)).hexdigest()[:16]


def files(*names: str) -> list[Path]:
    """The files whose code counts for programs or modules, in ascending order.

    Raises:
        FileNotFoundError: there is no such program.
    """
    found: set[Path] = set()
    waiting = [path for name in names for path in (_modules(name) if "." in name else [SCRIPTS / f"{name}.py"])]
    while waiting:
        path = waiting.pop()
        if path not in found and _counts(path):
            found.add(path)
            waiting += [file for name in _imported(_parsed(path)) for file in _modules(name)]
    return sorted(found)


def _counts(path: Path) -> bool:
    """Whether numbers follow from a file: not from those that plan, and from few of those that every program uses."""
    package = path.relative_to(SCRIPTS).parts[1:-1]
    return package[:1] != ("planning",) and (package[:1] != ("runtime",) or path.stem in NUMERICAL)


@cache
def _parsed(path: Path) -> ast.Module:
    return _Silenced().visit(ast.parse(path.read_text(encoding="utf-8")))


class _Silenced(ast.NodeTransformer):
    """Code without its docstrings, and without the words of errors, logs and progress."""

    def visit(self, node: ast.AST) -> ast.AST:
        node = self.generic_visit(node)
        body = getattr(node, "body", None)
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and body and _is_text(body[0]):
            del body[0]
        if isinstance(node, ast.Call) and _called(node.func) in TOLD:
            node.args, node.keywords = node.args[: TOLD[_called(node.func)]], []
        return node


def _called(function: ast.expr) -> str:
    """The name by which a function is called: `UserError`, or `logging.info` as `logging`."""
    name = function.value if isinstance(function, ast.Attribute) else function
    return name.id if isinstance(name, ast.Name) else ""


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


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
    """The file of a module or package, if this is the name of one; packages above it only list what they offer."""
    place = SCRIPTS.joinpath(*name.split("."))
    return [path for path in (place / "__init__.py", place.with_suffix(".py")) if path.is_file()]
