"""CelebA's aligned images, in a folder or in the zip file as downloaded: listed, identified and decoded."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from gsu_cli.data.base import OnProgress
from gsu_cli.data.image_files import CHUNK, UNREADABLE
from gsu_cli.errors import DataError, unreadable
from gsu_cli.run.stand_ins import TAR, StandIn, stand_in, stand_in_at

WIDTH, HEIGHT = 178, 218  # pixels of an aligned image as published
BROKEN = (*UNREADABLE, zipfile.BadZipFile)


@dataclass(frozen=True)
class ImageFiles:
    """Images by name.

    Attributes:
        path: the folder or zip file they are in.
        marks: name -> what changes when the image does: (size, mtime) of a file, (size, CRC) in a zip file.
        read: name -> the bytes of the file; safe to call in several threads.
    """

    path: Path
    marks: dict[str, tuple[int, int]]
    read: Callable[[str], bytes]

    def digest(self, names: Iterable[str]) -> str:
        """sha256 of place, names and marks of these images, in order: what they are without reading them."""
        h = hashlib.sha256(str(self.path.resolve()).encode())
        for name in names:
            h.update(f"\n{name} {self.marks[name]}".encode())
        return h.hexdigest()


def list_images(path: Path) -> ImageFiles:
    """The ``*.jpg`` in a folder, or in ``img_align_celeba/`` inside a zip file.

    Raises:
        DataError: there is none, or the zip file is damaged.
    """
    files = _in_zip(path) if path.is_file() else _in_folder(path)
    if not files.marks:
        raise DataError(f"{path} must hold the images, 000001.jpg and so on", found="no *.jpg")
    return files


def _in_folder(path: Path) -> ImageFiles:
    inner = path / path.name
    folder = inner if inner.is_dir() else path  # the copy on Kaggle has the folder twice
    try:
        with os.scandir(folder) as entries:
            found = {entry.name: entry.stat() for entry in entries if _is_image(entry.name)}
    except OSError as error:
        raise unreadable(folder, error, DataError) from None
    marks = {name: (stat.st_size, stat.st_mtime_ns) for name, stat in found.items()}
    return ImageFiles(folder, marks, lambda name: (folder / name).read_bytes())


def _in_zip(path: Path) -> ImageFiles:
    try:
        archive = zipfile.ZipFile(path)
    except OSError as error:
        raise unreadable(path, error, DataError) from None
    except zipfile.BadZipFile as error:
        other = stand_in_at(path) or StandIn(str(error), "Get it again; the download was incomplete.")
        raise DataError(f"{path} must be a whole zip file", found=other.what, way_out=other.way_out) from None
    members = {
        PurePosixPath(info.filename).name: info
        for info in archive.infolist()
        if PurePosixPath(info.filename).parent.name == "img_align_celeba"
        and not info.filename.startswith("__MACOSX")
        and _is_image(PurePosixPath(info.filename).name)
    }
    if not members:
        first = next((info.filename for info in archive.infolist()), "nothing in it")
        raise DataError(
            f"{path} must hold the folder img_align_celeba/ with the images",
            found=first,
            way_out="Take the zip file as published, or unpack the images into a folder img_align_celeba/.",
        )
    marks = {name: (info.file_size, info.CRC) for name, info in members.items()}
    return ImageFiles(path, marks, lambda name: archive.read(members[name]))


def _is_image(name: str) -> bool:
    return name.lower().endswith(".jpg") and not name.startswith(".")


def decode_into(
    pixels: NDArray[np.uint8],
    files: ImageFiles,
    names: Sequence[str],
    *,
    crop: int,
    on_progress: OnProgress | None = None,
) -> None:
    """Decodes ``names`` into ``pixels``, ``(n, 3, size, size)``, in this order, several at a time.

    The centre square of ``crop`` pixels of the published 178 x 218, or its like in proportion where the images are
    scaled, is scaled with an antialiased triangle filter. A grey image repeats its channel.

    Raises:
        DataError: images that cannot be decoded or are not aligned ones; the message names the first.
    """
    chunks = [range(start, min(start + CHUNK, len(names))) for start in range(0, len(names), CHUNK)]

    def work(chunk: range) -> list[tuple[str, str]]:
        failed = []
        for i in chunk:
            try:
                pixels[i] = face(files.read(names[i]), size=pixels.shape[-1], crop=crop)
            except UnidentifiedImageError:
                other = stand_in(files.read(names[i])[: TAR.stop])
                failed.append((names[i], other.what if other else "no image of a known format"))
            except BROKEN as error:  # not raised: one error must count them all
                failed.append((names[i], str(error).split("\n")[0] or type(error).__name__))
        return failed

    failed: list[tuple[str, str]] = []
    pool = ThreadPoolExecutor(os.cpu_count() or 1)
    try:
        results = pool.map(work, chunks)
        for chunk, found in zip(chunks, results, strict=True):
            failed += found
            if on_progress is not None:
                on_progress(chunk.stop, len(names))
    finally:
        pool.shutdown(cancel_futures=True)  # else an interrupt would wait for all that is left
    if failed:
        more = f" (and {len(failed) - 1:,} more)" if len(failed) > 1 else ""
        raise DataError(
            f"{failed[0][0]} in {files.path} must be an aligned CelebA image",
            found=f"{failed[0][1]}{more}",
            way_out="Get it again; `dataset.partial=true` goes without an image once it is removed.",
        )


def face(jpg: bytes, *, size: int, crop: int) -> NDArray[np.uint8]:
    """``(3, size, size)``: the centre of one aligned image of any scale.

    Raises:
        ValueError: the image has another shape than 178 : 218.
        OSError: and others of `BROKEN`: it cannot be decoded.
    """
    with Image.open(io.BytesIO(jpg)) as image:
        w, h = image.size
        if abs(w * HEIGHT - h * WIDTH) > (WIDTH + HEIGHT) / 2:  # each side may be rounded by half a pixel
            raise ValueError(f"{w} x {h} pixels, which is not {WIDTH} x {HEIGHT} or a scaling of it")
        left, top = (WIDTH - crop) / 2 * w / WIDTH, (HEIGHT - crop) / 2 * h / HEIGHT
        # no `draft`: a JPEG decoded at half its size has 70 pixels left for 64, and another filter than the one stated
        square = image.convert("RGB").resize(
            (size, size), Image.Resampling.BILINEAR, box=(left, top, w - left, h - top)
        )
    return np.asarray(square).transpose(2, 0, 1)
