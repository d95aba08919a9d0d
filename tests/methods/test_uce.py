from __future__ import annotations

from typing import Any

import pytest
import torch

import tiny_conditional
import tiny_diffusion
import tiny_world
from gsu_cli.errors import NotApplicableError, UsageError
from gsu_cli.methods.uce import Uce, ridge_edit
from gsu_cli.metrics.relearned import relearn
from gsu_cli.unlearning.unlearn import unlearn

MODELS = (tiny_conditional.trained, tiny_diffusion.conditional)


def run(method: Uce, model: Any, split: Any = None) -> Any:
    return unlearn(
        model, split or tiny_world.split(), method, generator=torch.Generator().manual_seed(0), diagnostics=False
    )


def test_the_edit_is_the_least_squares_solution() -> None:
    """Inputs that overlap: kept outputs give way a little, as the sum of squares says."""
    g = torch.Generator().manual_seed(0)
    W, erased, kept = (torch.randn(n, 5, generator=g, dtype=torch.float64) for n in (4, 2, 3))
    values, weight, ridge = torch.randn(2, 4, generator=g, dtype=torch.float64), 7.0, 0.5
    rows = torch.cat([weight**0.5 * erased, kept, ridge**0.5 * torch.eye(5, dtype=torch.float64)])
    wanted = torch.cat([weight**0.5 * values, kept @ W.T, ridge**0.5 * W.T])
    expected = torch.linalg.lstsq(rows, wanted).solution.T
    torch.testing.assert_close(ridge_edit(W, erased, values, kept, weight=weight, ridge=ridge), expected)


def test_a_heavy_weight_maps_the_word_and_a_light_one_leaves_it() -> None:
    W, code = torch.tensor([[2.0, 5.0]]), torch.eye(2)
    assert ridge_edit(W, code[:1], torch.tensor([[8.0]]), code[1:], weight=3.0).tolist() == [
        [6.5, 5.0]
    ]  # (3 x 8 + 2) / 4


@pytest.mark.parametrize("made", MODELS)
def test_the_word_moves_and_nothing_else(made: Any) -> None:
    model = made()
    moved, update = run(Uce(weight=9.0), model)
    name, column = model.condition_column(1)
    before, after = tiny_world.weights(model), tiny_world.weights(moved)
    torch.testing.assert_close(after[name][:, column], before[name][:, column] / 10)
    after[name][:, column] = before[name][:, column]
    assert tiny_world.same(before, after)
    assert update.details["erased"] == [1]
    assert update.details["parameter"] == name


@pytest.mark.parametrize("made", MODELS)
def test_what_it_becomes(made: Any) -> None:
    model = made()
    name, column = model.condition_column(3)
    words = tiny_world.weights(model)[name]
    kept = [model.condition_column(c)[1] for c in range(model.conditions) if c != 1]
    moved = {b: tiny_world.weights(run(Uce(becomes=b, weight=1e9), model)[0])[name] for b in (3, "mean", "nothing")}
    there = model.condition_column(1)[1]
    torch.testing.assert_close(moved[3][:, there], words[:, column])
    torch.testing.assert_close(moved["mean"][:, there], words[:, kept].mean(1))
    torch.testing.assert_close(moved["nothing"][:, there], torch.zeros_like(words[:, 0]), rtol=0, atol=1e-6)


@pytest.mark.parametrize("made", MODELS)
def test_a_renamed_word_is_learnt_anew_to_the_digit(made: Any) -> None:
    """What the network knows is untouched: from forgotten images the same word comes back as to the original."""
    model, images = made(), tiny_world.split().forget_images
    moved, _ = run(Uce(becomes=3), model)
    noise, one = model.noise(30, torch.Generator().manual_seed(1)), torch.full((30,), 1)
    found = []
    for m in (model, moved):
        m.requires_grad_(False)
        asked = m.generate(noise, one)
        relearn(m, images, 1, steps=20, seed=0)
        found.append((asked, m.generate(noise, one)))
    assert not torch.equal(found[0][0], found[1][0])
    assert torch.equal(found[0][1], found[1][1])


def test_asked_for_the_renamed_class_another_comes() -> None:
    moved, _ = run(Uce(becomes=8, weight=1e6), tiny_conditional.trained())
    noise = moved.noise(60, torch.Generator().manual_seed(1))
    shows = tiny_conditional.shows(moved.generate(noise, torch.full((60,), 1)))
    assert float((shows == 8).float().mean()) > 0.8


def test_refusals() -> None:
    with pytest.raises(NotApplicableError, match="`method=uce` needs a model with conditions; found MlpVae"):
        run(Uce(), tiny_world.trained())
    with pytest.raises(NotApplicableError, match="erases a condition"):
        run(Uce(), tiny_conditional.trained(), tiny_world.split_of(sample=[1]))
    for label in (1, 12):
        with pytest.raises(UsageError, match=rf"a class that is kept; found {label}\. Choose one of 0, 2, 3"):
            run(Uce(becomes=label), tiny_conditional.trained())


@pytest.mark.parametrize("options", [{"becomes": "null"}, {"becomes": True}, {"weight": 0}])
def test_bad_options(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"method.{next(iter(options))}"):
        Uce(**options)
