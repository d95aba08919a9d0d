"""docs/record.md, "In Python": the file makes a table of runs, with the numbers of their records."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from docs.test_docs import FENCE, ROOT
from made_runs import lay_out, run


def test_the_records_of_a_folder_become_one_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (text,) = [text for kind, text in FENCE.findall((ROOT / "docs/record.md").read_text("utf-8")) if kind == "python"]
    (tmp_path / "all_runs.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    lay_out(tmp_path / "outputs", {str(seed): run(7, seed, 0.05 / seed) for seed in (1, 2)}, pictures=False)
    import all_runs  # type: ignore[import-not-found]  # the file of the page

    found = all_runs.table(tmp_path / "outputs").query("name == 'feature_ratio' and subject == 'unlearned'")
    sys.modules.pop("all_runs")
    shown = found[["run", "judge", "value", "low", "high", "n"]]
    assert [tuple(row[:3]) for row in shown.itertuples(index=False)] == [("1", "cnn", 0.05), ("2", "cnn", 0.025)]
    assert set(found["forget"]) == {"class_7"}
    assert set(found["method"]) == {"ascent"}
    assert set(found["seed"]) == {1, 2}
