"""Trains the weights that ship, from full data sets, with recorded commands; what is trained is not trained again.

    python scripts/train_shipped.py train --data DIR [--only mnist/vae ...]   # two to three minutes each on one core
    python scripts/train_shipped.py train --only avatars/vae avatars/judge    # about nine minutes each
    python scripts/train_shipped.py pack --data DIR                           # half precision, cards, into pretrained/

Each model is trained by the `gsu train` line that its card quotes. DIR holds MNIST as IDX files.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "outputs" / "shipped"
ATTRIBUTES = ("glasses", "smile", "hat", "beard", "long_hair")
MNIST = ["dataset=mnist", "dataset.download=false"]
DIFFUSION = [*MNIST, "model=ddpm", "training=ddpm"]
GAN = [*MNIST, "model=dcgan", "training=dcgan"]
CONDITIONAL = [*MNIST, "model=cvae"]
CONDITIONAL_DIFFUSION = [*MNIST, "model=ddpm_conditional", "training=ddpm"]
FACES = ["dataset=avatars", "model=conv_vae", "training=faces", "seed=1"]  # docs/design/007-faces.md says why this seed
PLAN: dict[str, list[str]] = {
    "mnist/vae": MNIST,
    "mnist/judge": [*MNIST, "model=judge_cnn", "training=judge"],
    **{f"mnist/vae.without_class_{d}": [*MNIST, f"forget.class={d}"] for d in range(10)},
    "mnist/vae_2d": [*MNIST, "model=mlp_vae_2d"],
    "mnist/ddpm": DIFFUSION,
    **{f"mnist/ddpm.without_class_{d}": [*DIFFUSION, f"forget.class={d}"] for d in (1, 8, 9)},
    "mnist/cvae": CONDITIONAL,
    "mnist/cvae.without_class_1": [*CONDITIONAL, "forget.class=1"],
    "mnist/ddpm_conditional": CONDITIONAL_DIFFUSION,
    "mnist/ddpm_conditional.without_class_1": [*CONDITIONAL_DIFFUSION, "forget.class=1"],
    "mnist/dcgan": GAN,
    **{f"mnist/dcgan.without_class_{d}": [*GAN, f"forget.class={d}"] for d in (1, 8, 9)},
    "avatars/vae": FACES,
    "avatars/judge": ["dataset=avatars", "model=attribute_cnn", "training=judge"],
    **{
        f"avatars/vae.without_attribute_{name.replace('_', '-')}": [*FACES, f"forget.attribute={name}"]
        for name in ATTRIBUTES
    },
}


def train(name: str, data: str | None) -> None:
    """Runs `gsu train` for one model, going on from an unfinished run's state where there is one."""
    folder = WORK / name
    if (folder / "model.safetensors").is_file() and json.loads((folder / "record.json").read_text())[
        "status"
    ] == "done":
        print(f"{name}: trained already")
        return
    resume = [f"resume={folder}"] if (folder / "state.safetensors").is_file() else []
    line = ["train", *PLAN[name], *resume, f"hydra.run.dir={folder}"]
    print(f"{name}: gsu {' '.join(line)}", flush=True)
    where = {"GSU_DATA_DIR": data} if data else {}
    subprocess.run([sys.executable, "-m", "gsu_cli.cli", *line], check=True, env={**os.environ, **where})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=["train", "pack"])
    parser.add_argument("--data", help="folder with the full MNIST")
    parser.add_argument("--only", nargs="*", choices=list(PLAN), default=list(PLAN))
    parser.add_argument("--samples", type=int, default=2_000, help="for the cards of diffusion models and GANs")
    given = parser.parse_args()
    if not given.data and any(name.startswith("mnist/") for name in given.only):
        parser.error("--data is needed for the models of MNIST")
    if given.stage == "train":
        for name in given.only:
            train(name, given.data)
        return
    import pack_samples
    from pack_shipped import card, store

    for name in given.only:
        store(name, WORK / name)
    pack_samples.SAMPLES = given.samples
    for name in given.only:
        card(name, WORK / name, PLAN[name], given.data)


if __name__ == "__main__":
    main()
