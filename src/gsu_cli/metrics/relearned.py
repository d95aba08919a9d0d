"""What a conditional model generates once its word for the forgotten condition is thrown away and learnt anew.

    e* = argmin_e E loss(x, e),   x forgotten training images, e the embedding of their condition, all else fixed

A model can lose the word and keep the thing: when the embedding of a condition is zeroed, exchanged or scrambled,
asking for it gives something else, and all that the network knows is still there. The embedding is learnt from zero,
the null condition, so what a method did to it alone changes nothing here: the original's number comes back to the
digit. How low it can fall, the retrained model says: it, too, learns a word for what it never saw.

After Gal et al., "An Image is Worth One Word: Textual Inversion", ICLR 2023, and Pham et al., "Circumventing Concept
Erasure Methods for Text-to-Image Generative Models", ICLR 2024, who attack erased concepts so.
"""

from __future__ import annotations

import torch

from gsu_cli.checks import as_int
from gsu_cli.data.base import Images
from gsu_cli.errors import NonFiniteError
from gsu_cli.evaluation.samples import generate_samples
from gsu_cli.evaluation.shares import shares
from gsu_cli.metrics.base import EvaluatedModel, EvaluationContext, Kind
from gsu_cli.models.conditions import conditions_of
from gsu_cli.models.model import copied
from gsu_cli.models.protocols import HasEmbeddings, HasNoiseLevels
from gsu_cli.run.record import Measurement
from gsu_cli.run.seeds import generator
from gsu_cli.surgery.uncompiled import Adam

RELEARNED = Kind("feature_ratio_relearned", "asked for it, word relearnt", "reach", "share", "lower")
RATE = 0.05  # of Adam, falling to 0 along a cosine
BATCH = 64
STEPS = {False: 300, True: 100}  # whether it is a denoiser


class Relearned:
    """Share of samples that show what is forgotten, asked for it with the embedding learnt anew; Wilson's interval.

    Of several forgotten classes each has its embedding learnt, and its share of the generated images.

    Args:
        steps: of 64 forgotten training images each; None: 300, or 100 of a diffusion model, each of which costs more.
        samples: samples, at most those of a run.

    Raises:
        UsageError: an option is out of range.
    """

    def __init__(self, steps: int | None = None, samples: int = 1000) -> None:
        self.steps = None if steps is None else as_int("metric.relearned.steps", steps)
        self.samples = as_int("metric.relearned.samples", samples, least=2)

    def __call__(self, subject: EvaluatedModel, context: EvaluationContext) -> list[Measurement]:
        split = context.split
        if not conditions_of(subject.model) or not split.target_classes:
            return []
        if not isinstance(subject.model, HasEmbeddings):
            return [RELEARNED.missing(subject, f"{type(subject.model).__name__} has no condition_column(c)")]
        n, targets = min(self.samples, len(subject.pixels)), split.target_classes
        forgotten = split.forget_images
        denoises = isinstance(subject.model, HasNoiseLevels)
        taught = copied(subject.model).eval().requires_grad_(False)
        try:
            for c in targets:
                images = forgotten[(forgotten.labels == c).nonzero()[:, 0]]
                relearn(taught, images, c, steps=self.steps or STEPS[denoises], seed=context.seed)
            pixels = generate_samples(taught, n, context.seed, torch.tensor(targets)[torch.arange(n) % len(targets)])
        except NonFiniteError as e:
            return [RELEARNED.missing(subject, str(e).rstrip("."))]
        words = f"asked for {split.words}, its word learnt anew"
        subject.views[words] = EvaluatedModel(subject.name, pixels, taught, subject.sha256)
        return shares(RELEARNED, subject.views[words], context)


def relearn(model: HasEmbeddings, images: Images, c: int, *, steps: int, seed: int) -> None:
    """Learns the embedding of condition ``c`` from zero, in place; no other weight moves.

    Args:
        model: in eval mode, without gradients.
        images: of condition ``c``.
        c: the condition.
        steps: of Adam.
        seed: of order and noise.
    """
    name, column = model.condition_column(c)
    weights = dict(model.named_parameters())[name].requires_grad_(True)
    e = torch.zeros_like(weights[:, column])
    optimiser = Adam([e], lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    rng, device = generator(seed, "relearn", c), weights.device
    for _ in range(steps):
        with torch.no_grad():
            weights[:, column] = e
        index = torch.randint(len(images), (BATCH,), generator=rng)
        x, y = images.floats(index).to(device), torch.full((BATCH,), c, device=device)
        loss = model.loss(x, y, rng).mean()
        e.grad = torch.autograd.grad(loss, weights)[0][:, column]
        optimiser.step()
        schedule.step()
    with torch.no_grad():
        weights[:, column] = e
    weights.requires_grad_(False)
