"""Whether weights and the class around them belong together: what a wrong adapter does to real training images.

    gain = (C - R) / (C - F),   R the mean nll of reconstructions, C that of the best constant image, F the least
    possible, all under the model's own likelihood,

so 1 is a perfect copy and 0 no better than one picture for everything. Beside the class as it is, the same is taken of
what it would be with a usual slip undone: mean and log-variance exchanged, inputs read in another range or order, a
sigmoid too many. A model without posterior or decoder is judged by its loss instead of R.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gsu_cli.errors import CheckpointError
from gsu_cli.models.adapter_slips import least_loss, slips, takes_logits
from gsu_cli.models.conditions import Told, conditions_of
from gsu_cli.models.denoiser_check import examine_denoiser
from gsu_cli.models.model import decode
from gsu_cli.models.prior import kl_to_prior
from gsu_cli.models.protocols import HasDecoder, HasLikelihood, Predicts

LOW = 0.1  # gain below which nothing much was learned, or the class is wrong


BETTER = 0.15  # gain that a slip undone must add to be named


FAR = 0.25  # beyond [0, 1]: more than what a likelihood without bounds says of black and white


SQUEEZED = "(x + 1) / 2 for a tanh, a sigmoid for logits"


CAUSES = (
    "Usual causes: mean and log-variance exchanged, images in [0, 1] where training had [-1, 1], a sigmoid in the "
    "decoder under a likelihood of logits, other images than those it was trained on, or weights of no training"
)


@dataclass(frozen=True)
class Evidence:
    """What was found.

    Attributes:
        facts: for the record; nats per image, and shares.
        notes: what a reader of any number of this model must know.
    """

    facts: dict[str, Any]
    notes: list[str] = field(default_factory=list)


@torch.no_grad()
def examine(model: Any, x: Tensor, y: Tensor, path: Path, *, generator: torch.Generator) -> Evidence:
    """Compares a model with its training images.

    Args:
        model: in eval mode.
        x, y: training images ``(n, c, h, w)`` in [0, 1], and labels.
        path: of the weights, for messages.
        generator: of latents.

    Raises:
        CheckpointError: it is worse than the best constant image, a denoiser says something else, its samples lie
            outside of [0, 1], or its posterior has standard deviations below 0.
    """
    if conditions_of(model) and isinstance(model, HasDecoder):
        model = Told(model, y)
    samples = model.sample(64, generator)
    outside = ((samples < -0.01) | (samples > 1.01)).double().mean()
    if outside > 0.01:
        raise CheckpointError(
            "sample() must give images in [0, 1]",
            found=f"values from {float(samples.min()):.3g} to {float(samples.max()):.3g} with {path}",
            way_out=f"Scale them in the class: {'x / 255' if float(samples.max()) > 100 else SQUEEZED}",
        )
    if isinstance(model, Predicts):
        return Evidence(examine_denoiser(model, x, path, generator=generator))
    weighed: object = model
    if not isinstance(weighed, HasLikelihood):
        return Evidence({"images": 0, "reason": "the model has no likelihood under which to compare"})
    loss = float(model.loss(x, y, generator).double().mean())
    constant = least_loss(model.likelihood, x.mean(0, keepdim=True).expand_as(x), x)
    floor = least_loss(model.likelihood, x, x)
    facts: dict[str, Any] = {"images": len(x), "loss": loss, "constant_image": constant, "least_possible": floor}
    if not isinstance(model, HasDecoder):
        if loss >= constant:
            raise _worse(f"a training loss of {loss:.4g} nats per image", constant, path, CAUSES)
        return Evidence({**facts, "gain": (constant - loss) / max(constant - floor, 1e-9)})
    return _examine_reconstructions(model, x, facts, path, generator)


@torch.no_grad()
def clipped_samples(model: Any) -> str:
    """What a reader must know of a model many of whose samples' values lie far outside of [0, 1]; else empty.

    Args:
        model: in eval mode, of whoever's class; an unlearned one may be in ruins, so it is no error.
    """
    x = model.sample(16, torch.Generator().manual_seed(0))
    outside = float(((x < -FAR) | (x > 1 + FAR)).double().mean())
    if outside <= 0.01:
        return ""
    low, high = float(x.min()), float(x.max())
    return (
        f"{outside:.0%} of what sample() of {type(model).__name__} gives lies outside of [0, 1], from {low:.3g} "
        f"to {high:.3g}, and is clipped. If that is another scale, let the class give {SQUEEZED}"
    )


def _examine_reconstructions(
    model: Any, x: Tensor, facts: dict[str, Any], path: Path, generator: torch.Generator
) -> Evidence:
    """Of a model with encoder and decoder: how much of what can be explained of the images its reconstructions do."""
    constant, floor = facts["constant_image"], facts["least_possible"]
    noise = torch.randn(model.posterior(x[:1])[0].shape[1], len(x), generator=generator).T
    mean, sd = model.posterior(x)
    if bool((sd < 0).any()):
        raise CheckpointError(
            "posterior() must give mean and standard deviation",
            found=f"values below 0 for the second with {path}",
            way_out="Use exp(0.5 * log_var) for a log-variance",
        )
    output = model.decoder(mean + sd * noise)
    nll = float(model.likelihood.nll(output, x).double().mean())
    span = max(constant - floor, 1e-9)
    gain = (constant - nll) / span
    pictures = model.likelihood.mean(output)
    facts |= {"reconstruction": nll, "gain": gain, "correlation": _correlation(pictures, x)}
    undone = [(why, (constant - r) / span) for why, r in slips(model, x, noise, output)]
    why, best = max(undone, key=lambda found: found[1], default=("", 0.0))
    hint = f"It would fit ({best:.0%} instead of {gain:.0%} of what can be explained) with {why}"
    if not gain > 0:  # also nan
        text = f"reconstructions at {nll:.4g} nats per image (correlation with the images {facts['correlation']:.2f})"
        raise _worse(text, constant, path, f"{hint}. {CAUSES}" if best > LOW else CAUSES)
    notes = _notes(model, facts, hint if best > gain + BETTER else "", mean=mean, sd=sd, output=output)
    if not notes and (spread := _spread(model, x, mean, sd, noise)):
        notes.append(spread)
    return Evidence(facts, notes)


def _notes(model: Any, facts: dict[str, Any], hint: str, *, mean: Tensor, sd: Tensor, output: Tensor) -> list[str]:
    """What is suspicious about a model that is better than a constant image."""
    loss, constant, nll, gain = (facts[k] for k in ("loss", "constant_image", "reconstruction", "gain"))
    notes = []
    if hint:
        notes.append(f"the class may not be that of the weights. {hint}")
    elif gain < LOW:
        notes.append(
            f"the weights explain {gain:.0%} of what can be explained of the training images: hardly trained, or the "
            f"class is not that of the weights. {CAUSES}"
        )
    kl = float(kl_to_prior(mean, sd).sum(1).double().mean())
    if loss > constant + 0.02 * abs(constant):
        notes.append(
            f"the -ELBO of training images, {loss:.4g}, is above {constant:.4g} of the best constant image, though "
            f"reconstructions are at {nll:.4g}: KL was hardly weighed in training, or N(0, I) is not the prior"
        )
    elif abs(loss - nll - kl) > 0.05 * abs(nll + kl):
        notes.append(
            f"loss() gives {loss:.4g} nats per image where posterior(), decoder and likelihood give {nll + kl:.4g}: "
            "another objective, a weight on KL, or a mean where a sum belongs"
        )
    low, high = float(output.min()), float(output.max())
    if takes_logits(model.likelihood):
        if low >= 0 and high <= 1:
            notes.append(
                f"the decoder's output lies in [{low:.2g}, {high:.2g}] under a likelihood of logits: "
                "does it end in a sigmoid?"
            )
    elif float(((output < -FAR) | (output > 1 + FAR)).double().mean()) > 0.05:
        notes.append(f"the decoder's output reaches from {low:.3g} to {high:.3g}, and pixels lie in [0, 1]: logits?")
    if float((decode(model, mean[:64]) - model.likelihood.mean(model.decoder(mean[:64]))).abs().mean()) > 0.01:
        notes.append("decode() generates other pictures than the likelihood's mean of what decoder gives")
    return notes


def _spread(model: Any, x: Tensor, mean: Tensor, sd: Tensor, noise: Tensor) -> str:
    """Whether another spread of the posterior fits clearly better; training would have found it."""

    def loss(s: Tensor) -> Tensor:
        kl = kl_to_prior(mean, s).sum(1)
        found: Tensor = (model.likelihood.nll(model.decoder(mean + s * noise), x) + kl).double()
        return found

    given = loss(sd)
    others = {"its root": sd.sqrt(), **{f"{k:g} times it": k * sd for k in (0.125, 0.25, 0.5, 2, 4, 8)}}
    name, best = min(((k, loss(s)) for k, s in others.items()), key=lambda found: float(found[1].mean()))
    gained = given - best
    error = float(gained.std()) / len(x) ** 0.5
    if float(gained.mean()) <= max(0.01 * abs(float(given.mean())), 4 * error):
        return ""
    return (
        "the posterior's standard deviation is not what fits: the -ELBO of training images falls from "
        f"{float(given.mean()):.4g} to {float(best.mean()):.4g} with {name}. A variance or a log-variance in its "
        "place, or a weight on KL in training"
    )


def _worse(what: str, constant: float, path: Path, way_out: str) -> CheckpointError:
    return CheckpointError(
        "the model must fit its training images better than the best constant image",
        found=f"{what} by {path}, and {constant:.4g} by that image",
        way_out=way_out,
    )


def _correlation(pictures: Tensor, x: Tensor) -> float:
    """Of reconstructions and images, both without their mean image; 0 where one of them does not vary."""
    a, b = ((t - t.mean(0)).double().flatten() for t in (pictures, x))
    scale = float(a.norm() * b.norm())
    return float(a @ b) / scale if scale > 0 else 0.0
