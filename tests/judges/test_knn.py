from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import tiny_world
from gsu_cli.data.base import Images
from gsu_cli.errors import UsageError
from gsu_cli.judges.knn import CHUNK, LAST, Knn, KnnJudge, bytes_of


def images(n: int, levels: int, seed: int) -> Images:
    """Few pixels and few grey levels: many equal distances."""
    g = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, levels, (n, 1, 2, 2), generator=g) * (255 // max(levels - 1, 1))
    return Images(pixels.to(torch.uint8), torch.randint(0, 3, (n,), generator=g) * 4 + 1)


def permitted(references: Images, x: torch.Tensor, k: int) -> set[tuple[int, float]]:
    """Every (label, share) that the documented rules allow, from exact integer distances.

    Whichever of the references at the k-th distance vote, a label with most votes wins; of several, a nearest one.
    """
    d = (references.pixels.long() - x.long()).square().flatten(1).sum(1).tolist()
    labels = references.labels.tolist()
    last = sorted(d)[k - 1]
    sure = [(v, a) for v, a in zip(d, labels, strict=True) if v < last]
    edge = [(v, a) for v, a in zip(d, labels, strict=True) if v == last]
    answers = set()
    kinds = sorted(set(labels))
    for counts in itertools.product(*(range(sum(a == kind for _, a in edge) + 1) for kind in kinds)):
        if sum(counts) != k - len(sure):
            continue
        votes = sure + [(last, kind) for kind, n in zip(kinds, counts, strict=True) for _ in range(n)]
        most = max(sum(a == kind for _, a in votes) for kind in kinds)
        tied = {
            kind: min(v for v, a in votes if a == kind) for kind in kinds if sum(a == kind for _, a in votes) == most
        }
        answers |= {(kind, round(most / k, 6)) for kind, v in tied.items() if v == min(tied.values())}
    return answers


@given(st.integers(1, 30), st.integers(1, 7), st.integers(1, 4), st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_agrees_with_brute_force_up_to_permitted_ties(n, k, levels, seed):
    references, queries = images(n, levels, seed), images(5, 4, seed + 1)
    judge = KnnJudge(references, k)
    verdict = judge(queries.pixels)
    for i in range(5):
        found = (int(verdict.labels[i]), round(float(verdict.confidence[i]), 6))
        assert found in permitted(references, queries.pixels[i], min(k, n))
        assert bool(verdict.abstains[i]) == (verdict.confidence[i] <= 0.5)


def test_without_ties_it_is_the_majority_of_the_nearest():
    g = torch.Generator().manual_seed(0)
    references = Images(
        torch.randint(0, 256, (700, 3, 5, 5), generator=g).to(torch.uint8), torch.randint(0, 10, (700,), generator=g)
    )
    queries = torch.randint(0, 256, (CHUNK + 7, 3, 5, 5), generator=g).to(torch.uint8)
    found = KnnJudge(references, 5)(queries)
    d = torch.cdist(queries.flatten(1).double(), references.pixels.flatten(1).double())
    votes = references.labels[d.topk(5, largest=False, sorted=True).indices]
    for row, label, share in zip(votes.tolist(), found.labels.tolist(), found.confidence.tolist(), strict=True):
        most = max(map(row.count, row))
        assert label == next(v for v in row if row.count(v) == most)
        assert share == pytest.approx(most / 5)


@pytest.mark.skipif(bytes_of(torch.zeros(4, 4)) is None, reason="this CPU adds up no products of bytes")
def test_bytes_and_floats_have_the_same_products():
    """Both add up whole numbers without rounding, of the darkest and the brightest pixels too."""
    g = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (300, 1, 28, 28), generator=g).to(torch.uint8)
    pixels[0], pixels[1], pixels[2, ..., ::2] = 0, 255, 0
    judge = KnnJudge(Images(pixels, torch.arange(300) % 10), 5)
    x = judge._centred(pixels.flatten(1))
    by_bytes = judge._products(x, torch.empty(300, 300))
    verdict = judge(pixels)
    judge.bytes = None
    assert torch.equal(by_bytes, judge._products(x, torch.empty(300, 300)))
    assert torch.equal(by_bytes.double(), x.double() @ judge.points.double().T)
    again = judge(pixels)
    assert torch.equal(verdict.labels, again.labels)
    assert torch.equal(verdict.confidence, again.confidence)


def test_one_pixel_is_multiplied_as_floats():
    """PyTorch's product of bytes is wrong there, and by how much changes from call to call."""
    assert bytes_of(torch.tensor([[3.0], [-7.0], [100.0]])) is None


def test_a_product_that_is_wrong_once_is_not_used(monkeypatch):
    """A sum of two products that stops at 2^15, as without VNNI, shows on the brightest and the darkest points."""
    points = torch.randint(-128, 128, (40, 6), generator=torch.Generator().manual_seed(0)).float()
    monkeypatch.setattr(torch.cpu, "_is_vnni_supported", lambda: True)
    monkeypatch.setattr(torch, "_int_mm", lambda a, b: (a.int() @ b.int()).clamp(-(2**15), 2**15 - 1))
    assert bytes_of(points) is None
    monkeypatch.setattr(torch, "_int_mm", lambda a, b: a.int() @ b.int())
    packed = bytes_of(points)
    assert packed is not None
    assert torch.equal(packed.float(), points)


def marked(side: int, channels: int, n: int, level: int) -> Images:
    """Bright images of which each class has its own 2 x 2 mark, two grey levels off; one is black: all pixels vary."""
    pixels = torch.full((n, channels, side, side), level, dtype=torch.uint8)
    labels = torch.arange(n) % 6
    for i, label in enumerate(labels.tolist()):
        pixels[i, :, 2 * label : 2 * label + 2, :2] -= 2
    pixels[0] = 0
    return Images(pixels, labels)


@pytest.mark.parametrize(("side", "channels"), [(28, 1), (32, 1), (32, 3), (64, 3)])
@pytest.mark.parametrize("level", [255, 130, 5])
def test_small_marks_on_large_bright_images_are_seen(side, channels, level):
    """Squared distances of 4 x 8 beside squares of up to 8e8, of which float32 keeps multiples of 64."""
    images = marked(side, channels, 120, level)
    verdict = KnnJudge(images[torch.arange(60)], 3)(images.pixels[60:])
    assert torch.equal(verdict.labels, images.labels[60:])
    assert verdict.confidence.min() == 1


@pytest.mark.parametrize("nearest", range(3))
def test_far_queries_are_judged_as_exactly_as_near_ones(nearest):
    """Bright references, black query: two squared distances differ by one, and float32 holds no odd numbers there."""
    pixels = torch.full((4, 1, 28, 28), 254, dtype=torch.uint8)
    pixels[3] = 255  # so that all pixels vary
    pixels[:3, 0, 5, 5] = 1
    pixels[nearest, 0, 5, 5] = 0
    assert int(pixels.long().square().flatten(1).sum(1).min()) > LAST
    verdict = KnnJudge(Images(pixels, torch.arange(4)), 1)(torch.zeros(1, 1, 28, 28, dtype=torch.uint8))
    assert verdict.labels.tolist() == [nearest]


def test_the_nearer_label_wins_a_tie_and_a_tie_abstains():
    pixels = torch.tensor([10, 20, 30, 40], dtype=torch.uint8).view(4, 1, 1, 1)
    judge = KnnJudge(Images(pixels, torch.tensor([7, 2, 2, 7])), 4)
    verdict = judge(torch.tensor([[[[11]]], [[[22]]]], dtype=torch.uint8))
    assert verdict.labels.tolist() == [7, 2]
    assert verdict.abstains.tolist() == [True, True]


def test_the_verdict_on_an_image_does_not_depend_on_its_company():
    judge = Knn(references=200).prepare(tiny_world.dataset(), seed=0)
    pixels = tiny_world.dataset().heldout.pixels
    whole, part = judge(pixels), judge(pixels[40:41])
    assert torch.equal(whole.labels[40:41], part.labels)
    assert torch.equal(whole[torch.tensor([40])].confidence, part.confidence)


def test_a_pixel_that_no_reference_varies_changes_nothing():
    references = images(20, 4, 0)
    padded = Images(
        torch.cat([references.pixels, torch.full((20, 1, 2, 2), 9, dtype=torch.uint8)], 1), references.labels
    )
    queries = images(30, 4, 5).pixels
    noise = torch.randint(0, 256, queries.shape, generator=torch.Generator().manual_seed(1)).to(torch.uint8)
    assert torch.equal(KnnJudge(references)(queries).labels, KnnJudge(padded)(torch.cat([queries, noise], 1)).labels)


def test_fewer_references_than_asked_are_all_there_are():
    data = tiny_world.dataset()
    judge = Knn(k=5, references=10_000).prepare(data, seed=0)
    assert judge.provenance() == {"name": "knn", "k": 5, "references": len(data.train)}
    one = KnnJudge(data.train[torch.tensor([4])], 5)
    assert one(data.heldout.pixels).labels.unique().tolist() == [int(data.train.labels[4])]
    assert one.provenance()["k"] == 1


def test_names_only_labels_of_the_data_set_and_knows_them():
    data = tiny_world.dataset()
    verdict = Knn(references=300).prepare(data, seed=0)(data.heldout.pixels)
    assert set(verdict.labels.tolist()) <= set(data.class_names)
    assert (verdict.labels == data.heldout.labels).double().mean() > 0.95


def test_references_depend_on_the_seed_alone():
    a, b, c = (Knn(references=50).prepare(tiny_world.dataset(), seed=s) for s in (3, 3, 4))
    assert torch.equal(a.points, b.points)
    assert not torch.equal(a.points, c.points)


def test_no_image_is_no_verdict():
    verdict = KnnJudge(images(5, 3, 0))(torch.empty(0, 1, 2, 2, dtype=torch.uint8))
    assert len(verdict.labels) == 0


def test_few_references_are_enough_whatever_votes_on_attributes():
    assert Knn(references=5).prepare(tiny_world.dataset(), seed=0).provenance()["references"] == 5


@pytest.mark.parametrize(
    "options",
    [
        {"k": 0},
        {"k": 6, "references": 5},
        {"k": True},
        {"k": 2.0},
        {"references": "9"},
        {"attribute_k": 0},
        {"landmarks": -1},
    ],
)
def test_refuses(options):
    with pytest.raises(UsageError, match=r"judge\.knn"):
        Knn(**options)
