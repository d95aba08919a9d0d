"""A method's own eye: does an image show what is to be forgotten? Judges stay out of a method's sight.

A small classifier that has seen *training* images alone, of one of two kinds:

- forget against retain, whatever the forget spec is: a class, an attribute, single samples. It learns from equally many
  of both (a small part is repeated);
- class against class, where whole classes are forgotten and images are poor: it learns from all of them which other
  class a scribble may be as well.

Both tell the odds of what is to be forgotten over those of a random training image: above 1 an image *shows*
it, which weighs both errors alike. A tenth is kept back to say how far a labeller can be trusted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from gsu_cli.data.base import Images
from gsu_cli.models.classifiers.judge_cnn import JudgeCnn
from gsu_cli.objectives.discriminant import fitted_and_kept, kept_back
from gsu_cli.run.seeds import generator
from gsu_cli.surgery.devices import share_of
from gsu_cli.training.loop import fit
from gsu_cli.training.recipe import Recipe
from gsu_cli.unlearning.contract import Task
from gsu_cli.unlearning.cost import Cost
from gsu_cli.unlearning.images import draw_images

RETAIN, FORGET = 0, 1
RECIPE = Recipe(epochs=3, batch_size=128, lr=3e-3)
CLASSES_IMAGES = 60_000  # at most, for class against class
EPOCHS = (2, 20)  # over as many, and over a tenth of them or fewer
CHUNK = 250  # images a pass


@dataclass(frozen=True)
class Labeller:
    """The trained classifier.

    Attributes:
        model: forget against retain, or class against class.
        forgotten: those of its labels that are to be forgotten.
        share: of them among the images that it was trained on, in (0, 1).
        n: images that it was trained on, repetitions counted.
        epochs: passes over them.
        accuracy: mean of the shares of kept-back forget and retain images that it names rightly; None where a part is
            too small to keep any back.
    """

    model: JudgeCnn
    forgotten: Sequence[int]
    share: float
    n: int
    epochs: int
    accuracy: float | None = None

    @torch.no_grad()
    def odds(self, x: Tensor) -> Tensor:
        """Odds of what is to be forgotten over those of a random training image, ``(n,)``, of ``(n, c, h, w)``."""
        column = torch.isin(self.model.labels.cpu(), torch.tensor(self.forgotten))
        logits = torch.cat([self.model(part.float()) for part in x.split(CHUNK)])
        gone, rest = (logits[:, part].logsumexp(1) for part in (column, ~column))
        return (gone - rest).exp() * (1 - self.share) / self.share

    def shows(self, x: Tensor) -> Tensor:
        """Which images in [0, 1], ``(n, c, h, w)``, show what is to be forgotten, ``(n,)`` bool."""
        return self.odds(x) > 1

    def record(self) -> dict[str, float | int | None]:
        """For ``details``."""
        return {"accuracy": self.accuracy, "n": self.n, "epochs": self.epochs}


def train_labeller(task: Task, cost: Cost, *, most: int) -> Labeller:
    """Trains a labeller on at most ``most`` images of each part; counted in ``cost``.

    Args:
        task: whose training images are used; its model is not touched.
        cost: gets the gradients.
        most: images of each part.
    """
    parts = {
        FORGET: draw_images(task.split, "forget", most, seed=task.stream("labeller", "forget")),
        RETAIN: draw_images(task.split, "retain", most, seed=task.stream("labeller", "retain")),
    }
    train = {label: fitted_and_kept(images)[0] for label, images in parts.items()}
    size = max(map(len, train.values()))
    order = torch.randperm(2 * size, generator=generator(task.stream("labeller", "order")))
    pixels = torch.cat([images.pixels[torch.arange(size) % len(images)] for images in train.values()])
    labels = torch.tensor(list(train)).to(pixels.device).repeat_interleave(size)
    model = _fitted(task, cost, Images(pixels[order], labels[order]), [RETAIN, FORGET], RECIPE)
    labeller = Labeller(model, [FORGET], 0.5, 2 * size, RECIPE.epochs)
    return replace(labeller, accuracy=_accuracy(labeller, parts))


def train_class_labeller(task: Task, cost: Cost) -> Labeller:
    """Trains a labeller of all classes, of which some are to be forgotten; counted in ``cost``.

    Args:
        task: whose training images are used, `CLASSES_IMAGES` at most; whole classes are to be forgotten.
        cost: gets the gradients.
    """
    images, gone = task.split.dataset.train, list(task.split.target_classes or ())
    order = torch.randperm(len(images), generator=generator(task.stream("labeller", "order")))[:CLASSES_IMAGES]
    kept = images[order[kept_back(len(order))]]
    train = images[order[~kept_back(len(order))]]
    epochs = min(max(EPOCHS[0], EPOCHS[0] * CLASSES_IMAGES // len(order)), EPOCHS[1])
    model = _fitted(task, cost, train, train.labels.unique().tolist(), replace(RECIPE, epochs=epochs))
    labels = torch.tensor(gone).to(kept.labels.device)
    labeller = Labeller(model, gone, share_of(torch.isin(train.labels, labels)), len(train), epochs)
    of = torch.isin(kept.labels, labels)
    parts = {FORGET: kept[of.nonzero()[:, 0]], RETAIN: kept[(~of).nonzero()[:, 0]]}
    return replace(labeller, accuracy=_right(labeller, parts))


def _fitted(task: Task, cost: Cost, images: Images, labels: list[int], recipe: Recipe) -> JudgeCnn:
    with torch.random.fork_rng(devices=[]):  # torch's initialisers know the global generator only
        torch.manual_seed(task.stream("labeller", "initialise"))
        model = JudgeCnn(task.split.dataset.shape, labels, width=16, feature_dim=32).to(images.pixels.device)
    fit(model, images, recipe, seed=task.stream("labeller", "fit"))
    cost.gradients += len(images) * recipe.epochs
    return model


def _accuracy(labeller: Labeller, parts: dict[int, Images]) -> float | None:
    return _right(labeller, {k: fitted_and_kept(images)[1] for k, images in parts.items()})


def _right(labeller: Labeller, parts: dict[int, Images]) -> float | None:
    """Mean over both parts of the share that is named rightly; None where one is empty."""
    if not all(map(len, parts.values())):
        return None
    shares = [share_of(labeller.shows(images.floats()) == (label == FORGET)) for label, images in parts.items()]
    return sum(shares) / len(shares)
