"""Every error says the rule, the value found and the way out, in one voice."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from gsu_cli.errors import GsuError

SRC = Path(__file__).parents[1] / "src/gsu_cli"
ERRORS = ("GsuError", "UsageError", "DataError", "CheckpointError", "NonFiniteError", "OutputError", "RuleError")
VERBS = {
    *("Add", "Choose", "Copy", "Fetch", "Forget", "Get", "Give", "Install", "Keep", "Leave", "Let", "Load", "Lower"),
    *("Measure", "Move", "Name", "Point", "Put", "Raise", "Remove", "Replace", "Save", "Scale", "See", "Set", "Start"),
    *("Take", "Train", "Try", "Type", "Update", "Use", "Write", "Evaluate", "Free"),
}
SAYS = re.compile(r"\b(must|needs?|needed|may not|is for|failed)\b")
OTHERS = ("For example ", "Did you mean ", "It is called ")


@cache
def raised() -> list[ast.Call]:
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in sorted(SRC.rglob("*.py"))]
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args]
    return [call for call in calls if isinstance(call.func, ast.Name) and call.func.id in ERRORS]


def words(node: ast.expr) -> str:
    """The literal text of an expression; a value in it is a star."""
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "*" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def test_rules_say_what_must_hold() -> None:
    rules = [words(call.args[0]) for call in raised()]
    assert len(rules) > 300
    assert [r for r in rules if r.strip("* ") not in ("", "through") and not SAYS.search(r)] == []
    assert [r for r in rules if r.endswith(".")] == []


def test_ways_out_begin_with_what_to_do() -> None:
    found = [words(k.value) for call in raised() for k in call.keywords if k.arg == "way_out"]
    literal = [text for text in found if text and not text.startswith("*")]
    assert len(literal) > 80
    assert [t for t in literal if t.split()[0].strip(":,") not in VERBS and not t.startswith(OTHERS)] == []


@pytest.mark.parametrize(
    ("way_out", "ending"),
    [
        ("See docs/x.md", "docs/x.md."),
        ("Type a=b.", "Type a=b"),
        ("Type pip install 'gsu-cli[x]'", "'gsu-cli[x]'"),
        ("Get it.", "it."),
    ],
)
def test_a_sentence_ends_with_a_full_stop_unless_its_last_word_is_typed(way_out: str, ending: str) -> None:
    assert str(GsuError("a must be b", found=1, way_out=way_out)).endswith(ending)


def test_a_value_left_empty_is_seen() -> None:
    assert str(GsuError("`precision` must be float32", found="")) == "`precision` must be float32; found ''."


@pytest.mark.parametrize(
    ("found", "end"),
    [
        ("`device` must be auto or cpu; found tpu.", "found tpu. See here."),
        ("`device` must be auto or cpu; found tpu. Did you mean 'cpu'?", "'cpu'? See here."),
        ("one.", "found one.. See here."),  # a value that was typed stays as it was typed
        ("a folder ..", "found a folder .. See here."),
    ],
)
def test_a_sentence_within_a_sentence_ends_once(found: str, end: str) -> None:
    assert str(GsuError("all lines must compose", found=found, way_out="See here")).endswith(end)
