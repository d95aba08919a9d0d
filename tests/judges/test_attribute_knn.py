"""The vote on a line: against brute force in float64, and against images that the references never showed."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import attribute_world
from gsu_cli.data.base import Images
from gsu_cli.judges.attribute_knn import AttributeKnnJudge, _look, _looks
from gsu_cli.judges.base import AttributeVerdict, FeatureJudge, Judge
from gsu_cli.judges.knn import Knn


def random_images(n: int, seed: int, names: int = 2) -> Images:
    g = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 256, (n, 3, 6, 5), generator=g).to(torch.uint8)
    return Images(pixels, torch.zeros(n, dtype=torch.int64), torch.rand(n, names, generator=g) < 0.5)


def soften(pixels: Tensor, times: int) -> Tensor:
    x = pixels.float() / 255
    for _ in range(times):
        x = torch.nn.functional.avg_pool2d(torch.nn.functional.pad(x, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    return x


@given(st.integers(4, 60), st.integers(1, 70), st.integers(0, 20), st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_the_nearest_numbers_vote(n, k, landmarks, seed):
    references, queries = random_images(n, seed), random_images(7, seed + 1).pixels
    judge = AttributeKnnJudge(references, ("a", "b"), k, landmarks)
    line, at = torch.empty(n, 2), judge.describe(queries) @ judge.directions
    for i, softness in enumerate((0, 1, 2, 4) if landmarks else (1, 1, 1, 1)):
        look = torch.nn.functional.avg_pool2d(soften(references.pixels[i::4], softness), 2, ceil_mode=True).flatten(1)
        line[i::4] = judge._described((look - judge.mean) @ judge.basis) @ judge.directions
    verdict = judge(queries)
    for column in range(2):
        # the k-th distance may be shared by several within rounding: each choice among them is right
        tol = 1e-5 * max(1.0, float(line.abs().max()))
        d = (at[:, column, None] - line[None, :, column]).abs().double()
        k_ = min(k, n)
        last = d.sort(1).values[:, k_ - 1 : k_]
        sure, edge = d < last - tol, (d - last).abs() <= tol
        has = references.attributes[:, column]
        low = (sure & has).sum(1) + (k_ - sure.sum(1) - (edge & ~has).sum(1)).clamp(min=0)
        high = (sure & has).sum(1) + torch.minimum(k_ - sure.sum(1), (edge & has).sum(1))
        votes = (verdict.confidence[:, column] * k_).round().long()
        votes = torch.where(verdict.present[:, column], votes, k_ - votes)
        assert (low <= votes).all()
        assert (votes <= high).all()


def test_the_number_is_that_of_regularised_least_squares():
    """By the formula in float64, kernels spelt out; a plane through the principal components is another one."""
    images = random_images(60, 3, names=1)
    judge = AttributeKnnJudge(images, ("a",), 5, landmarks=20)
    points = ((_looks(images.pixels, (0, 1, 2, 4)) - judge.mean) @ judge.basis).double()
    apart = (points[:, None] - points[None]).square().sum(2).sqrt()
    width = apart.flatten().sort().values[(60 * 60 - 1) // 2]  # torch's median is the lower of two
    one = torch.ones(60, 1, dtype=torch.float64)
    x = torch.cat([one, points / width, (-((apart[:, :20] / width) ** 2) / 2).exp()], 1)
    y = 2.0 * images.attributes[:, 0].double() - 1
    ridge = 1e-3 * float((x**2).mean())
    naive = torch.linalg.inv(x.T @ x / 60 + ridge * torch.eye(x.shape[1], dtype=torch.float64)) @ (x.T @ y) / 60
    assert torch.allclose(judge.directions[:, 0].double(), naive, atol=1e-3)
    assert (naive[-20:].norm() / naive.norm()) > 0.3


def test_likeness_tells_what_no_plane_can():
    """A square brighter or darker than the ground is seen; a discriminant that is linear in pixels sees nothing."""
    g = torch.Generator().manual_seed(1)
    has = torch.rand(600, generator=g) < 0.5
    x = torch.full((600, 1, 8, 8), 128.0) + 4 * torch.randn(600, 1, 8, 8, generator=g)
    sign = torch.where(torch.rand(600, generator=g) < 0.5, 1.0, -1.0)
    x[:, :, 2:6, 2:6] += (60 * has * sign)[:, None, None, None]
    images = Images(x.clamp(0, 255).to(torch.uint8), torch.zeros(600, dtype=torch.int64), has[:, None])
    seen, rest = images[torch.arange(400)], images[torch.arange(400, 600)]
    right = [
        float((AttributeKnnJudge(seen, ("a",), 9, m)(rest.pixels).present == rest.attributes).double().mean())
        for m in (200, 0)
    ]
    assert right[0] > 0.97
    assert right[1] < 0.8


def test_the_direction_is_fishers_discriminant():
    """By the formula, in float64, on images of two grey pixels; scale is free, the direction is not."""
    g = torch.Generator().manual_seed(0)
    has = torch.rand(400, generator=g) < 0.3
    common = 40 * torch.randn(400, generator=g)
    values = torch.stack([common + 30 * has, common + 5 * torch.randn(400, generator=g)], 1) + 128
    pixels = values.clamp(0, 255).to(torch.uint8)[:, None, None, :].repeat_interleave(4, 3)  # 1 x 8
    judge = AttributeKnnJudge(Images(pixels, torch.zeros(400, dtype=torch.int64), has[:, None]), ("a",), 5, landmarks=0)
    found = (judge.basis @ judge.directions)[:, 0].double()
    looks = _look(pixels).double()
    one, other = looks[has], looks[~has]
    S = (torch.cov(one.T, correction=0) * len(one) + torch.cov(other.T, correction=0) * len(other)) / 400
    points = (looks - looks.mean(0)) @ judge.basis.double()
    spread = torch.cov(points[has].T, correction=0) * len(one) + torch.cov(points[~has].T, correction=0) * len(other)
    ridge = 1e-2 * float(spread.diagonal().mean()) / 400
    P = judge.basis.double()
    naive = P @ torch.linalg.inv(P.T @ S @ P + ridge * torch.eye(P.shape[1])) @ P.T @ (one.mean(0) - other.mean(0))
    assert float(found @ naive / found.norm() / naive.norm()) == pytest.approx(1.0, abs=1e-4)
    plain = one.mean(0) - other.mean(0)
    assert float(found @ plain / found.norm() / plain.norm()) < 0.9, "the plain difference is another direction"


def test_it_is_right_on_images_it_never_saw_and_unsure_of_what_nothing_shows():
    data = attribute_world.dataset()
    verdict = attribute_world.knn()(data.heldout.pixels)
    assert (verdict.present == data.heldout.attributes).double().mean(0).min() > 0.97
    assert verdict.abstains.double().mean() < 0.1
    g = torch.Generator().manual_seed(0)
    coin = replace(data.train, attributes=torch.rand(len(data.train), 1, generator=g) < 0.5)
    assert AttributeKnnJudge(coin, ("coin",), 21)(data.heldout.pixels).abstains.double().mean() > 0.7


def test_softness_is_no_reason_to_misjudge():
    data = attribute_world.dataset()
    blurred = torch.nn.functional.avg_pool2d(
        data.heldout.pixels.float(), 3, stride=1, padding=1, count_include_pad=False
    )
    shown = attribute_world.knn()(blurred.round().to(torch.uint8)).present
    assert (shown == data.heldout.attributes).double().mean(0).min() > 0.95


def test_what_all_or_none_of_the_references_have_is_always_or_never_seen():
    images = attribute_world.dataset().train[torch.arange(60)]
    fixed = torch.stack([torch.ones(60, dtype=torch.bool), torch.zeros(60, dtype=torch.bool)], 1)
    verdict = AttributeKnnJudge(replace(images, attributes=fixed), ("all", "none"), 9)(images.pixels)
    assert verdict.has("all").all()
    assert not verdict.has("none").any()
    assert (verdict.confidence == 1).all()
    assert not verdict.abstains.any()


def test_confidence_and_abstention_are_those_of_the_votes():
    """Of four references two have it: three votes are sure by half, two of four are a tie."""
    pixels = torch.tensor([0, 60, 200, 255], dtype=torch.uint8)[:, None, None, None].expand(4, 1, 2, 2).contiguous()
    has = torch.tensor([False, False, True, True])[:, None]
    images = Images(pixels, torch.zeros(4, dtype=torch.int64), has)
    one = AttributeKnnJudge(images, ("a",), 2)(pixels)
    assert one.present[:, 0].tolist() == [False, False, True, True]
    assert one.confidence[:, 0].tolist() == [1.0] * 4
    four = AttributeKnnJudge(images, ("a",), 4)(pixels)
    assert four.confidence[:, 0].tolist() == [0.5] * 4
    assert four.abstains.all()
    assert not four.present.any(), "a tie is no majority"


@pytest.mark.parametrize(
    "pixels",
    [torch.full((6, 3, 4, 4), 9, dtype=torch.uint8), torch.tensor([0, 255] * 3, dtype=torch.uint8).view(6, 1, 1, 1)],
    ids=["all alike", "alike but for the attribute"],
)
def test_references_without_spread_are_no_crash(pixels):
    has = (torch.arange(6) % 2 == 1)[:, None]
    verdict = AttributeKnnJudge(Images(pixels, torch.zeros(6, dtype=torch.int64), has), ("a",), 3)(pixels)
    assert verdict.present.shape == (6, 1)
    if pixels.unique().numel() == 2:
        assert torch.equal(verdict.present, has)


def test_the_settings_build_it_for_data_with_attributes():
    data = attribute_world.dataset()
    judge = Knn(references=200, attribute_k=9).prepare(data, seed=0)
    assert isinstance(judge, Judge)
    assert not isinstance(judge, FeatureJudge)
    found = judge.provenance()
    expected = {"name": "knn", "k": 9, "references": 200, "landmarks": 200}  # of 1,500, all there are
    assert {k: found[k] for k in expected} == expected
    assert 1 <= int(str(found["components"])) <= 200
    again, other = (Knn(references=200, attribute_k=9).prepare(data, seed=s) for s in (0, 1))
    assert torch.equal(judge.scores, again.scores)
    assert not torch.equal(judge.scores, other.scores)


def test_the_verdict_on_an_image_does_not_depend_on_its_company():
    pixels, judge = attribute_world.dataset().heldout.pixels, attribute_world.knn()
    whole, part = judge(pixels), judge(pixels[40:41])
    assert torch.equal(whole[torch.tensor([40])].present, part.present)
    assert torch.equal(whole[torch.tensor([40])].confidence, part.confidence)


def test_no_image_is_no_verdict():
    verdict = attribute_world.knn()(torch.empty(0, 3, 16, 16, dtype=torch.uint8))
    assert isinstance(verdict, AttributeVerdict)
    assert verdict.present.shape == (0, 2)


def test_images_without_attributes_are_a_defect_of_the_caller():
    with pytest.raises(ValueError, match="images with attributes"):
        AttributeKnnJudge(replace(random_images(5, 0), attributes=None), ("a",))
