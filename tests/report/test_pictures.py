from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from gsu_cli.report.pictures import CELL, GAP, HEAD, HIT, LABEL, MARGIN, Block, Line, choose, contact_sheet

NAMES = {1: "one", 3: "three", 8: "a rather long name"}


def sheet(path, labels, targets=(1,), channels=1, n=40, ground=0, **options):
    pixels = torch.full((n, channels, 8, 8), 255, dtype=torch.uint8)
    if channels == 1:
        pixels[:, :, :, 3:] = ground
    drawings = dict.fromkeys(labels, pixels)
    contact_sheet(path, drawings, labels, NAMES, targets, what="class 1", **options)
    return np.asarray(Image.open(path).convert("RGB"))


def frames(array) -> int:
    """Red frames, by the pixels of their left edges."""
    red = (array == np.array(HIT)).all(2)
    edges = np.lib.stride_tricks.sliding_window_view(red, CELL, axis=0).all(2)
    return int((edges.any(0)[1:] & ~edges.any(0)[:-1]).sum())


def test_choose_takes_the_first_of_each_in_order_of_sampling():
    hits = torch.tensor([0, 1, 0, 1, 1, 0, 1, 1], dtype=torch.bool)
    shown, others = choose(hits, 3, 1)
    assert shown.tolist() == [1, 3, 4]
    assert others.tolist() == [0, 2, 5]


def test_frames_mark_what_the_judge_sees_as_a_target(tmp_path):
    labels = torch.full((40,), 3)
    labels[[4, 9]] = 1
    gone = torch.full((40,), 8)
    both = sheet(tmp_path / "a.png", {"original": labels, "unlearned": labels}, columns=4, rows=1)
    one = sheet(tmp_path / "b.png", {"original": labels, "unlearned": gone}, columns=4, rows=1)
    assert frames(both) == frames(one) * 1 == 4  # two columns, each with a left and a right edge
    assert (both == np.array(HIT)).all(2).sum() > 1.5 * (one == np.array(HIT)).all(2).sum()


def test_no_hit_gives_one_block_and_no_frame(tmp_path):
    array = sheet(tmp_path / "a.png", {"original": torch.full((40,), 3)})
    assert frames(array) == 0
    with_hits = sheet(tmp_path / "b.png", {"original": torch.arange(40) % 2 * 2 + 1})
    assert array.shape[0] < with_hits.shape[0]


def test_everything_a_hit_gives_one_block(tmp_path):
    array = sheet(tmp_path / "a.png", {"original": torch.ones(40, dtype=torch.int64)}, columns=4, rows=1)
    assert frames(array) == 8


@pytest.mark.parametrize("targets", [(), (1,)])
def test_without_a_judge_or_target_there_is_still_a_picture(tmp_path, targets):
    array = sheet(tmp_path / "a.png", {"original": torch.full((40,), -1)}, targets=targets)
    assert array.shape[1] > 16 * CELL


def test_grey_is_ink_on_paper_and_colour_stays(tmp_path):
    grey = sheet(tmp_path / "a.png", {"original": torch.full((40,), 3)})
    colour = sheet(tmp_path / "b.png", {"original": torch.full((40,), 3)}, channels=3)
    assert (grey == 0).all(2).any()  # full ink is black on the white sheet
    assert not (colour == 0).all(2).any()


def test_grey_photographs_are_no_negatives(tmp_path):
    """Images of bright things were shown black: all that was grey was taken for ink."""
    array = sheet(tmp_path / "a.png", {"original": torch.full((40,), 3)}, ground=140)
    assert (array == 140).all(2).sum() > 100 * (array == 255 - 140).all(2).sum() > 0, "letters have all shades"


def test_the_same_samples_give_the_same_bytes(tmp_path):
    labels = {"original": torch.arange(40) % 2 * 2 + 1}
    sheet(tmp_path / "a.png", labels)
    sheet(tmp_path / "b.png", labels)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_fewer_samples_than_places(tmp_path):
    assert sheet(tmp_path / "a.png", {"original": torch.tensor([1, 3, 8])}, n=3).size > 0


def test_what_changed_most_has_a_block_of_its_own_with_the_pair_alone(tmp_path):
    labels = dict.fromkeys(("original", "unlearned", "retrained"), torch.full((40,), 3))
    without = sheet(tmp_path / "a.png", labels)
    array = sheet(tmp_path / "b.png", labels, most=[7, 2, 30], most_title="changed most")
    line = CELL + LABEL + GAP
    assert array.shape[0] - without.shape[0] == HEAD + 2 * line + 2 * GAP
    tail = array[without.shape[0] :]
    ink = [(tail[:, MARGIN + k * (CELL + GAP) : MARGIN + k * (CELL + GAP) + CELL] == 0).all(2).any() for k in range(4)]
    assert ink == [True, True, True, False]


def test_a_block_that_stands_first(tmp_path):
    pixels = torch.full((3, 1, 8, 8), 255, dtype=torch.uint8)
    block = Block(
        "forgotten",
        [Line("image", pixels, ["#3", "#5", "#9"], [True] * 3), Line("original", pixels, [""] * 3, [False] * 3)],
    )
    array = sheet(tmp_path / "a.png", {"original": torch.full((40,), 3)}, targets=(), before=[block])
    assert frames(array[: HEAD + CELL + LABEL + GAP + GAP]) == 6, "three red frames, each with two edges"
    assert frames(array[HEAD + CELL + LABEL + GAP + GAP :]) == 0
