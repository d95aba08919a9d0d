"""The closing table of a sweep on a narrow terminal: whole columns, and what is left out is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from gsu_cli.report.sweep import print_sweep
from made_runs import Measurement, costly, lay_out


@pytest.mark.parametrize("width", [50, 60, 80, 120, 200])
def test_nothing_is_cut_off(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    runs = {f"{lr}": costly(lr, 0.1 - lr, lr=lr) for lr in (0.001, 0.01)}
    for lr, record in zip((0.001, 0.01), runs.values(), strict=True):
        record.command = ["gsu", "unlearn", f"method.an_option_with_a_name={lr}"]
        record.seconds = {"unlearn": 12.3}
    folder = lay_out(tmp_path, runs)
    monkeypatch.setenv("COLUMNS", "1000")
    assert print_sweep(folder) == 0
    whole = capsys.readouterr().out
    monkeypatch.setenv("COLUMNS", str(width))
    assert print_sweep(folder) == 0
    lines = capsys.readouterr().out.splitlines()[1:]
    assert max(map(len, lines)) <= width
    left_out = next((line for line in lines if line.startswith("not shown: ")), "")
    rows = [line.split() for line in lines if line.startswith(" method.an_option")]
    full = [line.split() for line in whole.splitlines() if line.startswith(" method.an_option")]
    assert len(rows) == len(full) == 2
    for row, every in zip(rows, full, strict=True):
        numbers = [word for word in row if word[-1] in "%0123456789" and "=" not in word]
        assert numbers == [word for word in every if word[-1] in "%0123456789" and "=" not in word][: len(numbers)]
        assert numbers, "one number at least"
        assert bool(left_out) == (numbers[-1] != "12.3")
    assert ("seconds" in left_out) == (rows[0][-1] != "12.3")


def test_what_no_cell_measured_has_no_column(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A diffusion model has no NLL of samples, a GAN no retain loss: columns of dashes took others' room."""
    runs = {f"{lr}": costly(lr, 0.1 - lr, lr=lr) for lr in (0.001, 0.01)}
    for record in runs.values():
        for subject in ("original", "unlearned"):
            reason = "Ddpm has no -ELBO"
            nll = Measurement("sample_nll_retrained", subject, None, reason=reason, role="quality", place="lead")
            record.measurements.append(nll)
    folder = lay_out(tmp_path, runs)
    assert print_sweep(folder) == 0
    head = next(line for line in capsys.readouterr().out.splitlines() if "status" in line)
    assert head.split("status")[1].split("  ") == ["", "feature ratio (CNN)", "retain loss", "seconds"]


def test_a_judge_who_looked_at_no_cell_has_a_reason_in_place_of_a_column(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A sweep on one's own images had a column of dashes for the CNN, and did not say why."""
    runs = {f"{lr}": costly(lr, 0.1 - lr, lr=lr) for lr in (0.001, 0.01)}
    for record in runs.values():
        for subject in ("original", "unlearned"):
            facts = {"judge": "knn", "unit": "share", "reason": "no CNN judge ships for pets"}
            record.measurements.append(Measurement("feature_ratio", subject, None, **facts))
    assert print_sweep(lay_out(tmp_path, runs)) == 0
    out = capsys.readouterr().out
    assert next(line for line in out.splitlines() if "status" in line).split("status")[1].count("feature ratio") == 1
    assert "not measured: feature ratio (kNN): no CNN judge ships for pets\n" in out
