"""The weights that ship: ``pretrained/<dataset>/<name>.safetensors``; the folder is the catalogue.

Names: ``vae`` (the default generator), ``vae_2d``, ``judge``; a reference retrained without a forget set has its slug
behind the name of its original: ``vae.without_class_1``.
"""

from __future__ import annotations

from pathlib import Path

from gsu_cli.run.files import sha256_of

FOLDER = Path(__file__).parent.parent / "pretrained"


def shipped(dataset: str, name: str) -> Path | None:
    """The file that ships under that name, or None."""
    path = FOLDER / dataset / f"{name}.safetensors"
    return path if path.is_file() else None


def shipped_names(dataset: str | None = None) -> list[str]:
    """``dataset/name`` of all that ships (retrained references left out), sorted."""
    pattern = f"{dataset or '*'}/*.safetensors"
    return sorted(f"{p.parent.name}/{p.stem}" for p in FOLDER.glob(pattern) if ".without_" not in p.stem)


def retrained_reference(dataset: str, name: str, slug: str) -> Path | None:
    """The model of the same recipe that never saw the forget set ``slug``, where one ships."""
    return shipped(dataset, f"{name}.without_{slug}")


def shipped_by_digest(sha256: str) -> Path | None:
    """The file among those that ship, retrained references too, that has these bytes; None where there is none."""
    return next((path for path in sorted(FOLDER.glob("*/*.safetensors")) if sha256_of(path) == sha256), None)


def card_line(name: str) -> str:
    """The first line of the card that lies beside ``dataset/name``, without its full stop."""
    card = FOLDER / f"{name}.md"
    lines = card.read_text(encoding="utf-8").splitlines() if card.is_file() else []
    return next((line.rstrip(".") for line in lines if line and not line.startswith("#")), "no card")
