from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from gsu_cli.report.pictures import CELL, HIT, choose, contact_sheet

NAMES = {1: "one", 3: "three", 8: "a rather long name"}


def sheet(path, labels, targets=(1,), channels=1, n=40, **options):
    pixels = torch.full((n, channels, 8, 8), 255, dtype=torch.uint8)
    drawings = dict.fromkeys(labels, pixels)
    contact_sheet(path, drawings, labels, NAMES, targets, what="class 1", **options)
    return np.asarray(Image.open(path).convert("RGB"))


def frames(array) -> int:
    """Red frames, by the pixels of their left edges."""
    red = (array == np.array(HIT)).all(2)
    edges = np.lib.stride_tricks.sliding_window_view(red, CELL, axis=0).all(2)
    return int((edges.any(0)[1:] & ~edges.any(0)[:-1]).sum())


def test_choose_takes_the_first_of_each_in_order_of_drawing():
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
def test_without_a_judge_or_target_it_is_still_drawn(tmp_path, targets):
    array = sheet(tmp_path / "a.png", {"original": torch.full((40,), -1)}, targets=targets)
    assert array.shape[1] > 16 * CELL


def test_grey_is_ink_on_paper_and_colour_stays(tmp_path):
    grey = sheet(tmp_path / "a.png", {"original": torch.full((40,), 3)})
    colour = sheet(tmp_path / "b.png", {"original": torch.full((40,), 3)}, channels=3)
    assert (grey == 0).all(2).any()  # full ink is black on the white sheet
    assert not (colour == 0).all(2).any()


def test_the_same_drawings_give_the_same_bytes(tmp_path):
    labels = {"original": torch.arange(40) % 2 * 2 + 1}
    sheet(tmp_path / "a.png", labels)
    sheet(tmp_path / "b.png", labels)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_fewer_drawings_than_places(tmp_path):
    assert sheet(tmp_path / "a.png", {"original": torch.tensor([1, 3, 8])}, n=3).size > 0
