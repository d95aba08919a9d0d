"""A method's own eye: does an image show what is to be forgotten? Judges stay out of a method's sight.

A small classifier of forget against retain *training* images, whatever the forget spec is: a class, an attribute,
single samples. It is trained on equally many of both (a small part is repeated), so that its threshold of one half
weighs both errors alike, and a tenth is kept back to say how far it can be trusted.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gsu_cli.data.base import Images
from gsu_cli.models.classifiers.judge_cnn import JudgeCnn
from gsu_cli.run.seeds import generator
from gsu_cli.surgery.devices import share_of
from gsu_cli.training.loop import fit
from gsu_cli.training.recipe import Recipe
from gsu_cli.unlearning.contract import Task
from gsu_cli.unlearning.cost import Cost
from gsu_cli.unlearning.images import draw_images

RETAIN, FORGET = 0, 1
RECIPE = Recipe(epochs=3, batch_size=128, lr=3e-3)
CHUNK = 250  # images a pass
KEPT_BACK = 10  # every tenth image of a part tells the accuracy


@dataclass(frozen=True)
class Labeller:
    """The trained classifier.

    Attributes:
        model: forget against retain.
        accuracy: mean of the shares of kept-back forget and retain images that it names rightly; None where a part is
            too small to keep any back.
        n: images that it was trained on, repetitions counted.
    """

    model: JudgeCnn
    accuracy: float | None
    n: int

    @torch.no_grad()
    def shows(self, x: Tensor) -> Tensor:
        """Which images in [0, 1], ``(n, c, h, w)``, show what is to be forgotten, ``(n,)`` bool."""
        columns = torch.cat([self.model(part).argmax(1) for part in x.split(CHUNK)])
        return self.model.labels[columns] == FORGET

    def record(self) -> dict[str, float | int | None]:
        """For ``details``."""
        return {"accuracy": self.accuracy, "n": self.n, "epochs": RECIPE.epochs}


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
    train = {label: images[(~_kept(len(images))).nonzero()[:, 0]] for label, images in parts.items()}
    size = max(map(len, train.values()))
    order = torch.randperm(2 * size, generator=generator(task.stream("labeller", "order")))
    pixels = torch.cat([images.pixels[torch.arange(size) % len(images)] for images in train.values()])
    labels = torch.tensor(list(train)).to(pixels.device).repeat_interleave(size)
    with torch.random.fork_rng(devices=[]):  # torch's initialisers know the global generator only
        torch.manual_seed(task.stream("labeller", "initialise"))
        model = JudgeCnn(task.split.dataset.shape, [RETAIN, FORGET], width=16, feature_dim=32).to(pixels.device)
    fit(model, Images(pixels[order], labels[order]), RECIPE, seed=task.stream("labeller", "fit"))
    cost.gradients += 2 * size * RECIPE.epochs
    labeller = Labeller(model, None, 2 * size)
    return Labeller(model, _accuracy(labeller, parts), 2 * size)


def _kept(n: int) -> Tensor:
    """Every tenth of ``n``, ``(n,)`` bool."""
    return torch.arange(n) % KEPT_BACK == KEPT_BACK - 1


def _accuracy(labeller: Labeller, parts: dict[int, Images]) -> float | None:
    shares = []
    for label, images in parts.items():
        kept = images[_kept(len(images)).nonzero()[:, 0]]
        if not len(kept):
            return None
        shares.append(share_of(labeller.shows(kept.floats()) == (label == FORGET)))
    return sum(shares) / len(shares)
