from __future__ import annotations

from typing import Any

import pytest
import torch

import tiny_conditional
import tiny_diffusion
import tiny_world
from gsu_cli.errors import UsageError
from gsu_cli.methods.siss import Siss
from gsu_cli.surgery.vectors import norm
from gsu_cli.unlearning.unlearn import unlearn
from method_runs import assert_smoke


def run(method: Siss, model: Any, split: Any = None) -> Any:
    return unlearn(
        model, split or tiny_world.split(), method, generator=torch.Generator().manual_seed(0), diagnostics=False
    )


def test_smoke() -> None:
    _, update = assert_smoke(Siss(steps=4), still="encoder")
    assert len(update.details["per_step"]["scale"]) == 4


@pytest.mark.parametrize(("made", "passes"), [(tiny_diffusion.trained, 1), (tiny_diffusion.conditional, 2)])
def test_one_pass_serves_both_terms_unless_they_are_told_apart(made: Any, passes: int) -> None:
    model = made()
    calls: list[int] = []
    inner, method = model.network.forward, Siss(steps=3, log_every=3)
    _, update = run(method, model)
    usual = update.details["cost"]["gradients"]
    assert usual == 3 * 2 * method.loop.batch_size
    model.network.forward = lambda *inputs: calls.append(len(inputs[0])) or inner(*inputs)
    losses = _passes_of_checks(model)
    calls.clear()
    run(Siss(steps=3, log_every=3), model)
    assert len(calls) - losses == 3 * passes


def _passes_of_checks(model: Any) -> int:
    """How often the loop passes the network to look at losses, and at the start at gradients."""
    from gsu_cli.gradients import BLOCK

    blocks = sum(-(-n // BLOCK) for n in (tiny_world.split().n_retain, tiny_world.split().n_forget))
    return 3 * blocks


def test_the_forget_term_has_its_share_of_the_length() -> None:
    """With plain descent of rate 1 the first step is the direction: as long as its two parts allow."""
    model = tiny_diffusion.trained()
    small, large = (
        run(Siss(steps=1, share=share, lr=1e-4, optimiser="sgd", batch_size=400), model)[1] for share in (1e-9, 0.5)
    )
    ratio = large.step_norm / small.step_norm
    assert 0.5 - 1e-3 <= ratio <= 1.5 + 1e-3
    assert ratio != pytest.approx(1.0, abs=1e-3)


def test_a_single_sample_of_a_diffusion_model() -> None:
    model, split = tiny_diffusion.trained(), tiny_world.split_of(sample=[3])
    _, update = run(Siss(steps=30, lr=1e-3, share=0.5), model, split)
    assert update.realised["forget"] > 3 * max(update.realised["retain"], 0.0)
    assert 0 < update.details["per_step"]["between"][0] < 1


def test_a_conditional_vae_forgets_at_the_labels() -> None:
    model = tiny_conditional.trained()
    moved, update = run(Siss(steps=30, lr=2e-3, share=0.5), model)
    assert update.realised["forget"] > 0
    assert norm({k: v - model.state_dict()[k] for k, v in moved.state_dict().items() if k.startswith("encoder")}) == 0


@pytest.mark.parametrize("options", [{"mix": 0.0}, {"mix": 1.0}, {"share": 0}, {"steps": 0}])
def test_bad_options(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"method.{next(iter(options))}"):
        Siss(**options)
