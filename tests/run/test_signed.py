"""No change is written with the sign of a zero, wherever it is written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gsu_cli.report.numbers import Change, Shift, digits, factor
from gsu_cli.report.table import number
from gsu_cli.run.record import Measurement
from gsu_cli.run.signed import signed

ROOT = Path(__file__).parents[2]
OWN = ROOT / "src" / "gsu_cli" / "run" / "signed.py"


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (-0.0004, ".1%", "0.0%"),
        (0.0004, ".1%", "0.0%"),
        (-0.0006, ".1%", "-0.1%"),
        (-0.0, ".3g", "0"),
        (-1e-9, ".3g", "-1e-09"),
        (-0.4, ".0f", "0"),
        (10.0, ".0f", "+10"),
        (float("nan"), ".2f", "+nan"),
        (None, ".1%", "-"),
    ],
)
def test_what_is_rounded_to_zero_has_no_sign(value: float | None, form: str, text: str) -> None:
    assert signed(value, form) == text


def test_changes_differences_and_numbers_of_tables() -> None:
    assert str(Change(-0.0004, None, None)) == factor(-0.0004) == number(-0.0004, "change") == "0.0%"
    assert Change(0.0, -0.0004, 0.01).interval() == "0.0% to +1.0%"
    assert str(Shift(-0.00001, None, None, "share")) == "0.00 points"
    assert digits(Measurement("kid", "data", -0.001, -0.3, -0.00001, n=100, unit="nats"), interval=True) == (
        "0.00 [-0.30, 0.00]"
    )
    assert number(-0.0, "number") == "0"


def test_nothing_else_writes_a_sign() -> None:
    """A format that asks for a sign stands in the helper alone."""
    asks = re.compile(r"\{[^{}]*:\+[^{}]*\}")
    files = [path for folder in ("src", "scripts") for path in (ROOT / folder).rglob("*.py") if path != OWN]
    assert [str(path) for path in files if asks.search(path.read_text("utf-8"))] == []
