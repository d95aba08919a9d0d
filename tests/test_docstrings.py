"""A docstring that lists arguments lists those that there are, and all of them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILES = sorted([*(ROOT / "src/gsu_cli").rglob("*.py"), *(ROOT / "scripts").glob("*.py")])
SECTION = re.compile(r"^Args:\n((?:[ ]+.*(?:\n|$)|\n)+)", re.MULTILINE)


def arguments(made: ast.AST) -> set[str] | None:
    """Of a function, or of the constructor that a class has of its own; None of anything else."""
    if isinstance(made, ast.ClassDef):
        made = next((b for b in made.body if isinstance(b, ast.FunctionDef) and b.name == "__init__"), made)
    if not isinstance(made, ast.FunctionDef):
        return None
    a = made.args
    several = [x for x in (a.vararg, a.kwarg) if x is not None]
    return {x.arg for x in [*a.posonlyargs, *a.args, *a.kwonlyargs, *several]} - {"self", "cls"}


def wrong(source: str) -> list[str]:
    """Names that a docstring explains and no argument has, and arguments that it leaves out."""
    found = []
    for made in ast.walk(ast.parse(source)):
        known = arguments(made)
        if known is None or not isinstance(made, ast.FunctionDef | ast.ClassDef):
            continue
        section = SECTION.search(ast.get_docstring(made) or "")
        if section is None:
            continue
        heads = re.findall(r"^ {4}(\S[^:]*):", section[1], re.MULTILINE)
        listed = {name.strip().lstrip("*") for head in heads for name in head.split(",")}
        said = listed | set(re.findall(r"``(\w+)``", section[1]))
        found += [f"{made.name}: {name}" for name in sorted((listed - known) | (known - said))]
    return found


def test_arguments_are_those_of_the_signature() -> None:
    found = {str(path.relative_to(ROOT)): wrong(path.read_text(encoding="utf-8")) for path in FILES}
    assert {path: names for path, names in found.items() if names} == {}


def test_a_name_that_is_none_and_one_that_lacks_are_found() -> None:
    """The negative control."""
    text = 'def add(a, b, *rest):\n    """Sum.\n\n    Args:\n        a, {}: numbers.\n        *rest: more.\n    """\n'
    assert wrong(text.format("b")) == []
    assert wrong(text.format("c")) == ["add: b", "add: c"]
