"""scripts/bench_turns.py and the page of it: medians of rounds in turn, with the least and the greatest beside them."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "scripts")
    import bench_turns as found  # type: ignore[import-not-found]  # a script

    return found  # type: ignore[no-any-return]


def test_product_and_reference_take_turns(turns: ModuleType) -> None:
    order: list[str] = []

    def measure(name: str) -> int:
        order.append(name)
        return len(order)

    found = turns.in_turn({"a": lambda: measure("a"), "b": lambda: measure("b")}, 3)
    assert order == ["a", "b", "a", "b", "a", "b"]
    assert found == {"a": [1, 3, 5], "b": [2, 4, 6]}


def test_a_row_is_the_median_of_ratios_of_the_same_round(turns: ModuleType) -> None:
    row = turns.ratio(
        "stage / epoch", [2.0, 9.0, 3.0], [1.0, 3.0, 3.0], sign="<=", target=2.0, origin="{:.0f} s against {:.0f} s"
    )
    assert (row.value, row.low, row.high) == (2.0, 1.0, 3.0)
    assert row.origin == "3 s against 3 s"
    assert row.kept
    assert not row._replace(value=2.1).kept
    assert row._replace(sign=">=", value=2.1).kept
    assert not row._replace(sign=">=", value=1.9).kept
    assert row._replace(target=None, value=99.0).kept


def test_the_page_shows_the_rounds(turns: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import bench
    import results

    rows = [
        turns.single("stage", [1.0, 4.0, 2.0], "<=", 3.0, "of two"),
        turns.Row("search", 5.0, "<=", None, "counted"),
    ]
    facts = {"threads": 2, "torch": "2", "source": "digits", "figures": [bench.figure(row, None) for row in rows]}
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench/bench.json").write_text(json.dumps(facts))
    (tmp_path / "bench/before.json").write_text(json.dumps({"figures": [{"name": "stage", "value": 7.5}]}))
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    text = results.bench()
    assert "| stage | 2 | 1 to 4 | 7.5 | <= 3 | of two |" in text
    assert "| search | 5 | - | - | - | counted |" in text
