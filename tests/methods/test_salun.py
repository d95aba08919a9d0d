from __future__ import annotations

import pytest
import torch

import tiny_diffusion
import tiny_world
from forget_upright import drawn_upright, forget_upright
from gsu_cli.errors import UsageError
from gsu_cli.gradients import mean_gradient
from gsu_cli.methods.salun import SalUn, largest
from gsu_cli.objectives.replaced_targets import wrong_label_targets
from gsu_cli.unlearning.contract import Task
from method_runs import assert_smoke, run
from tiny_world import weights


def moved_entries(keep: float, scope: str = "all", optimiser: str = "adam") -> tuple[dict, dict]:
    """Where the weights moved, and the mask from the forget gradient itself."""
    method, seen = SalUn(keep=keep, steps=5, lr=1e-3, log_every=5, scope=scope, optimiser=optimiser), {}

    def spy(task: Task):
        seen["seed"] = task.stream("mask")
        return method(task)

    model = tiny_world.trained()
    before, after = weights(model), weights(run(spy, model)[0])
    names = list(dict(model.named_parameters())) if scope == "all" else model.generation_parameters()
    g = mean_gradient(model, tiny_world.split().forget_images, names, seed=seen["seed"]).vector
    return {k: after[k] != before[k] for k in before}, largest(g, keep)


@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
@pytest.mark.parametrize("scope", ["all", "generator"])
def test_weights_outside_of_the_mask_are_bit_identical(scope: str, optimiser: str) -> None:
    moved, mask = moved_entries(0.5, scope, optimiser)
    for k, there in moved.items():
        assert not (there & (mask[k] == 0) if k in mask else there).any(), k
    assert sum(int(there.sum()) for there in moved.values()) > 0.3 * sum(m.numel() for m in mask.values())


def test_without_a_mask_they_all_move() -> None:
    """The negative control."""
    moved, half = moved_entries(1.0)[0], moved_entries(0.5)[1]
    assert any((there & (half[k] == 0)).any() for k, there in moved.items())


def test_the_mask_takes_the_largest_over_all_layers_together() -> None:
    g = {"big": torch.tensor([[5.0, -6.0], [7.0, 8.0]]), "small": torch.tensor([0.1, -0.2, 0.0, 0.0])}
    assert largest(g, 0.5) == {"big": pytest.approx(torch.ones(2, 2)), "small": pytest.approx(torch.zeros(4))}
    assert sum(int(m.sum()) for m in largest(g, 1.0).values()) == 6  # a weight that the loss ignores is not salient


def test_random_labels_are_learnt() -> None:
    loss = run(SalUn(steps=40, lr=3e-3, log_every=40))[1].details["per_step"]["random_label_loss"]
    assert sum(loss[-5:]) < 0.9 * sum(loss[:5])


def test_smoke() -> None:
    _, update = assert_smoke(SalUn(steps=3, log_every=1), still="encoder")
    assert 0.4 < update.details["mask_share"] <= 0.5


def test_an_attribute_of_a_gaussian_convolutional_model() -> None:
    original, moved, _ = forget_upright(SalUn(steps=60, lr=1e-2, log_every=60))
    assert drawn_upright(moved) < 0.7 * drawn_upright(original)


@pytest.mark.parametrize("options", [{"keep": 0.0}, {"keep": 1.5}, {"alpha": -1}, {"steps": 0}, {"scope": "decoder"}])
def test_bad_options(options: dict) -> None:
    with pytest.raises(UsageError, match=f"method.{next(iter(options))}"):
        SalUn(**options)


def test_wrong_labels_are_any_of_those_kept_with_equal_chance() -> None:
    """Public code takes ``(y + 1) mod 10``: one wrong label, which may be forgotten as well."""

    class Echo(tiny_diffusion.Ddpm):
        def __init__(self) -> None:
            super().__init__((1, 8, 8), **tiny_diffusion.SMALL, conditions=9)

        def forward_told(self, x: torch.Tensor, t: torch.Tensor, told: torch.Tensor) -> torch.Tensor:
            return told.argmax(1).float()[:, None, None, None].expand_as(x)

    model = Echo().eval()
    model.network.forward = model.forward_told
    x, y = torch.rand(3000, 1, 8, 8), torch.full((3000,), 1)
    made = wrong_label_targets(model, x, y, torch.tensor([0, 3, 8]), torch.Generator().manual_seed(0))
    assert bool((made.inputs[2].argmax(1) == 1).all()), "it is asked at the right label"
    taught = made.targets[:, 0, 0, 0]
    assert {c: int((taught == c).sum()) for c in taught.unique().tolist()} == {
        c: pytest.approx(1000, abs=90) for c in (0.0, 3.0, 8.0)
    }


def test_a_conditional_model_that_says_the_noise_has_wrong_labels_too() -> None:
    model = tiny_diffusion.fresh(prediction="eps", conditions=9)
    g = torch.Generator().manual_seed(0)
    with torch.no_grad():  # a fresh one says 0 at every label
        for w in model.parameters():
            w.copy_(0.2 * torch.randn(w.shape, generator=g))
    _, update = run(SalUn(steps=12, lr=3e-3, log_every=12, alpha=0.0), model, diagnostics=False)
    losses = update.details["per_step"]["random_label_loss"]
    assert 0.0 < sum(losses[-3:]) < 0.9 * sum(losses[:3])
    with pytest.raises(UsageError, match="needs a denoiser whose target tells images apart"):
        run(SalUn(steps=1), tiny_diffusion.fresh(prediction="eps"), diagnostics=False)


def test_a_condition_that_training_never_met_is_no_wrong_label(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model knows nine conditions, of which the data has three: the other six mean nothing in particular."""
    taught = []

    def spy(original: object, x: torch.Tensor, y: torch.Tensor, kept: torch.Tensor, generator: torch.Generator):
        taught.append(kept.tolist())
        return wrong_label_targets(original, x, y, kept, generator)

    monkeypatch.setattr("gsu_cli.methods.salun.wrong_label_targets", spy)
    run(SalUn(steps=1), tiny_diffusion.conditional(), diagnostics=False)
    assert taught == [[3, 8]]
