"""Avatars: true attributes, independent, drawn the same for ever, and said plainly when they cannot be."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gsu_cli.data import avatar_layers, avatars
from gsu_cli.data.avatar_layers import BACKGROUND, BRIM, SHARES, SIZE, Layer, Plan, draw_layers, plans, stack
from gsu_cli.data.avatars import Avatars
from gsu_cli.errors import DataError, UsageError

N = 64


@pytest.fixture(scope="module")
def layers() -> dict[Layer, np.ndarray]:
    return draw_layers()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("avatars")


@pytest.fixture(scope="module")
def faces(folder: Path) -> Any:
    return Avatars(folder, n=N).load()


def test_what_a_data_set_is(faces: Any) -> None:
    assert faces.shape == (3, SIZE, SIZE)
    assert (len(faces.train), len(faces.heldout)) == (N - N // 8, N // 8)
    assert faces.attribute_names == tuple(SHARES) == ("glasses", "smile", "hat", "beard", "long_hair")
    assert faces.train.attributes.shape == (N - N // 8, 5)
    assert faces.train.attributes.dtype == torch.bool
    assert faces.class_names == {0: "face"}
    assert faces.note == "", "other sizes are not the ones that weights ship for"
    assert "64 avatars made by dicebear" in faces.source


def test_the_second_time_nothing_is_generated(folder: Path, faces: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(avatars, "draw_layers", None)
    assert Avatars(folder, n=N).load().digest() == faces.digest()


def test_it_is_generated_the_same_twice_and_otherwise_for_another_seed(tmp_path: Path, faces: Any) -> None:
    assert Avatars(tmp_path / "elsewhere", n=N).load().digest() == faces.digest()
    assert Avatars(tmp_path, n=N, seed=1).load().digest() != faces.digest()


@pytest.mark.parametrize("size", [32, 16])
def test_smaller_faces_are_means_of_squares_of_the_same_faces(folder: Path, faces: Any, size: int) -> None:
    small, side = Avatars(folder, n=N, size=size).load(), SIZE // size
    assert small.shape == (3, size, size)
    assert torch.equal(small.train.attributes, faces.train.attributes)
    squares = faces.train.pixels.double().reshape(-1, 3, size, side, size, side)
    assert (small.train.pixels - squares.mean((3, 5))).abs().max() <= 0.5
    assert f"scaled to {size} x {size}" in small.source
    assert small.note == "", "nothing ships of this size, so no weights know other pixels"


def test_progress_comes_to_an_end(tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []
    Avatars(tmp_path, n=130).load(lambda done, total: heard.append((done, total)))
    assert heard == [(100, 130), (130, 130)]


def test_the_default_set_is_the_one_that_the_weights_were_trained_on(tmp_path: Path) -> None:
    assert Avatars(tmp_path).load().note == ""


def test_other_pixels_than_the_weights_know_are_told(faces: Any) -> None:
    assert avatars._note(faces.train.pixels).startswith("these avatars differ from those that the shipped weights")


def test_attributes_are_those_of_the_layers_and_each_plan_can_be_generated(layers: dict[Layer, np.ndarray]) -> None:
    for plan in plans(300, seed=3):
        has = dict(zip(SHARES, plan.attributes, strict=True))
        kinds = [layer[0] for layer in plan.layers]
        hair = next(layer for layer in plan.layers if layer[0].startswith("hair"))
        assert has["glasses"] == ("glasses" in kinds)
        assert has["hat"] == ("hat" in kinds) == (hair[0] == "hair under hat")
        assert has["beard"] == ("beard" in kinds)
        assert has["smile"] == (("mouth", "smile") in plan.layers) == (("mouth", "serious") not in plan.layers)
        assert has["long_hair"] == (hair[1] in avatar_layers.LONG_HAIR) == (hair[1] not in avatar_layers.SHORT_HAIR)
        assert set(plan.layers) <= set(layers)


def test_shares_are_met_and_attributes_are_independent() -> None:
    """Five standard errors of 8,000 draws."""
    drawn = torch.tensor([plan.attributes for plan in plans(8_000, seed=0)], dtype=torch.float64)
    share = torch.tensor(list(SHARES.values()), dtype=torch.float64)
    assert ((drawn.mean(0) - share).abs() <= 5 * (share * (1 - share) / 8_000).sqrt()).all()
    off = torch.corrcoef(drawn.T) - torch.eye(5)
    assert off.abs().max() <= 5 / 8_000**0.5


def test_the_first_faces_are_the_same_however_many_there_are() -> None:
    assert list(plans(5, seed=7)) == list(plans(50, seed=7))[:5]
    assert list(plans(5, seed=7)) != list(plans(5, seed=8))


def test_each_attribute_shows_and_only_where_it_belongs(layers: dict[Layer, np.ndarray]) -> None:
    """The same face with and without: pixels differ, by more than a shade, and far from everywhere."""
    plain: list[Layer] = [("skin", avatar_layers.SKINS[-1]), ("clothes", avatar_layers.CLOTHES_COLOURS[0]), ("face",)]
    hair, colour = avatar_layers.SHORT_HAIR[0], avatar_layers.HAIR_COLOURS[0]
    top, serious = ("hair", hair, colour), ("mouth", "serious")
    without = stack(layers, Plan((), (*plain, top, serious))).astype(int)
    long = ("hair", avatar_layers.LONG_HAIR[0], colour)
    under, hat = ("hair under hat", hair, colour), ("hat", avatar_layers.HATS[0], avatar_layers.HAT_COLOURS[0])
    beard, glasses = ("beard", avatar_layers.BEARDS[0], colour), ("glasses", avatar_layers.GLASSES[0])
    with_it = {
        "glasses": (*plain, top, serious, glasses),
        "smile": (*plain, top, ("mouth", "smile")),
        "hat": (*plain, under, hat, serious),
        "beard": (*plain, top, beard, serious),
        "long_hair": (*plain, long, serious),
    }
    assert with_it.keys() == SHARES.keys()
    for name, stacked in with_it.items():
        changed = np.abs(stack(layers, Plan((), stacked)).astype(int) - without).max(0) > 40
        assert 0.005 < changed.mean() < 0.5, name


def test_a_hat_hides_the_hair_beneath_it_and_no_more(layers: dict[Layer, np.ndarray]) -> None:
    for key, drawn in layers.items():
        if key[0] == "hair under hat":
            whole = layers["hair", key[1], key[2]]
            assert (drawn[3, :BRIM] == 0).all()
            assert np.array_equal(drawn[3, BRIM:], whole[3, BRIM:])
            assert whole[3, :BRIM].any()


def test_stacking_is_opacity_by_opacity() -> None:
    red = np.zeros((4, SIZE, SIZE), np.float32)
    red[0], red[3] = 1.0, 0.4
    blue = np.zeros((4, SIZE, SIZE), np.float32)
    blue[2], blue[3, :, : SIZE // 2] = 1.0, 1.0
    image = stack({("red",): red, ("blue",): blue}, Plan((), (("red",), ("blue",))))
    ground = np.array(BACKGROUND) / 255
    part = np.rint(255 * (ground + 0.4 * (np.array([1.0, 0, 0]) - ground)))
    assert image[:, 0, 0].tolist() == [0, 0, 255]
    assert image[:, 0, -1].tolist() == part.tolist()
    assert stack({}, Plan((), ()))[:, 3, 3].tolist() == list(BACKGROUND)


def test_a_missing_package_is_named_with_the_way_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def version(package: str) -> str:
        if package == "resvg-py":
            raise PackageNotFoundError(package)
        return "1"

    monkeypatch.setattr(avatars, "version", version)
    with pytest.raises(DataError) as caught:
        Avatars(tmp_path).load()
    assert str(caught.value) == (
        "dataset=avatars needs the packages dicebear-core, dicebear-styles, resvg-py; found no resvg-py. "
        "Type pip install dicebear-core dicebear-styles resvg-py."
    )
    assert list(tmp_path.iterdir()) == []


def test_another_style_is_refused_not_replaced() -> None:
    """One whose avatars lack a part that is asked for."""
    from dicebear import Style

    text = files("dicebear_styles").joinpath("avataaars.json").read_text("utf-8")
    with pytest.raises(DataError, match="must have the parts antenna; found another picture. Install the version of"):
        avatar_layers._draw(Style(json.loads(text)), {"antenna"}, {})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 15}, "`dataset.n` must be an integer >= 16; found 15."),
        ({"n": 0}, "`dataset.n` must be an integer >= 16; found 0."),
        ({"n": 64.0}, "`dataset.n` must be an integer >= 16; found 64.0. Type dataset.n=64"),
        ({"n": True}, "`dataset.n` must be an integer >= 16; found True."),
        ({"size": 48}, "`dataset.size` must be 64, 32 or 16, since pixels are means of squares; found 48."),
        ({"size": None}, "`dataset.size` must be 64, 32 or 16, since pixels are means of squares; found null."),
        ({"size": True}, "`dataset.size` must be 64, 32 or 16, since pixels are means of squares; found True."),
        ({"seed": -1}, "`dataset.seed` must be an integer >= 0; found -1."),
        ({"seed": "x"}, "`dataset.seed` must be an integer >= 0; found 'x'."),
    ],
)
def test_bad_options_are_one_sentence(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        Avatars(tmp_path, **options)
    assert str(caught.value) == message
