"""What unlearning costs on faces that nobody has seen: the retain -ELBO on avatars of another seed.

The held-out thousand know a cost of 2 % to about 1 point. Here are 7,000 fresh ones, of which those without the
attribute count, each at as many latents as ``--latents`` says.

python scripts/fresh_faces.py outputs/avatars/glasses-1 outputs/avatars/glasses-2 --out docs/results/avatars/fresh.json
"""

from __future__ import annotations

import argparse
import json
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

import faces
from gsu_cli.data.avatars import Avatars
from gsu_cli.data.base import Images
from gsu_cli.evaluation.heldout import paired_change
from gsu_cli.gradients import image_losses
from gsu_cli.run.checkpoints import load_checkpoint
from gsu_cli.run.files import write_text
from gsu_cli.run.pretrained import FOLDER
from gsu_cli.run.record import read_record
from gsu_cli.run.seeds import derive

VAE = FOLDER / "avatars" / "vae.safetensors"


class Fresh:
    """Fresh faces and what each model loses on those without an attribute.

    Args:
        images: all of them.
        names: of their attributes.
        latents: at how many each image is decoded.
    """

    def __init__(self, images: Images, names: tuple[str, ...], latents: int) -> None:
        self.images, self.names, self.latents = images, names, latents
        self.losses = lru_cache(maxsize=None)(self._losses)

    def _losses(self, path: Path, attribute: str) -> tuple[torch.Tensor, str]:
        """Mean loss of each image over its latents, ``(n,)`` float64, and the sha256 of the weights."""
        if self.images.attributes is None:
            raise ValueError("avatars have attributes")
        has = self.images.attributes[:, self.names.index(attribute)].bool()
        retained, checkpoint = self.images[(~has).nonzero().flatten()], load_checkpoint(path)
        seeds = [derive(0, "fresh", k) for k in range(self.latents)]
        generated = [image_losses(checkpoint.model, retained, seed=seed).double() for seed in seeds]
        return torch.stack(generated).mean(0), checkpoint.sha256

    def cost(self, path: Path, attribute: str) -> dict[str, Any]:
        """Relative change of the mean loss from the VAE that ships, with its interval."""
        (before, _), (after, sha256) = self.losses(VAE, attribute), self.losses(path, attribute)
        interval = paired_change(before, after)
        if interval is None:
            raise ValueError(f"no interval of {len(before)} images")
        change = after.mean().item() / before.mean().item() - 1
        return {"images": len(before), "change": change, "interval": list(interval), "sha256": sha256}

    def measure(self, run: Path) -> dict[str, Any]:
        """The cost of one run and of its retrained reference."""
        record = read_record(run / "record.json")
        attribute = record.split["target_attribute"]
        _, sha256 = self.losses(VAE, attribute)
        if sha256 not in {m.sha256 for m in record.measurements if m.subject == "original"}:
            raise SystemExit(f"{run} did not begin at the VAE that ships ({VAE})")
        reference = VAE.with_name(f"vae.without_attribute_{attribute.replace('_', '-')}.safetensors")
        return {
            "method": record.update["method"],
            "attribute": attribute,
            "seed": record.seeds["unlearn"],
            "original_sha256": sha256,
            "unlearned": self.cost(run / "unlearned.safetensors", attribute),
            "retrained": self.cost(reference, attribute),
        }


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, help="folders of `gsu unlearn dataset=avatars` runs")
    parser.add_argument("--latents", type=int, default=2)
    parser.add_argument("--cache", type=Path, default=Path("outputs/shipped/arrays"))
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(argv)
    data = Avatars(args.cache, seed=1).load()
    fresh = Fresh(data.train, data.attribute_names, args.latents)
    rows = []
    print("| method | attribute | seed | images | unlearned | retrained |\n|---|---|---|---|---|---|")
    for run in args.runs:
        rows.append(row := fresh.measure(run))
        cells = [row["method"], row["attribute"], row["seed"], f"{row['unlearned']['images']:,}"]
        cells += [faces.cost(row["unlearned"]), faces.cost(row["retrained"])]
        print("| " + " | ".join(map(str, cells)) + " |", flush=True)
    write_text(args.out, json.dumps(rows, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
