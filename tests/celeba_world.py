"""CelebA's official layout with a dozen tiny images of plain colours; nothing of the real one."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

ATTRIBUTES = (
    "5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs Big_Lips Big_Nose Black_Hair Blond_Hair "
    "Blurry Brown_Hair Bushy_Eyebrows Chubby Double_Chin Eyeglasses Goatee Gray_Hair Heavy_Makeup High_Cheekbones Male "
    "Mouth_Slightly_Open Mustache Narrow_Eyes No_Beard Oval_Face Pale_Skin Pointy_Nose Receding_Hairline Rosy_Cheeks "
    "Sideburns Smiling Straight_Hair Wavy_Hair Wearing_Earrings Wearing_Hat Wearing_Lipstick Wearing_Necklace "
    "Wearing_Necktie Young"
)
N = 12
NAMES = [f"{i:06}.jpg" for i in range(1, N + 1)]


def partition_of(i: int) -> int:
    """Of the i-th name: 0, 0, 0, 0, 1, 2 in turn, so that the order of the pixels is not that of the names."""
    return (0, 0, 0, 0, 1, 2)[i % 6]


def has(i: int, attribute: str) -> bool:
    """Bald is nobody, Young is everybody; the others differ by image and column."""
    if attribute in ("Bald", "Young"):
        return attribute == "Young"
    return (i + ATTRIBUTES.split().index(attribute)) % 3 == 0


def red(i: int) -> int:
    """The red of the i-th image, which tells images apart after a JPEG's losses."""
    return 20 * i


def jpg(i: int, size: tuple[int, int] = (89, 109), mode: str = "RGB") -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, red(i) if mode == "L" else (red(i), 250, 100)).save(out, "JPEG", quality=95)
    return out.getvalue()


@dataclass
class Faces:
    """What to write; change a field, then `write`."""

    jpgs: dict[str, bytes] = field(default_factory=lambda: {name: jpg(i) for i, name in enumerate(NAMES)})
    head: list[str] = field(default_factory=lambda: [str(N), ATTRIBUTES + " "])
    rows: list[str] = field(
        default_factory=lambda: [
            " ".join([name, *(" 1" if has(i, a) else "-1" for a in ATTRIBUTES.split())]) for i, name in enumerate(NAMES)
        ]
    )
    partition: list[str] = field(default_factory=lambda: [f"{name} {partition_of(i)}" for i, name in enumerate(NAMES)])
    identity: list[str] | None = None

    def write(self, folder: Path, zipped: bool = False, inside: str = "img_align_celeba/") -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        if zipped:
            with zipfile.ZipFile(folder / "img_align_celeba.zip", "w") as archive:
                archive.writestr("__MACOSX/img_align_celeba/._000001.jpg", b"not an image")
                for name, raw in self.jpgs.items():
                    archive.writestr(inside + name, raw)
        else:
            (folder / inside).mkdir(parents=True, exist_ok=True)
            (folder / inside / ".DS_Store").write_bytes(b"not an image")
            for name, raw in self.jpgs.items():
                (folder / inside / name).write_bytes(raw)
        (folder / "list_attr_celeba.txt").write_text("\n".join([*self.head, *self.rows]) + "\n")
        (folder / "list_eval_partition.txt").write_text("\n".join(self.partition) + "\n")
        if self.identity is not None:
            (folder / "identity_CelebA.txt").write_text("\n".join(self.identity) + "\n")
        return folder
