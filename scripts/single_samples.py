"""Single images forgotten one by one, with the bound of the default method and without, beside models without them.

    gsu train dataset=mnist dataset.download=false hydra.run.dir=outputs/original
    gsu train dataset=mnist dataset.download=false leave_out.models=12 hydra.run.dir=outputs/halves
    gsu unlearn dataset=mnist dataset.download=false forget.sample=[IMAGES] hydra.run.dir=outputs/joint \
        checkpoint.path=outputs/original/model.safetensors
    gsu audit run=outputs/joint audit=[percentile] references=4
    python scripts/single_samples.py --checkpoint outputs/original/model.safetensors \
        --references outputs/references/KEY --memorised 1,2,3 --typical 4,5,6 \
        --output docs/results/audit/samples/images.json

Writes JSON as it goes, goes on where it stopped, and prints a table of what is there.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch

from gsu_cli.audit.bounds import Noise
from gsu_cli.audit.leave_out import LOSS
from gsu_cli.data.base import Dataset
from gsu_cli.data.forget import ForgetSpec
from gsu_cli.data.mnist import Mnist
from gsu_cli.evaluation.intervals import normal
from gsu_cli.evaluation.placements import placements
from gsu_cli.methods.fisher_surgery import FisherSurgery
from gsu_cli.run.checkpoints import load_checkpoint
from gsu_cli.run.files import write_text
from gsu_cli.unlearning.unlearn import unlearn

NOISE = Noise(1, 8, 0)
BOUNDS = ("auto", "none")


def measured(model: Any, data: Dataset, images: list[int]) -> dict[str, list[float]]:
    """Loss of each image, and its percentile among held-out ones, at the same noise for every model."""
    own = NOISE.losses(model, data.train[torch.tensor(images)], "chosen")[LOSS]
    unseen = NOISE.losses(model, data.heldout, "heldout")[LOSS]
    return {"loss": own.tolist(), "percentile": (100 * placements(own, unseen)).tolist()}


def forgotten(model: Any, data: Dataset, image: int, bound: str, trained_on: int) -> tuple[Any, dict[str, Any]]:
    split = ForgetSpec.from_values(sample=[image]).resolve(data, generator=torch.Generator())
    method, rng = FisherSurgery(bound=bound), torch.Generator().manual_seed(0)
    made, update = unlearn(model, split, method, generator=rng, diagnostics=False, trained_on=trained_on)
    return made, update.details


def mean(values: list[float], places: int = 1) -> str:
    t = torch.tensor(values, dtype=torch.float64)
    low, high = normal(t, 0.0, 100.0)
    ends = "" if low is None else f" ({low:.{places}f} to {high:.{places}f})"
    return f"{float(t.mean()):.{places}f}{ends}"


def table(found: dict[str, Any], groups: dict[str, list[int]]) -> str:
    """Percentiles, and their mean distance from models without the image, by group."""
    head = ("images", "bound", "n", "before", "left out of training", "after", "distance")
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    every = {**groups, "all": [i for images in groups.values() for i in images]}
    for name, images in every.items():
        for bound, after in (("nothing done", "before"), *zip(BOUNDS, BOUNDS, strict=True)):
            rows = [r for i in images if after in (r := found["images"].get(str(i), {}))]
            if rows:
                columns = [[r[key] for r in rows] for key in ("before", "left_out", after)]
                columns.append([abs(r[after] - r["left_out"]) for r in rows])
                lines.append(f"| {name} | {bound} | {len(rows)} | " + " | ".join(map(mean, columns)) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Single images forgotten one by one")
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--references", type=Path, required=True)
    parser.add_argument("--memorised", required=True)
    parser.add_argument("--typical", required=True)
    parser.add_argument("--bounds", default=",".join(BOUNDS), help="which to compute; others that are there are kept")
    parser.add_argument("--output", type=Path, required=True)
    o = parser.parse_args()
    groups = {name: [int(i) for i in getattr(o, name).split(",")] for name in ("memorised", "typical")}
    images = [i for group in groups.values() for i in group]
    data, original = Mnist("no files", download=False).load(), load_checkpoint(o.checkpoint)
    files = sorted(o.references.glob("*/model.safetensors"))
    without = [load_checkpoint(path) for path in files]
    left_out = [measured(c.model, data, images) for c in without]
    before = measured(original.model, data, images)
    found: dict[str, Any] = json.loads(o.output.read_text()) if o.output.exists() else {"images": {}}
    found |= {"weights": original.sha256, "references": [c.sha256 for c in without], "dataset": data.digest()}
    for k, image in enumerate(images):
        row = found["images"].setdefault(str(image), {})
        row["loss_before"], row["before"] = before["loss"][k], before["percentile"][k]
        row["loss_left_out"] = sum(m["loss"][k] for m in left_out) / len(left_out)
        row["left_out"] = sum(m["percentile"][k] for m in left_out) / len(left_out)
    for bound in o.bounds.split(","):
        for k, image in enumerate(images):
            row = found["images"][str(image)]
            if bound in row:
                continue
            made, details = forgotten(original.model, data, image, bound, int(original.about["n"]))
            after = measured(made, data, images)
            row[bound], row[f"loss_{bound}"] = after["percentile"][k], after["loss"][k]
            if "sample_bound" in details:
                row["expected_increase"] = details["sample_bound"]["expected_increase"]
            write_text(o.output, json.dumps(found, indent=1) + "\n")
    write_text(o.output, json.dumps(found, indent=1) + "\n")
    print(table(found, groups))


if __name__ == "__main__":
    main()
