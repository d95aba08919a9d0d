"""What the cards of face models say: attribute rates of prior samples by both judges, and how far judges are right."""

from __future__ import annotations

from pathlib import Path

import torch

from gsu_cli.data.base import Dataset
from gsu_cli.data.forget import ForgetSpec
from gsu_cli.evaluation.context import EvaluationContext
from gsu_cli.evaluation.evaluated_model import EvaluatedModel
from gsu_cli.evaluation.real_images import real_images
from gsu_cli.evaluation.samples import generate_samples, reconstructions
from gsu_cli.judges.attribute_knn import AttributeKnnJudge
from gsu_cli.judges.cnn import AttributeCnnJudge
from gsu_cli.judges.knn import Knn
from gsu_cli.metrics.frechet_distance import FrechetDistance
from gsu_cli.metrics.heldout_loss import HeldoutLoss
from gsu_cli.models.vae.conv_vae import ConvVae
from gsu_cli.run.checkpoints import load_checkpoint
from gsu_cli.verbs.evaluate import nothing_forgotten

SAMPLES, SEED = 10_000, 0


def judges(folder: Path, dataset: Dataset) -> tuple[AttributeCnnJudge, AttributeKnnJudge]:
    """Both judges of attributes; the CNN's weights must have been packed."""
    knn = Knn().prepare(dataset, seed=SEED)
    if not isinstance(knn, AttributeKnnJudge):
        raise SystemExit("faces need judges of attributes")
    return AttributeCnnJudge(load_checkpoint(folder / "judge.safetensors")), knn


def face_lines(path: Path, dataset: Dataset) -> list[str]:
    """What a generator's prior samples are worth."""
    c = load_checkpoint(path)
    model: ConvVae = c.model
    slug = c.about.get("forget")
    split, without = nothing_forgotten(dataset), ""
    if slug is not None:
        name = str(c.about["forget_options"]["attribute"])
        split = ForgetSpec.from_values(attribute=name).resolve(dataset, generator=torch.Generator())
        without = f" that never saw {name}: the retrained reference of avatars/vae"
    cnn, knn = judges(path.parent, dataset)
    context = EvaluationContext(split, {"cnn": cnn}, {}, SEED)
    generated = EvaluatedModel("original", generate_samples(model, SAMPLES, SEED), model, c.sha256)
    real = real_images(split.heldout_retain_images)
    distance, floor = (FrechetDistance()(s, context)[0] for s in (generated, real))
    elbo = HeldoutLoss("retain")(generated, context)[0]
    truth = dataset.train[split.retain].attributes
    if truth is None:
        raise SystemExit("faces need attributes")
    rows = []
    for i, name in enumerate(dataset.attribute_names):
        shares = [generated.verdict(judge).has(name).double().mean() for judge in (cnn, knn)]  # type: ignore[union-attr]
        rows.append(f"| {name} | {truth[:, i].double().mean():.3f} | {shares[0]:.3f} | {shares[1]:.3f} |")
    widths, mapping = ("-".join(str(n) for n in sizes) for sizes in (model.channels, model.mapping))
    latents = f"{model.latent_dim} latents" + (f" mapped by {mapping}" if mapping else "")
    return [
        f"Convolutional VAE ({widths}, {latents}, sigma {model.sigma}){without}; -ELBO"
        f" {elbo.value:.2f} nats, Frechet distance {distance.value:.2f}.",
        f"| attribute rate | training images | {SAMPLES:,} prior samples by the CNN judge | by the kNN judge |",
        "|---|---|---|---|",
        *rows,
        "",
        "| | |",
        "|---|---|",
        f"| -ELBO on {elbo.n:,} held-out images | {elbo.value:.2f} [{elbo.low:.2f}, {elbo.high:.2f}] nats/image |",
        f"| Frechet distance to real data (CNN features, {distance.n:,} samples) | {distance.value:.2f}"
        f" [{distance.low:.2f}, {distance.high:.2f}]; real held-out images have {floor.value:.2f} |",
    ]


def face_judge_lines(path: Path, dataset: Dataset) -> list[str]:
    """How far the judges may be trusted."""
    cnn, knn = judges(path.parent, dataset)
    vae = load_checkpoint(path.with_name("vae.safetensors"))
    generated = generate_samples(vae.model, SAMPLES, SEED)
    again = reconstructions(vae.model, dataset.heldout)
    truth = dataset.heldout.attributes
    if truth is None:
        raise SystemExit("faces need attributes")
    rows = []
    for i, name in enumerate(dataset.attribute_names):
        right = [
            (judge(pixels).has(name) == truth[:, i]).double().mean()
            for pixels in (dataset.heldout.pixels, again)
            for judge in (cnn, knn)
        ]
        agree = (cnn(generated).has(name) == knn(generated).has(name)).double().mean()
        rows.append(f"| {name} | {' | '.join(f'{r:.3f}' for r in right)} | {agree:.3f} |")
    return [
        f"CNN judge of the five attributes of avatars, beside the kNN judge, on {len(truth):,} held-out images.",
        "| right on | real images, CNN | real, kNN | reconstructions by avatars/vae, CNN | reconstructions, kNN |"
        f" the two agree on {SAMPLES:,} samples |",
        "|---|---|---|---|---|---|",
        *rows,
    ]
