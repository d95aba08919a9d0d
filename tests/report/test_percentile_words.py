"""Where not all forgotten images were looked at, the summary says of how many its percentile is."""

from __future__ import annotations

from gsu_cli.report.summary import percentiles
from gsu_cli.run.record import Measurement, Record


def test_a_summary_says_it_too() -> None:
    rows = [Measurement("unseen_percentile", who, 50.0, n=1000, unit="%") for who in ("original", "unlearned")]
    record = Record("unlearn", split={"n_forget": 6742}, measurements=rows)
    assert percentiles(record)[0].startswith("1,000 of the 6,742 forgotten images stand in the mean at percentile 50")
    record = Record("unlearn", split={"n_forget": 1000}, measurements=rows)
    assert percentiles(record)[0].startswith("the 1,000 forgotten images stand in the mean")
