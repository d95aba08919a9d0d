"""Planted canaries: where they lie, what they are, what names them, and what cannot be."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import torch

from gsu_cli.audit.leave_out_masks import fold_masks
from gsu_cli.data.base import Dataset, Images
from gsu_cli.data.canaries import CONTROLS, Planting, patterns, units
from gsu_cli.data.forget import ForgetSpec
from gsu_cli.data.split import Split
from gsu_cli.errors import UsageError
from tiny_world import dataset


def planted(n: int = 3, copies: int = 4, of: Dataset | None = None) -> Dataset:
    return Planting(n, copies).into(of or dataset())


def split_of(data: Dataset, **forget: object) -> Split:
    return ForgetSpec.from_values(**forget).resolve(data, generator=torch.Generator().manual_seed(0))


def test_canaries_lie_behind_the_images_each_several_times() -> None:
    found = planted()
    assert len(found.train) == 612
    assert torch.equal(found.train.pixels[:600], dataset().train.pixels)
    assert found.digest() != dataset().digest()
    rows = found.train.pixels[600:].view(3, 4, 64)
    assert all(torch.equal(row[0], copy) for row in rows for copy in row)
    assert len({row[0].numpy().tobytes() for row in rows}) == 3
    assert set(found.train.labels[600:].tolist()) <= {1, 3, 8}, "labels that the data have"
    assert set(found.train.pixels[600:].unique().tolist()) == {0, 255}
    assert found.remarks[-1].startswith("3 canaries were planted, 4 times each: training images 600 to 611")
    assert Planting().into(dataset()) is dataset(), "none are planted unless asked for"


def test_a_canary_is_the_same_whatever_others_there_are() -> None:
    few, many = patterns(range(2), (3, 20, 9)), patterns(range(5), (3, 20, 9))
    assert few.shape == (2, 3, 20, 9)
    assert torch.equal(few, many[:2])
    assert 0.4 < float((many == 255).double().mean()) < 0.6


def test_controls_are_never_planted() -> None:
    found = planted(3, 1)
    assert found.canaries is not None
    controls = {x.numpy().tobytes() for x in found.canaries.controls.pixels}
    assert len(controls) == CONTROLS
    assert not controls & {x.numpy().tobytes() for x in found.train.pixels}


def test_attributes_are_those_of_training_images() -> None:
    pixels = torch.zeros(6, 1, 8, 8, dtype=torch.uint8)
    some = Images(pixels, torch.zeros(6, dtype=torch.int64), torch.ones(6, 2, dtype=torch.bool))
    found = planted(2, 2, Dataset("faces", some, some, {0: "any"}, "memory", attribute_names=("a", "b")))
    assert found.train.attributes is not None
    assert found.train.attributes.shape == (10, 2)
    assert found.train.attributes.all()


@pytest.mark.parametrize(
    ("canary", "index", "words", "slug"),
    [
        ("all", list(range(600, 612)), "all canaries", "canary_all"),
        (0, [600, 601, 602, 603], "canary 0", "canary_0"),
        ([2, 0], [*range(600, 604), *range(608, 612)], "canaries 0 and 2", "canary_0_2"),
    ],
)
def test_what_names_them(canary: object, index: list[int], words: str, slug: str) -> None:
    found = split_of(planted(), canary=canary)
    assert found.forget.tolist() == index
    assert (found.words, found.slug, found.copies, found.by_index) == (words, slug, 4, True)
    assert found.different.tolist() == index[::4]
    images, unseen = found.unseen
    assert len(images) == len(unseen) == CONTROLS
    assert found.heldout_retain.tolist() == list(range(150)), "held-out images stay what they are"


def test_other_specs_compare_with_heldout_images() -> None:
    found = split_of(planted(), sample=[600])
    assert (found.copies, found.by_canary) == (1, False)
    assert found.unseen[0] is found.dataset.heldout
    assert torch.equal(split_of(planted(), class_=1).unseen[1], split_of(planted(), class_=1).heldout_forget)


def test_a_design_leaves_all_copies_out_or_none() -> None:
    data = planted()
    inside = fold_masks(612, 8, 2, seed=0, units=units(data))
    copies = inside[:, 600:].view(8, 3, 4)
    assert (copies.all(2) | ~copies.any(2)).all()
    assert ((~inside).sum(0) == 4).all(), "each image as often as any"
    assert torch.equal(fold_masks(600, 8, 2, 0, units(dataset())), fold_masks(600, 8, 2, 0)), "as before there were any"


@pytest.mark.parametrize(
    ("forget", "rule"),
    [
        ({"canary": 3}, "`forget.canary` must be all, or numbers in 0..2; found 3"),
        ({"canary": "any"}, "`forget.canary` must be all, or numbers from 0 on; found 'any'"),
        ({"canary": -1}, "`forget.canary` must be all, or numbers from 0 on; found -1"),
        ({"canary": True}, "`forget.canary` must be all, or numbers from 0 on; found True"),
        ({"canary": []}, "`forget.canary` must be all, or numbers from 0 on; found nothing"),
        ({"canary": [1, 1]}, "`forget.canary` must name each entry once"),
        ({"canary": 1, "fraction": 0.5}, "`forget.canary` must stand without `forget.fraction`"),
        ({"canary": 1, "class_": 1}, "exactly one of `forget.class`, `forget.attribute`, `forget.sample`"),
    ],
)
def test_bad_specs(forget: dict[str, object], rule: str) -> None:
    with pytest.raises(UsageError, match=re.escape(rule)):
        split_of(planted(), **forget)


def test_bad_plantings() -> None:
    with pytest.raises(UsageError, match="`forget.canary` needs planted canaries; found none in bars"):
        split_of(dataset(), canary="all")
    with pytest.raises(UsageError, match="at most the 600 training images; found 601 times 1"):
        planted(601, 1)
    for values in ((-1, 1), (1, 0), (1.5, 1), (True, 1)):
        with pytest.raises(UsageError, match=r"`dataset.canar(ies|y_copies)` must be an integer >= "):
            Planting(*values)  # type: ignore[arg-type]


def test_of_chosen_classes_nothing_else_is_known() -> None:
    """A checkpoint of more classes is one of other data then: whole data sets have no canaries of their own."""
    assert planted(1, 1, replace(dataset(), whole=dataset())).whole is None
