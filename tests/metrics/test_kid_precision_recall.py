"""KID, precision and recall of torch-fidelity on features of a judge, against values computed by hand."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from gsu_cli.errors import UsageError
from gsu_cli.evaluation.context import EvaluationContext
from gsu_cli.evaluation.evaluated_model import EvaluatedModel
from gsu_cli.evaluation.inception import Inception
from gsu_cli.metrics.kid import Kid
from gsu_cli.metrics.precision_recall import PrecisionRecall


@dataclass
class Grey:
    """A judge whose only feature is the grey level."""

    name: str = "grey"

    def features(self, pixels: Tensor) -> Tensor:
        return pixels.flatten(1)[:, :1].float()

    def __call__(self, pixels: Tensor) -> Any: ...
    def provenance(self) -> Any: ...
    def probabilities(self, features: Tensor) -> Any: ...
    def verdict(self, features: Tensor) -> Any: ...


def images(*levels: int) -> Tensor:
    return torch.tensor(levels, dtype=torch.uint8).view(-1, 1, 1, 1)


def measured(metric: Any, own: Tensor, real: Tensor, judge: Any = None, name: str = "unlearned") -> list[Any]:
    train = SimpleNamespace(pixels=torch.cat([real, images(255)]))  # the last one is to be forgotten
    data, every = SimpleNamespace(train=train), torch.arange(len(real))
    split: Any = SimpleNamespace(n_retain=len(real), retain=every, dataset=data)
    judge = Grey() if judge is None else judge
    context = EvaluationContext(split, {judge.name: judge} if judge else {}, {}, seed=0)
    found: list[Any] = metric(EvaluatedModel(name, own, None, "ab"), context)
    return found


@pytest.mark.parametrize(
    ("own", "real", "precision", "recall"),
    [
        ((0, 2, 20), (1, 3, 50), 3, 2),  # 50 lies 30 from 20, whose nearest is 18 away; 20 lies within 47 of 50
        ((0, 2, 20), (1, 3, 5), 2, 3),  # 20 lies 15 from 5, whose nearest is 2 away; 5 lies within 18 of 20
        ((0, 1, 2), (100, 101, 102), 0, 0),
    ],
)
def test_precision_and_recall_are_those_of_a_hand(own: Any, real: Any, precision: int, recall: int) -> None:
    p, r = measured(PrecisionRecall(neighbours=1), images(*own), images(*real))
    assert (p.name, r.name, p.judge, p.n, p.unit, p.better) == ("precision", "recall", "grey", 3, "share", "higher")
    assert (p.value, r.value) == (pytest.approx(precision / 3), pytest.approx(recall / 3))
    assert p.low <= p.value <= p.high


def test_kid_is_that_of_a_hand() -> None:
    own = images(*[(7 * i) % 23 for i in range(100)])
    real = images(*[(5 * i) % 31 for i in range(100)])
    (m,) = measured(Kid(subsets=1, subset_size=100), own, real)
    x, y = (v.flatten().tolist() for v in (own, real))

    def kernel(a: float, b: float) -> float:
        return (a * b + 1.0) ** 3  # one feature: d is 1

    n = 100
    within = sum(kernel(a[i], a[j]) for a in (x, y) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    across = sum(kernel(a, b) for a in x for b in y) / n**2
    assert m.value == pytest.approx(within - 2 * across, rel=1e-9)
    assert (m.name, m.judge, m.n, m.sha256) == ("kid", "grey", 100, "ab")
    assert m.low < m.value < m.high


def test_the_ends_are_students_of_ten_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[float] = []
    once = Kid._kid

    def kept(*args: Any) -> float:
        found.append(once(*args))
        return found[-1]

    monkeypatch.setattr(Kid, "_kid", kept)
    rng = torch.Generator().manual_seed(0)
    own, real = (torch.randint(0, 99, (100, 1, 1, 1), generator=rng).to(torch.uint8) for _ in range(2))
    (m,) = measured(Kid(subsets=1, subset_size=100), own, real)
    value, *parts = found
    half = 2.2621571628 * torch.tensor(parts, dtype=torch.float64).std().item() / len(parts) ** 0.5
    assert len(parts) == 10
    assert (m.value, m.low, m.high) == (value, pytest.approx(value - half), pytest.approx(value + half))


def test_of_one_distribution_kid_is_about_zero_and_of_another_far_from_it() -> None:
    g = torch.Generator().manual_seed(0)
    one, other = (torch.randint(0, 100, (400, 1, 1, 1), generator=g).to(torch.uint8) for _ in range(2))
    (same,), (far,) = measured(Kid(subsets=5), one, other), measured(Kid(subsets=5), one // 2, other)
    assert same.low < 0 < same.high
    assert far.low > 0
    assert far.value > 10 * abs(same.value)


def test_the_same_line_gives_the_same_number() -> None:
    g = torch.Generator().manual_seed(0)
    one, other = (torch.randint(0, 99, (300, 1, 1, 1), generator=g).to(torch.uint8) for _ in range(2))
    found = [measured(Kid(subsets=3, subset_size=50), one, other)[0] for _ in range(2)]
    assert found[0] == found[1]


def test_inception_features_are_read_once_for_both(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def features(self: Inception, pixels: Tensor) -> Tensor:
        seen.append(len(pixels))
        return pixels.flatten(1).float()

    monkeypatch.setattr(Inception, "features", features)
    p, _ = measured(PrecisionRecall("inception", neighbours=1), images(0, 2, 20), images(1, 3, 50))
    assert (p.value, p.judge, seen) == (1.0, None, [3, 3])


def test_few_real_images_are_said_to_be_few_as_few_samples_are() -> None:
    few, enough = (images(*[(7 * i) % 23 for i in range(n)]) for n in (30, 60))
    metric = PrecisionRecall(samples=60)
    for own, detail in ((few, "of 30 images: compare it with as many"), (enough, "")):
        for name in ("unlearned", "data"):
            assert [m.detail for m in measured(metric, own, images(*range(60)), name=name)] == [detail, detail]


@pytest.mark.parametrize("kind", [Kid, PrecisionRecall])
def test_too_few_images_and_no_judge_are_reasons(kind: Any) -> None:
    metric = kind()
    for m in measured(metric, images(1, 2), images(1, 2)):
        assert m.value is None
        assert m.reason.startswith("it needs at least ")
    for m in measured(metric, images(1, 2), images(1, 2), judge=False):
        assert m.reason == "no judge with features was chosen"


@pytest.mark.parametrize("kind", [Kid, PrecisionRecall])
@pytest.mark.parametrize("options", [{"features": "pixels"}, {"samples": 1}, {"batch_size": 0}])
def test_refuses(kind: Any, options: dict[str, Any]) -> None:
    (key,) = options
    with pytest.raises(UsageError, match=rf"`metric\.(kid|precision_recall)\.{key}` must be"):
        kind(**options)


@pytest.mark.parametrize("kind", [Kid, PrecisionRecall])
def test_without_the_package_the_extra_is_named(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in sys.modules if n.startswith("torch_fidelity")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)  # as if it were not there
    with pytest.raises(UsageError, match=r"needs a package that is optional; .*pip install 'gsu-cli\[fidelity\]'"):
        kind()
