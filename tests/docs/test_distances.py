"""scripts/digit_distances.py: distances to the retrained model, with intervals and the digests of what was measured."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest
import torch

ROOT = Path(__file__).parents[2]


@pytest.fixture
def distances(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "scripts")
    import digit_distances as found  # type: ignore[import-not-found]  # a script

    return found  # type: ignore[no-any-return]


def test_the_interval_of_samples_is_as_wide_as_they_spread(distances: ModuleType) -> None:
    """Of other samples of the same two Gaussians; where both share their noise it is as narrow as that makes them."""
    spread = {True: [], False: []}
    told = {True: [], False: []}
    for seed in range(40):
        rng = torch.Generator().manual_seed(seed)
        to = torch.randn(400, 4, generator=rng, dtype=torch.float64)
        others = torch.randn(400, 4, generator=rng, dtype=torch.float64)
        for shared, noise in ((True, to), (False, others)):
            labels = torch.arange(len(to)) % 10
            found = distances.distance((1.2 * noise + 1, labels), (to, labels), 0, seed)
            spread[shared].append(found["samples"])
            told[shared].append((found["samples_high"] - found["samples"]) / distances.Z95)
    for shared in (True, False):
        deviation = torch.tensor(spread[shared]).std().item()
        assert torch.tensor(told[shared]).mean().item() == pytest.approx(deviation, rel=0.3)
    assert torch.tensor(told[True]).mean() < 0.5 * torch.tensor(told[False]).mean()


def test_a_digit_with_two_seeds_counts_once_in_the_mean(distances: ModuleType) -> None:
    def row(digit: int, seed: int, loss: float) -> dict[str, object]:
        return {"digit": digit, "seed": seed, "floor": {"samples": 1.0, "alike": 0.5, "loss": loss}}

    found = distances.mean([row(0, 1, 1.0), row(0, 2, -3.0), row(1, 1, 8.0)])["floor"]
    assert found["loss"] == 5.0
    assert found["loss_high"] - 5.0 == pytest.approx(12.706 * 3, rel=1e-3)
    rows = [row(0, 1, 1.0), row(0, 2, -3.0)]
    assert [line[0] for line in distances.lines(rows)] == ["0, seed 1", "0, seed 2", "mean"]
    found = {"samples": 2.0, "samples_low": 0.0, "samples_high": 5.0, "alike": 0.5, "loss": -1.0}
    assert distances.cells({"floor": found}, ["floor"]) == ["2.00 ± 3.00 / 0.50 / 1.0"]


def test_a_model_retrained_anew_stands_where_there_is_one(distances: ModuleType) -> None:
    part = {"samples": 1.0, "alike": 0.5, "loss": 2.0}
    rows = [{"digit": 0, "seed": 1, "floor": part}, {"digit": 1, "seed": 1, "floor": part, distances.AGAIN: part}]
    assert distances.columns(rows) == ["floor", distances.AGAIN]
    assert distances.lines(rows) == [
        ["0", "1.00 / 0.50 / 2.0", "-"],
        ["1", "1.00 / 0.50 / 2.0", "1.00 / 0.50 / 2.0"],
        ["mean", "1.00 / 0.50 / 2.0", "1.00 / 0.50 / 2.0"],
    ]  # fmt: skip


def test_how_often_each_digit_comes_is_no_part_of_what_is_alike(distances: ModuleType) -> None:
    rng = torch.Generator().manual_seed(0)
    middles = 5 * torch.randn(10, 4, generator=rng, dtype=torch.float64)

    def seen(counts: list[int], shift: float) -> tuple[torch.Tensor, torch.Tensor]:
        labels = torch.repeat_interleave(torch.arange(10), torch.tensor(counts))
        noise = torch.randn(len(labels), 4, generator=rng, dtype=torch.float64)
        return middles[labels] + noise + shift, labels

    often, seldom = seen([0] + [900] * 9, 0.0), seen([0] + [100, 1_700] * 4 + [900], 0.0)
    told = distances.distance(seldom, often, 0, 1)
    assert told["alike"] < 0.05 < 1 < told["samples"]
    assert distances.alike(seen([500] + [900] * 9, 1.0), often, 0) > 3.5, "four units, each moved by one"
