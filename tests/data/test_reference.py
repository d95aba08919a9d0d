"""Retained is what the model was trained on; the images to be forgotten stay the same ones."""

from __future__ import annotations

import pytest
import torch

from gsu_cli.data.forget import ForgetSpec
from gsu_cli.data.labels import restrict
from gsu_cli.data.reference import over_classes
from gsu_cli.data.split import Split
from tiny_world import dataset

SPECS = [{"class_": 1}, {"sample": [0, 3, 7]}, {"fraction": 0.3}, {"class_": 1, "fraction": 0.5}]


def cut(classes: list[int] | None, **spec: object) -> Split:
    loaded = restrict(dataset(), classes)
    return ForgetSpec.from_values(**spec).resolve(loaded, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("spec", SPECS)
def test_classes_left_out_are_retained(spec: dict[str, object]) -> None:
    part = cut([1, 3], **spec)
    whole = over_classes(part, [1, 3, 8])
    assert whole.dataset is dataset()
    assert torch.equal(whole.forget_images.pixels, part.forget_images.pixels)
    assert torch.equal(whole.heldout_forget_images.pixels, part.heldout_forget_images.pixels)
    assert whole.n_retain == len(dataset().train) - part.n_forget
    assert (whole.slug, whole.words, whole.target_classes) == (part.slug, part.words, part.target_classes)


@pytest.mark.parametrize("spec", SPECS)
def test_a_class_that_the_model_never_saw_is_not_retained(spec: dict[str, object]) -> None:
    loaded = cut(None, **spec)
    known = over_classes(loaded, [1, 3])
    forgotten = set(loaded.forget_images.labels.tolist())
    assert set(known.dataset.class_names) == {1, 3} | forgotten
    assert torch.equal(known.forget_images.pixels, loaded.forget_images.pixels)


@pytest.mark.parametrize("classes", [[1, 3, 8], [], [1], [4], [1, 3, 8, 9]])
def test_nothing_changes_where_all_of_it_was_loaded(classes: list[int]) -> None:
    loaded = cut(None, class_=1)
    assert over_classes(loaded, classes) is loaded


def test_the_digest_is_of_the_indices_alone() -> None:
    assert cut(None, sample=[3, 1]).digest() == cut(None, sample=[1, 3]).digest() != cut(None, sample=[1, 4]).digest()
    drawn = [ForgetSpec.from_values(fraction=0.5).resolve(dataset(), generator=torch.Generator().manual_seed(s))
             for s in (0, 0, 1)]  # fmt: skip
    assert drawn[0].digest() == drawn[1].digest() != drawn[2].digest()
