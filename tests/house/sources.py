"""The repository's own files, for checks that read them."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCT = ("matching", "nrm", "web")
PACKAGES = (*PRODUCT, "tests", "bench")


def modules(*packages: str) -> Iterator[Path]:
    """Every Python file of these top-level packages."""
    for package in packages:
        yield from sorted((ROOT / package).rglob("*.py"))


def dotted_names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and full name of everything a module refers to, seen through its import aliases.

    `from datetime import datetime as d; d.now()` yields `datetime.datetime` and `datetime.datetime.now`.
    """
    aliases: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                aliases[name.asname or name.name.split(".")[0]] = name.name if name.asname else name.name.split(".")[0]
                yield node.lineno, name.name
        elif isinstance(node, ast.ImportFrom):
            for name in node.names:
                full = f"{'.' * node.level}{node.module or ''}.{name.name}"
                aliases[name.asname or name.name] = full
                yield node.lineno, full
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and (full := _dotted(node, aliases)):
            yield node.lineno, full


def _dotted(node: ast.expr, aliases: dict[str, str]) -> str | None:
    if isinstance(node, ast.Name):
        return aliases.get(node.id)
    if isinstance(node, ast.Attribute) and (base := _dotted(node.value, aliases)):
        return f"{base}.{node.attr}"
    return None
