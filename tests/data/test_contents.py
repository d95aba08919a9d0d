"""What a data set holds: counts by class and part, images that are in both parts."""

from __future__ import annotations

import pytest
import torch

from gsu_cli.data.base import Dataset, Images
from gsu_cli.data.contents import counts, describe_counts
from gsu_cli.data.copies import dark, kept_copies, repeated, unlike
from gsu_cli.data.forget import ForgetSpec


def test_counts_of_classes_and_attributes(faces: Dataset) -> None:
    found = counts(faces)
    assert found["train"]["classes"] == {str(k): 10 for k in range(10)}
    assert found["heldout"]["attributes"] == {"Male": 15, "Smiling": 10}
    assert describe_counts(faces)[1] == "held out 30; 3 each of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9; Male: 15, Smiling: 10"


def test_a_class_that_is_not_held_out_counts_zero() -> None:
    one = Images(torch.zeros(2, 1, 2, 2, dtype=torch.uint8), torch.tensor([0, 1]))
    dataset = Dataset("x", one, one[torch.tensor([0])], {0: "cat", 1: "dog"}, "memory")
    assert describe_counts(dataset) == ["train 2; 1 each of cat, dog", "held out 1; cat: 1, dog: 0"]


def test_images_in_both_parts_are_counted() -> None:
    pixels = torch.arange(5 * 12).to(torch.uint8).reshape(5, 3, 2, 2)
    almost = pixels[:1].clone()
    almost[0, 2, 0, 0] += 1  # the middle row, by which images are compared first, stays
    train = Images(pixels, torch.zeros(5, dtype=torch.int64))
    heldout = Images(torch.cat([pixels[[3, 3]], almost, pixels[:1] + 100]), torch.zeros(4, dtype=torch.int64))
    said = repeated(Dataset("x", train, heldout, {0: "a"}, "memory"))
    assert said == (
        "2 of the 4 held-out images are training images too, pixel for pixel: no evidence on unseen images. Different "
        "images: 5 of 5 in training, 3 of 4 held out, 1 in both"
    )
    none = Images(almost, torch.zeros(1, dtype=torch.int64))
    assert repeated(Dataset("x", train, none, {0: "a"}, "memory")) == ""


@pytest.mark.parametrize(("brightest", "is_dark"), [(0, False), (1, True), (2, False), (255, False)])
def test_bytes_of_0_and_1_are_black_to_the_eye(brightest: int, is_dark: bool) -> None:
    images = Images(torch.tensor([[[[0, brightest]]]], dtype=torch.uint8), torch.zeros(1, dtype=torch.int64))
    said = dark(Dataset("x", images, images, {0: "a"}, "memory"))
    assert said == (
        "pixels are 0 and 1 of 255, so all images are black to the eye: save them as 255 * images" * is_dark
    )


def test_retained_copies_of_forgotten_images_are_counted() -> None:
    pixels = torch.arange(4 * 12).to(torch.uint8).reshape(4, 3, 2, 2)[[0, 1, 2, 1, 3, 1]]
    images = Images(pixels, torch.zeros(6, dtype=torch.int64))
    dataset = Dataset("x", images, images, {0: "a"}, "memory")
    rng = torch.Generator()
    said = kept_copies(ForgetSpec(sample=[1, 4]).resolve(dataset, generator=rng))
    assert said == (
        "2 of the 4 retained training images equal a forgotten one, pixel for pixel: what is forgotten with one is "
        "taught by the other"
    )
    assert kept_copies(ForgetSpec(sample=[1, 3, 5]).resolve(dataset, generator=rng)) == ""
    assert kept_copies(ForgetSpec(sample=[0]).resolve(dataset, generator=rng)) == ""


def parts(train: torch.Tensor, heldout: torch.Tensor) -> Dataset:
    y = torch.arange(len(train)) % 2
    return Dataset("x", Images(train, y), Images(heldout, y[: len(heldout)]), {0: "a", 1: "b"}, "memory")


def test_a_part_that_was_saved_in_another_way_is_said() -> None:
    """Held-out images that were inverted gave a retain loss of five times that of training, and no word."""
    g = torch.Generator().manual_seed(0)
    bright = 20 * (torch.arange(100) % 2).view(-1, 1, 1, 1)  # class b is brighter
    pixels = (bright + torch.randint(30, 90, (100, 1, 4, 4), generator=g)).to(torch.uint8)
    assert unlike(parts(pixels, pixels[:40])) == ""
    assert unlike(parts(pixels, pixels[:41:2])) == ""  # one class alone is another mix, no other images
    assert unlike(parts(pixels, 255 - pixels[:20])) == ""  # too few to know
    said = unlike(parts(pixels, 255 - pixels[:40]))
    assert said.startswith("held-out images are 1")
    assert "brighter than training images of the same classes" in said
    assert "darker" in unlike(parts(pixels, pixels[:40] // 255))
