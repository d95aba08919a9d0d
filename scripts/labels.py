"""How far the judges of avatars are right on samples: 200 prior samples, labelled by looking before a judge is asked.

python scripts/labels.py sheets FOLDER   # numbered generated images of the VAE that ships, 40 a page, to be labelled
python scripts/labels.py score           # docs/results/avatars/labels.json against both judges, as a table

A label is true, false, or null where it could not be told. The file names the weights it is of; others are refused.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from PIL import Image, ImageDraw
from torch import Tensor

from gsu_cli.evaluation.samples import generate_samples
from gsu_cli.run.checkpoints import load_checkpoint

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ROOT / "src" / "gsu_cli" / "pretrained" / "avatars"
LABELS = ROOT / "docs" / "results" / "avatars" / "labels.json"
SAMPLES, SEED = 200, 20261126
PAGE, COLUMNS, SCALE, MARGIN = 40, 8, 3, 12


def labelled_samples() -> tuple[Tensor, str]:
    """``(200, 3, 64, 64)`` uint8 and the sha256 of the weights they are of."""
    checkpoint = load_checkpoint(SHIPPED / "vae.safetensors")
    return generate_samples(checkpoint.model, SAMPLES, SEED), checkpoint.sha256


def sheets(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pixels, _ = labelled_samples()
    side = SCALE * pixels.shape[-1]
    for start in range(0, SAMPLES, PAGE):
        page = Image.new("RGB", (COLUMNS * side, (PAGE // COLUMNS) * (side + MARGIN)), "white")
        pen = ImageDraw.Draw(page)
        for k in range(PAGE):
            x, y = (k % COLUMNS) * side, (k // COLUMNS) * (side + MARGIN)
            face = Image.fromarray(pixels[start + k].permute(1, 2, 0).numpy())
            page.paste(face.resize((side, side), Image.Resampling.LANCZOS), (x, y + MARGIN))
            pen.text((x + 2, y), str(start + k), fill="black")
        page.save(folder / f"{start:03d}.png")
    print(f"{SAMPLES // PAGE} pages in {folder}")


def score() -> None:
    from gsu_cli.data.avatars import Avatars
    from gsu_cli.run.folders import cache_dir
    from pack_faces import judges

    dataset = Avatars(Path(cache_dir()) / "arrays").load()
    labels = json.loads(LABELS.read_text())
    pixels, sha256 = labelled_samples()
    if labels["sha256"] != sha256:
        raise SystemExit(f"the labels must be of the weights that ship; found {labels['sha256']}. Label new sheets")
    print("| attribute | told | by the eye | CNN right | kNN right |\n|---|---|---|---|---|")
    verdicts = [judge(pixels) for judge in judges(SHIPPED, dataset)]
    for name in dataset.attribute_names:
        told = torch.tensor([k for k, label in enumerate(labels[name]) if label is not None])
        truth = torch.tensor([labels[name][k] for k in told])
        right = [(v.has(name)[told] == truth).double().mean() for v in verdicts]
        shares = " | ".join(f"{100 * r:.1f} %" for r in right)
        print(f"| {name} | {len(told)} | {100 * truth.double().mean():.0f} % | {shares} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("sheets").add_argument("folder", type=Path)
    verbs.add_parser("score")
    given = parser.parse_args()
    sheets(given.folder) if given.verb == "sheets" else score()


if __name__ == "__main__":
    main()
