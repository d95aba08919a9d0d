"""Attacks at noise levels on the exact denoiser of a few images: it knows them by heart, and has seen nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

import tiny_diffusion
from gsu_cli.audit.attack import Auc
from gsu_cli.audit.base import Audited, Case
from gsu_cli.audit.noise_levels import NoiseLevels, _against
from gsu_cli.errors import UsageError
from memory_world import case, noise_split, value

STEPS = 20


class _Network(nn.Module):
    """``E[x_0 | x_t]`` where ``x_0`` is one of the stored images."""

    def __init__(self, stored: Tensor) -> None:
        super().__init__()
        self.stored = nn.Parameter(2 * stored - 1)

    def forward(self, x_t: Tensor, t: Tensor) -> Tensor:
        a, s = levels(t)
        apart = torch.cdist(x_t.flatten(1), a[0, 0, 0, 0] * self.stored.flatten(1)).square()
        return (torch.softmax(-apart / (2 * s[0, 0, 0, 0] ** 2), 1) @ self.stored.flatten(1)).view_as(x_t)


def levels(t: Tensor) -> tuple[Tensor, Tensor]:
    angle = (t.float() + 1) / (STEPS + 1) * torch.pi / 2
    return angle.cos().view(-1, 1, 1, 1), angle.sin().view(-1, 1, 1, 1)


class ByHeart(nn.Module):
    """A diffusion model at the minimum of its loss on a few images."""

    shape, train_steps, loss_unit = (1, 8, 8), STEPS, "MSE"
    sites = times = output_for = lambda self: None

    def __init__(self, stored: Tensor) -> None:
        super().__init__()
        self.network = _Network(stored)

    def levels(self, t: Tensor) -> tuple[Tensor, Tensor]:
        return levels(t)

    def denoised(self, x_t: Tensor, t: Tensor, output: Tensor) -> Tensor:
        return output


def audited(unlearned: Tensor) -> Case:
    split = noise_split()
    models = {
        "original": ByHeart(split.dataset.train.floats()),
        "unlearned": ByHeart(unlearned),
        "retrained": ByHeart(split.retain_images.floats()),
    }
    return replace(case(0, 0), models={name: Audited(name, m, f"sha {name}") for name, m in models.items()})


@pytest.mark.parametrize("attack", ["error", "score"])
def test_what_is_known_by_heart_is_told(attack: str) -> None:
    found = NoiseLevels(at=[0.1, 0.3], noises=2)(audited(noise_split().dataset.train.floats()))
    for name in ("original", "unlearned"):
        assert value(found, f"auc_{attack}", name).value == pytest.approx(1, abs=0.02)
    more = value(found, f"auc_{attack}_minus_retrained")
    assert more.low is not None
    assert more.low > 0.2
    assert sum("(under-forgotten" in line for line in found.sentences) == 2
    assert {curve.name for curve in found.curves} == {"auc_error", "auc_score"}


@pytest.mark.parametrize("attack", ["error", "score"])
def test_what_was_never_seen_is_not(attack: str) -> None:
    """The negative control."""
    found = NoiseLevels(at=[0.1, 0.3], noises=2)(audited(noise_split().retain_images.floats()))
    unseen = value(found, f"auc_{attack}")
    assert unseen.low is not None
    assert unseen.high is not None
    assert unseen.low < 0.5 < unseen.high
    assert value(found, f"auc_{attack}_minus_retrained").value == 0


def test_a_model_that_points_away_is_over_forgotten() -> None:
    split = noise_split()
    far = torch.cat([split.dataset.heldout.floats(), split.retain_images.floats()])
    found = NoiseLevels(at=[0.1], noises=2)(audited(far))
    below = value(found, "auc_error_minus_retrained")
    assert below.high is not None
    assert below.high < 0
    assert any("(over-forgotten" in line for line in found.sentences)


@pytest.mark.parametrize(
    ("own", "goal", "said"),
    [
        (0.3, 1.2, "tells the forgotten images less often than in the retrained model (over-forgotten"),
        (-0.4, -1.2, "tells the forgotten images more often than in the retrained model (under-forgotten"),
        (0.3, 0.3, "is not shown to tell the forgotten images more or less often than in the retrained model"),
    ],
)
def test_a_sentence_says_what_was_compared(own: float, goal: float, said: str) -> None:
    """The first are still told from unseen images, the second are not: what decides is the retrained model."""
    members, others = torch.randn(2, 400, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    aucs = {"unlearned": Auc.of(members + own, others), "retrained": Auc.of(members + goal, others)}
    aucs["original"] = Auc.of(members + 2, others)
    _, sentence = _against("error", Audited("unlearned", None, "sha"), aucs, 800)
    one = " beside this one retrained model; references=3 tells of other seeds)" * ("(" in said)
    assert sentence.startswith(f"The error over noise levels {said}{one}: AUC ")


def test_a_trained_network_runs_and_others_are_told() -> None:
    model = tiny_diffusion.trained()
    own = replace(case(0, 0), models={n: Audited(n, model, "sha") for n in ("original", "unlearned")})
    found = NoiseLevels(at=[0.2], noises=1)(own)
    assert 0 <= (value(found, "auc_error").value or 0) <= 1
    (m,) = NoiseLevels()(case(0, 0)).measurements
    assert m.reason == "needs a diffusion model: others have no noise levels"
    for wrong in ([], [1.5], ["a"], [0]):
        with pytest.raises(UsageError, match=r"`audit.noise_levels.at` must be shares"):
            NoiseLevels(at=wrong)  # type: ignore[arg-type]
