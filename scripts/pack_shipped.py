"""Half precision and a card for each model that `train_shipped.py` has trained, into src/gsu_cli/pretrained/.

The card's numbers are measured on the packed file, by the code that measures runs.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from gsu_cli.data.avatars import Avatars
from gsu_cli.data.base import Dataset
from gsu_cli.data.mnist import Mnist
from gsu_cli.evaluation.context import EvaluationContext
from gsu_cli.evaluation.evaluated_model import EvaluatedModel
from gsu_cli.evaluation.real_images import real_images
from gsu_cli.evaluation.samples import generate_samples, reconstructions
from gsu_cli.evaluation.trust import trust_report
from gsu_cli.judges.base import Verdict
from gsu_cli.judges.cnn import Cnn, CnnJudge
from gsu_cli.judges.knn import Knn
from gsu_cli.metrics.frechet_distance import FrechetDistance
from gsu_cli.metrics.heldout_loss import HeldoutLoss
from gsu_cli.models.classifiers.attribute_cnn import AttributeCnn
from gsu_cli.models.classifiers.judge_cnn import JudgeCnn
from gsu_cli.models.protocols import HasNoiseLevels, Trainable
from gsu_cli.run.checkpoints import load_checkpoint, save_checkpoint
from gsu_cli.run.files import write_text
from gsu_cli.run.pretrained import FOLDER
from gsu_cli.verbs.evaluate import nothing_forgotten
from pack_conditional import asked_lines, kind
from pack_diffusion import diffusion_lines
from pack_faces import face_judge_lines, face_lines
from pack_gan import gan_lines
from pack_samples import left_out

SAMPLES, SEED = 10_000, 0


def store(name: str, folder: Path) -> None:
    """Writes the weights in half precision."""
    trained = load_checkpoint(folder / "model.safetensors")
    save_checkpoint(FOLDER / f"{name}.safetensors", trained.model, about=trained.about, half=True)


def card(name: str, folder: Path, options: list[str], data: str | None) -> None:
    """Writes the card of stored weights; a judge's and its generator's need each other's weights."""
    faces = name.startswith("avatars/")
    dataset = Avatars(folder.parents[1] / "arrays").load() if faces else Mnist(str(data), download=False).load()
    trained = load_checkpoint(folder / "model.safetensors")
    record = json.loads((folder / "record.json").read_text())
    target = FOLDER / f"{name}.safetensors"
    judge = isinstance(trained.model, JudgeCnn | AttributeCnn)
    write = (judge_lines if judge else vae_lines) if not faces else (face_judge_lines if judge else face_lines)
    write = diffusion_lines if isinstance(trained.model, HasNoiseLevels) else write
    write = gan_lines if isinstance(trained.model, Trainable) else write
    lines = write(target, dataset)
    recipe = trained.about["recipe"]
    licence = (
        "Avatars: style avataaars by Pablo Stanley, free for personal and commercial use."
        if faces
        else "MNIST: CC BY-SA 3.0."
    )
    text = "\n".join(
        [
            f"# {name}",
            "",
            lines[0],
            "",
            *lines[1:],
            "",
            f"Trained with `{' '.join(['gsu train', *(o for o in options if o != 'dataset.download=false')])}`"
            f" on {trained.about['n']:,} images ({'all avatars but the held-out' if faces else 'full MNIST'}, sha256 of"
            f" the pixels {trained.about['dataset_sha256'][:16]}): {recipe['epochs']} epochs, batch"
            f" {recipe['batch_size']}, peak learning rate {recipe['lr']}, seed {trained.about['seed']}, final training"
            f" loss {trained.about['loss']:.4f}; {record['seconds']['train']:.0f} s,"
            f" {record['device']['threads']} thread of a busy machine, torch {record['versions']['torch']}.",
            f"Stored in half precision; sha256 {load_checkpoint(target).sha256}. {licence}",
            "",
        ]
    )
    write_text(target.with_suffix(".md"), text)
    print(text)


def vae_lines(path: Path, dataset: Dataset) -> list[str]:
    """What a generator's prior samples are worth, by the CNN judge."""
    c = load_checkpoint(path)
    digit, split = left_out(c, dataset)
    judge = Cnn().prepare(dataset, seed=SEED)
    context = EvaluationContext(split, {"cnn": judge}, {}, SEED)
    generated = EvaluatedModel("original", generate_samples(c.model, SAMPLES, SEED), c.model, c.sha256)
    real = real_images(split.heldout_retain_images)
    distance, floor = (FrechetDistance()(s, context)[0] for s in (generated, real))
    elbo = HeldoutLoss("retain")(generated, context)[0]
    verdict, on_real = generated.verdict(judge), real.verdict(judge)
    if not (isinstance(verdict, Verdict) and isinstance(on_real, Verdict)):
        raise SystemExit("the digits need a judge of classes")
    shares = torch.bincount(verdict.labels, minlength=10) / SAMPLES
    model: Any = c.model
    widths = "-".join(str(n) for n in (784, *model.hidden, model.latent_dim))
    own = path.stem.partition(".")[0]
    without = "" if digit is None else f" that never saw a {digit}: the retrained reference of mnist/{own}"
    return [
        f"{kind(model, 'VAE')} {widths} ({model.activation}, Bernoulli){without}; -ELBO {elbo.value:.2f} nats,"
        f" Frechet distance {distance.value:.1f}.",
        "| prior samples | |",
        "|---|---|",
        f"| -ELBO on {elbo.n:,} held-out images | {elbo.value:.2f} [{elbo.low:.2f}, {elbo.high:.2f}] nats/image |",
        f"| Frechet distance to real data (CNN features, {distance.n:,} samples) | {distance.value:.2f}"
        f" [{distance.low:.2f}, {distance.high:.2f}]; real held-out images have {floor.value:.2f} |",
        f"| mean confidence of the CNN judge | {verdict.confidence.mean():.3f}; on real held-out images"
        f" {on_real.confidence.mean():.3f} |",
        f"| the judge abstains on | {verdict.abstains.float().mean():.1%} |",
        *asked_lines(model, verdict, SEED),
        f"| share of each digit, 0 to 9 | {', '.join(f'{s:.3f}' for s in shares.tolist())} |",
    ]


def judge_lines(path: Path, dataset: Dataset) -> list[str]:
    """How far the judge may be trusted."""
    judge = CnnJudge(load_checkpoint(path))
    vae = load_checkpoint(path.with_name("vae.safetensors"))
    generated = EvaluatedModel("original", generate_samples(vae.model, SAMPLES, SEED), vae.model, vae.sha256)
    knn = Knn().prepare(dataset, seed=SEED)
    again = reconstructions(vae.model, dataset.heldout)
    report = trust_report(judge, nothing_forgotten(dataset), again, generated)
    real, reconstructed, abstains = report["real"], report["reconstructions"], report["abstention"]
    if real is None or reconstructed is None or abstains is None:
        raise SystemExit("the trust report of the judge is incomplete")
    one, other = generated.verdict(judge), generated.verdict(knn)
    if not (isinstance(one, Verdict) and isinstance(other, Verdict)):
        raise SystemExit("the digits need judges of classes")
    agree = (one.labels == other.labels).float().mean()
    return [
        f"CNN judge of the ten digits: right on {real.value:.2%} of held-out real images.",
        "| | |",
        "|---|---|",
        f"| right on {real.n:,} held-out real images | {real.value:.4f} [{real.low:.4f}, {real.high:.4f}] |",
        f"| right on their reconstructions by mnist/vae | {reconstructed.value:.4f}"
        f" [{reconstructed.low:.4f}, {reconstructed.high:.4f}] |",
        f"| abstains on samples of mnist/vae (confidence below {judge.threshold}) | {abstains.value:.4f} |",
        f"| agrees with the kNN judge on samples of mnist/vae | {agree:.4f} |",
    ]
