"""A world of three kinds of strokes on 12 x 12 pixels, with a VAE, its retrained model and a judge, by `gsu train`."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

SIZE = 12  # pixels
EVALUATION = ("evaluation.samples=60", "judge.knn.references=90")


def strokes(n: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """``n`` images of a bar that lies, stands or leans, at a random place; labels 0, 1, 2 in turn."""
    rng = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % 3
    images = torch.randint(0, 30, (n, SIZE, SIZE), generator=rng)
    place = torch.randint(2, SIZE - 2, (n,), generator=rng)
    along = torch.arange(1, SIZE - 1)
    for image, label, k in zip(images, labels.tolist(), place.tolist(), strict=True):
        across = torch.full_like(along, k)
        rows, columns = [(across, along), (along, across), (along, along)][label]
        image[rows, columns] = 250
    return images.to(torch.uint8), labels.to(torch.uint8)


def write_idx(path: Path, array: torch.Tensor) -> None:
    head = struct.pack(f">I{array.ndim}I", 0x800 + array.ndim, *array.shape)
    path.write_bytes(head + array.numpy().tobytes())


def write_world(folder: Path) -> None:
    folder.mkdir(parents=True)
    for part, n, seed in (("train", 180, 1), ("t10k", 90, 2)):
        images, labels = strokes(n, seed)
        write_idx(folder / f"{part}-images-idx3-ubyte", images)
        write_idx(folder / f"{part}-labels-idx1-ubyte", labels)


@dataclass(frozen=True)
class Run:
    """A folder that a line left behind."""

    folder: Path

    @property
    def record(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "record.json").read_text(encoding="utf-8"))
        return found

    def files(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())

    def weights(self, name: str) -> dict[str, torch.Tensor]:
        return load_file(self.folder / f"{name}.safetensors")


def runs(root: Path) -> list[Run]:
    """All runs below a folder, oldest name first."""
    return [Run(path.parent) for path in sorted(root.rglob("record.json"))]


def one_sentence(typed: Any, code: int, part: str) -> None:
    """What a line that is refused says: ``part`` among it, with exit code ``code`` and without a traceback."""
    assert typed.code == code, typed
    assert part in typed.err, typed.err
    assert "Traceback" not in typed.err
    assert typed.err.startswith("gsu: ")


def strays(root: Path) -> list[str]:
    """Files that no finished or failed run may leave: temporary ones, or half of one under its final name."""
    found = [str(path) for path in root.rglob("*.part")]
    for path in root.rglob("*"):
        if path.suffix == ".safetensors":
            load_file(path)
        elif path.suffix == ".json":
            json.loads(path.read_text(encoding="utf-8"))
        elif path.suffix == ".png" and not path.read_bytes().endswith(b"IEND\xaeB`\x82"):
            found.append(str(path))
    return found


def trained_by(type_line: Any, words: Sequence[str], said: str, folder: Path) -> Run:
    """The run of a ``gsu train`` line that is typed in ``folder`` and says ``said``."""
    typed = type_line("train", *words, cwd=folder)
    assert typed.code == 0, typed.err
    assert said in typed.out
    (run,) = runs(folder)
    return run


@dataclass(frozen=True)
class World:
    """What lines are made of: a data set on disk and weights trained on it."""

    data: tuple[str, ...]
    small: tuple[str, ...]
    trained: Run
    retrained: Run
    judge: Run

    def unlearn(self, *words: str, forget: str | None = "forget.class=1", weights: Path | None = None) -> list[str]:
        """The words of a ``gsu unlearn`` line, of the VAE or of other ``weights``."""
        more = [forget] if forget else []
        path = f"checkpoint.path={weights or self.vae}"
        return ["unlearn", *self.data, path, *more, *self.judged, *EVALUATION, *words]

    def train(self, *words: str) -> list[str]:
        """The words of a ``gsu train`` line for the small VAE."""
        return ["train", *self.data, *self.small, *words]

    @property
    def vae(self) -> Path:
        return self.trained.folder / "model.safetensors"

    @property
    def judged(self) -> list[str]:
        return [f"judge.cnn.path={self.judge.folder / 'model.safetensors'}"]


def other_images(folder: Path) -> Path:
    """The world's images, but for one grey level of one of them."""
    write_world(folder)
    file = folder / "train-images-idx3-ubyte"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(bytes(data))
    return folder
