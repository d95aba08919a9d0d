"""A model that a session trains once is the same model to whoever reads it, to the last bit."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import attribute_world
import forget_upright
import made_once
import tiny_conditional
import tiny_diffusion
import tiny_gan
import tiny_world
from forked import Forked

MODELS: list[Callable[[], Any]] = [
    tiny_world._trained, tiny_conditional._trained, tiny_diffusion._conditional, tiny_gan._taught,
    attribute_world._trained, forget_upright._trained,
]  # fmt: skip


def name_of(make: Callable[[], Any]) -> str:
    return make.__module__


@pytest.mark.parametrize("make", MODELS, ids=name_of)
def test_what_is_read_is_what_was_made(make: Callable[[], Any], tmp_path: Path) -> None:
    made = make()
    first = made_once.kept(tmp_path, lambda: made)
    again = made_once.kept(tmp_path, lambda: pytest.fail("made twice"))
    assert first is made
    assert again is not made
    assert tiny_world.same(tiny_world.weights(made), tiny_world.weights(again))
    assert again.training == made.training
    # of the last batch's gradients, which the one that was trained still holds, copies have none either
    for (name, a), b in zip(made.named_parameters(), again.parameters(), strict=True):
        assert (a.requires_grad, a.stride(), a.dtype) == (b.requires_grad, b.stride(), b.dtype), name
    for (name, a), b in zip(made.named_modules(), again.modules(), strict=True):
        assert (type(a), a.training, len(a._forward_hooks)) == (type(b), b.training, len(b._forward_hooks)), name


def test_a_model_trained_here_has_the_weights_of_the_one_that_is_kept() -> None:
    """By whichever worker, whatever ran before it there."""
    anew = tiny_world._trained.__wrapped__()  # type: ignore[attr-defined]
    assert tiny_world.same(tiny_world.weights(anew), tiny_world.weights(tiny_world.trained()))


def test_what_fails_is_not_kept(tmp_path: Path) -> None:
    def make() -> Any:
        raise ValueError("interrupted")

    with pytest.raises(ValueError, match="interrupted"):
        made_once.kept(tmp_path, make)
    assert not list(tmp_path.glob("*.pt"))


def test_without_a_session_or_in_a_process_of_a_test_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []

    def make() -> Any:
        made.append(1)
        return torch.ones(1)

    monkeypatch.delenv(made_once.PLACE)
    found = made_once.once(make)
    assert found() is found()
    monkeypatch.setattr(made_once, "_writes", [])
    made_once.kept(tmp_path, make)
    assert (len(made), list(tmp_path.iterdir())) == (2, [])


def test_a_second_process_waits_for_the_first(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")

    def process(word: str) -> Forked:
        def make() -> str:
            time.sleep(1)
            return word

        return Forked(lambda: print(made_once.kept(tmp_path, make)), tmp_path, tmp_path)

    said = {each.communicate()[0] for each in [process(word) for word in "ab"]}
    assert said in ({"a\n"}, {"b\n"})
