"""What the cards of generators without a posterior say of their samples, measured on the packed file by two judges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from gsu_cli.data.base import Dataset
from gsu_cli.data.forget import ForgetSpec
from gsu_cli.data.split import Split
from gsu_cli.evaluation.context import EvaluationContext
from gsu_cli.evaluation.evaluated_model import EvaluatedModel
from gsu_cli.evaluation.real_images import real_images
from gsu_cli.evaluation.samples import generate_samples
from gsu_cli.judges.base import Verdict
from gsu_cli.judges.cnn import Cnn
from gsu_cli.judges.knn import Knn
from gsu_cli.metrics.frechet_distance import FrechetDistance
from gsu_cli.run.checkpoints import Checkpoint, load_checkpoint
from gsu_cli.verbs.evaluate import nothing_forgotten

SAMPLES, SEED = 2_000, 0


def left_out(c: Checkpoint, dataset: Dataset) -> tuple[int | None, Split]:
    """The digit that a reference was trained without, None for an original, and the split that it makes."""
    slug = c.about.get("forget")
    if slug is None:
        return None, nothing_forgotten(dataset)
    digit = int(slug.removeprefix("class_"))
    return digit, ForgetSpec.from_values(class_=digit).resolve(dataset, generator=torch.Generator())


class Sampled:
    """The samples of a packed file, and what the judges say of them.

    Args:
        path: of the weights.
        dataset: whose held-out images stand beside.
    """

    def __init__(self, path: Path, dataset: Dataset) -> None:
        c = load_checkpoint(path)
        digit, split = left_out(c, dataset)
        own = path.stem.partition(".")[0]
        self.model: Any = c.model
        self.without = "" if digit is None else f" that never saw a {digit}: the retrained reference of mnist/{own}"
        cnn, knn = Cnn().prepare(dataset, seed=SEED), Knn().prepare(dataset, seed=SEED)
        self.context = EvaluationContext(split, {"cnn": cnn, "knn": knn}, {}, SEED)
        self.generated = EvaluatedModel("original", generate_samples(c.model, SAMPLES, SEED), c.model, c.sha256)
        real = real_images(split.heldout_retain_images)
        self.distance, self.floor = (FrechetDistance()(s, self.context)[0] for s in (self.generated, real))
        asked = (self.generated.verdict(cnn), real.verdict(cnn), self.generated.verdict(knn))
        verdicts = [v for v in asked if isinstance(v, Verdict)]
        if len(verdicts) < 3:
            raise SystemExit("the digits need judges of classes")
        self.verdict, self.on_real, self.neighbours = verdicts

    def quality(self) -> list[str]:
        """Rows of the card: distance, confidence, abstention."""
        d = self.distance
        return [
            f"| Frechet distance to real data (CNN features, {d.n:,} samples) | {d.value:.2f}"
            f" [{d.low:.2f}, {d.high:.2f}]; real held-out images have {self.floor.value:.2f} |",
            f"| mean confidence of the CNN judge | {self.verdict.confidence.mean():.3f}; on real held-out images"
            f" {self.on_real.confidence.mean():.3f} |",
            f"| the judge abstains on | {self.verdict.abstains.float().mean():.1%} |",
        ]

    def digits(self) -> list[str]:
        """Rows of the card: the share of each digit, by each judge."""
        one, other = (torch.bincount(v.labels, minlength=10) / SAMPLES for v in (self.verdict, self.neighbours))
        return [
            f"| share of each digit, 0 to 9, by the CNN | {', '.join(f'{s:.3f}' for s in one.tolist())} |",
            f"| the same by the neighbours | {', '.join(f'{s:.3f}' for s in other.tolist())} |",
        ]
