"""What retained samples turn into: naive counts, scripted judges, and a blind judge that pixels find out."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import attribute_world
import tiny_world
from gsu_cli.errors import UsageError
from gsu_cli.evaluation.context import EvaluationContext
from gsu_cli.evaluation.evaluated_model import EvaluatedModel
from gsu_cli.evaluation.intervals import wilson
from gsu_cli.judges.base import AttributeVerdict, Verdict
from gsu_cli.metrics.gained import Gained, _moved_interval, nearest
from gsu_cli.metrics.variety import Variety

from .conftest import context_of


class Says:
    """Names the class that the first pixel holds, or always ``word``."""

    def __init__(self, name: str = "cnn", word: int | None = None) -> None:
        self.name, self.word = name, word

    def __call__(self, pixels: torch.Tensor) -> Verdict:
        labels = pixels[:, 0, 0, 0].long() if self.word is None else torch.full((len(pixels),), self.word)
        return Verdict(labels, torch.ones(len(labels)), torch.zeros(len(labels), dtype=torch.bool))

    def provenance(self) -> dict[str, object]:
        return {}


def pictures(labels: list[int], level: int = 0) -> torch.Tensor:
    pixels = torch.full((len(labels), 1, 8, 8), level, dtype=torch.uint8)
    pixels += (torch.arange(len(labels)) * 8).to(torch.uint8)[:, None, None, None]
    pixels[:, 0, 0, 0] = torch.tensor(labels, dtype=torch.uint8)
    return pixels


def scene_before(before: torch.Tensor, *judges: object) -> EvaluationContext:
    return replace(context_of(tiny_world.split(), *judges), original=EvaluatedModel("original", before, None, "ab"))


def test_transitions_of_classes() -> None:
    """Class 1 is forgotten: of five others one became 1 and one 8; what was 1 counts as no gain."""
    before, after = [1, 1, 3, 3, 3, 8, 8], [3, 1, 1, 8, 3, 8, 8]
    context = scene_before(pictures(before), Says())
    gained, moved = Gained()(EvaluatedModel("unlearned", pictures(after), None, "cd"), context)
    assert (gained.name, gained.judge, gained.n, gained.value) == ("gained", "cnn", 5, 0.2)
    assert (gained.low, gained.high, gained.better, gained.sha256) == (*wilson(1, 5), "lower", "cd")
    found = context.notes["transitions"]["judged"]["cnn"]
    name = tiny_world.NAMES
    assert found["counts"] == {
        name[1]: {name[1]: 1, name[3]: 1},
        name[3]: {name[1]: 1, name[3]: 1, name[8]: 1},
        name[8]: {name[8]: 2},
    }
    # 8 gains one of the three that were neither 1 nor 8; 3 gains none of the two that were neither 1 nor 3
    assert found["others_gain"] == pytest.approx((1 / 3 + 0 / 2) / 2)
    assert moved.name == "retained_moved"


def test_what_a_blind_judge_does_not_see_the_pixels_show() -> None:
    """Both say 3 of everything, before and after; two of six images jump by 100 grey levels."""
    before = pictures([3] * 6)
    after = before.clone()
    after[[1, 4], :, 1:] += 100
    context = scene_before(before, Says(), Says("knn", 3))
    *judged, moved = Gained()(EvaluatedModel("unlearned", after, None, "cd"), context)
    assert [m.value for m in judged] == [0.0, 0.0]
    assert (moved.value, moved.n, moved.low, moved.high) == (2 / 6, 6, *wilson(2, 6))
    about = context.notes["transitions"]["moved"]
    apart = 8 * (63 / 64) ** 0.5  # consecutive pictures differ by 8 levels, but for the pixel of the label
    assert about["between_neighbours"] == pytest.approx(apart)
    assert about["quantiles"]["1"] == pytest.approx(100 * (56 / 64) ** 0.5)
    assert about["quantiles"]["0.5"] == 0.0
    assert about["most"][:2] == [1, 4]


def test_only_what_no_judge_saw_counts_as_moved() -> None:
    before = pictures([1, 3, 3, 3])
    after = before.clone()
    after[0] += 120
    context = scene_before(before, Says())
    moved = Gained()(EvaluatedModel("unlearned", after, None, "cd"), context)[-1]
    assert (moved.value, moved.n) == (0.0, 3)
    assert 0 not in context.notes["transitions"]["moved"]["most"]


def test_nothing_changed_is_nothing_gained() -> None:
    before = pictures([1, 3, 8, 3])
    rows = Gained()(EvaluatedModel("unlearned", before.clone(), None, "cd"), scene_before(before, Says()))
    assert [m.value for m in rows] == [0.0, 0.0]


@pytest.mark.parametrize("name", ["original", "retrained", "data"])
def test_others_have_no_row(name: str) -> None:
    assert Gained()(EvaluatedModel(name, pictures([1, 3])), scene_before(pictures([1, 3]), Says())) == []


def test_all_of_it_is_a_hole_with_a_reason() -> None:
    gained, moved = Gained()(EvaluatedModel("unlearned", pictures([3, 3])), scene_before(pictures([1, 1]), Says()))
    assert (gained.value, gained.reason) == (None, "there are no images to judge")
    assert moved.value is None
    assert "judges saw what is to be forgotten" in str(moved.reason)


def test_samples_have_pixels_alone() -> None:
    context = replace(scene_before(pictures([3] * 4), Says()), split=tiny_world.split_of(sample=[2, 5]))
    (moved,) = Gained()(EvaluatedModel("unlearned", pictures([3] * 4, 90)), context)
    assert (moved.name, moved.value) == ("retained_moved", 1.0)
    assert context.notes["transitions"]["judged"] == {}


def test_transitions_of_an_attribute_are_two_by_two() -> None:
    class Both:
        name = "cnn"

        def __call__(self, pixels: torch.Tensor) -> AttributeVerdict:
            shown = pixels[:, :2, 0, 0] > 0
            return AttributeVerdict(("bar", "square"), shown, torch.ones(shown.shape), torch.zeros_like(shown))

    def showing(answers: list[tuple[int, int]]) -> torch.Tensor:
        pixels = torch.zeros(len(answers), 3, 16, 16, dtype=torch.uint8)
        pixels[:, :2, 0, 0] = torch.tensor(answers, dtype=torch.uint8)
        return pixels

    context = context_of(attribute_world.split_of(attribute="bar"), Both())
    context.original = EvaluatedModel("original", showing([(1, 0), (0, 0), (0, 0), (0, 1)]))
    gained, _ = Gained()(EvaluatedModel("unlearned", showing([(0, 0), (1, 0), (0, 1), (0, 1)])), context)
    assert (gained.value, gained.n) == (1 / 3, 3)
    found = context.notes["transitions"]["judged"]["cnn"]
    assert found["counts"] == {"without": {"without": 2, "with": 1}, "with": {"without": 1}}
    assert found["others_gain"] == 0.5, "of the two without bar and square, one got a square"


def test_nearest_is_the_naive_minimum() -> None:
    pixels = torch.randint(0, 256, (20, 3, 5, 5), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    x = pixels.flatten(1).double()
    naive = [min(float((a - b).square().mean().sqrt()) for b in [*x[:i], *x[i + 1 :]]) for i, a in enumerate(x)]
    assert nearest(pixels).tolist() == pytest.approx(naive, rel=1e-5)


def test_how_many_moved_is_known_no_better_than_the_distance_that_they_moved_beyond() -> None:
    """The median of few neighbours was taken as known: the interval held the truth in three quarters of cases."""
    rng, truth, inside, before = torch.Generator().manual_seed(0), 0.3, 0, 0
    for _ in range(300):
        far = torch.rand(1000, generator=rng).double()  # the true median lies at 0.7
        near = 0.7 + 0.2 * torch.randn(200, generator=rng).double()
        hits = int((far > near.median()).sum())
        low, high = _moved_interval(far, hits, near)
        inside += low <= truth <= high
        before += wilson(hits, 1000)[0] <= truth <= wilson(hits, 1000)[1]
    assert inside / 300 >= 0.93
    assert before / 300 < 0.85


def test_the_median_of_ten_neighbours_lies_between_the_second_and_the_ninth() -> None:
    """With 97.9 %, by binomial counts; the third and the ninth hold 93.5 %."""
    near, far = torch.arange(1.0, 11.0), torch.arange(0.5, 11.0, 0.001)  # as many beyond each as there is room
    low, high = _moved_interval(far, int((far > 5.5).sum()), near)
    assert (low, high) == pytest.approx((2 / 10.5, 9 / 10.5), abs=0.01)


@pytest.mark.parametrize("wrong", [1, 2.5, True, "many"])
def test_neighbours_are_a_number(wrong: object) -> None:
    with pytest.raises(UsageError, match="metric.gained.neighbours"):
        Gained(wrong)  # type: ignore[arg-type]


def test_variety() -> None:
    context = context_of(tiny_world.split())
    pixels = torch.randint(0, 256, (30, 1, 4, 4), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    (row,) = Variety()(EvaluatedModel("original", pixels, None, "ab"), context)
    x = pixels.double()
    assert row.value == pytest.approx(float((x - x.mean(0)).square().mean().sqrt()))
    assert row.low < row.value < row.high
    black = Variety()(EvaluatedModel("unlearned", torch.zeros_like(pixels)), context)[0]
    assert (black.value, black.low, black.high) == (0.0, None, None), (
        "all at the end of what there is: no spread is seen"
    )
    two = Variety()(EvaluatedModel("unlearned", pixels[:2]), context)[0]
    assert (two.low, two.high) == (None, None), "two lie equally far from their mean, whatever they are"
    assert Variety()(EvaluatedModel("data", pixels[:0]), context)[0].value is None
