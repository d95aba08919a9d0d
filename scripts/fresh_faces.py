"""What unlearning costs on faces that nobody has seen: the retain -ELBO on avatars of another seed.

The held-out thousand know a cost of 2 % to about 1 point. Here are 8,000 fresh ones, of which those without the
attribute count, each at as many latents as ``--latents`` says.

python scripts/fresh_faces.py outputs/avatars/glasses-1 outputs/avatars/glasses-2 --out docs/results/avatars_fresh.json
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import torch

from gsu_cli.data.avatars import Avatars
from gsu_cli.data.base import Images
from gsu_cli.gradients import image_losses
from gsu_cli.metrics.neg_elbo import paired_change
from gsu_cli.run.checkpoints import load_checkpoint
from gsu_cli.run.files import write_text
from gsu_cli.run.pretrained import FOLDER
from gsu_cli.run.record import read_record
from gsu_cli.run.seeds import derive


def losses(path: Path, images: Images, latents: int) -> tuple[torch.Tensor, str]:
    """Mean loss of each image over its latents, ``(n,)`` float64, and the sha256 of the weights."""
    checkpoint = load_checkpoint(path)
    drawn = [image_losses(checkpoint.model, images, seed=derive(0, "fresh", k)).double() for k in range(latents)]
    return torch.stack(drawn).mean(0), checkpoint.sha256


def without(images: Images, column: int) -> Images:
    if images.attributes is None:
        raise ValueError("avatars have attributes")
    return images[(~images.attributes[:, column].bool()).nonzero().flatten()]


def measure(run: Path, images: Images, names: tuple[str, ...], latents: int) -> dict[str, Any]:
    """The cost of one run and of its retrained twin."""
    record = read_record(run / "record.json")
    attribute = record.split["target_attribute"]
    retained = without(images, names.index(attribute))
    before, sha256 = losses(FOLDER / "avatars" / "vae.safetensors", retained, latents)
    row = {"attribute": attribute, "seed": record.seeds["unlearn"], "images": len(retained), "vae": sha256}
    twin = FOLDER / "avatars" / f"vae.without_attribute_{attribute.replace('_', '-')}.safetensors"
    for who, path in (("unlearned", run / "unlearned.safetensors"), ("retrained", twin)):
        after, sha256 = losses(path, retained, latents)
        span = paired_change(before, after)
        if span is None:
            raise ValueError(f"no interval of {len(retained)} images")
        row[who] = {"change": after.mean().item() / before.mean().item() - 1, "interval": list(span), "sha256": sha256}
    return row


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, help="folders of `gsu unlearn dataset=avatars` runs")
    parser.add_argument("--latents", type=int, default=2)
    parser.add_argument("--cache", type=Path, default=Path("outputs/shipped/arrays"))
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(argv)
    data = Avatars(args.cache, seed=1).load()
    rows = [measure(run, data.train, data.attribute_names, args.latents) for run in args.runs]
    for row in rows:
        cells = [
            f"{row[w]['change']:+.2%} ({row[w]['interval'][0]:+.2%} to {row[w]['interval'][1]:+.2%})"
            for w in ("unlearned", "retrained")
        ]
        print(f"| {row['attribute']} | {row['seed']} | {row['images']:,} | {' | '.join(cells)} |")
    write_text(args.out, json.dumps(rows, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
