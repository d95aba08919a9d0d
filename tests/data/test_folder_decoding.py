"""dataset=folder: what is done to images is said, bad ones are named, and decoded ones are kept."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gsu_cli.data import folder as module
from gsu_cli.data.folder import Folder
from gsu_cli.errors import DataError


@pytest.fixture
def greys(tmp_path: Path) -> Path:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for i in range(8):
            Image.new("L", (4, 4), 10 * i).save(tmp_path / name / f"{i}.png")
    return tmp_path


def animate(path: Path) -> None:
    frames = [Image.new("L", (4, 4), value) for value in (0, 90)]
    frames[0].save(path, save_all=True, append_images=frames[1:])


def turn(path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("L", (4, 4), 7).save(path, exif=exif)


def deepen(path: Path) -> None:
    # Pillow writes no RGB of 16 bits: a PNG by hand, of one zlib stream
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + b"\x12\x34" * 12 for _ in range(4))
    head = struct.pack(">IIBBBBB", 4, 4, 16, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(png)


@pytest.mark.parametrize(
    ("name", "make", "said"),
    [
        ("x.gif", animate, "of several frames the first is taken, in 1 of 17 images: a/x.gif"),
        ("x.png", animate, "of several frames the first is taken, in 1 of 17 images: a/x.png"),
        ("x.tif", animate, "of several frames the first is taken, in 1 of 17 images: a/x.tif"),
        (
            "x.png",
            lambda p: Image.new("LA", (4, 4), (9, 0)).save(p),
            "transparent places become white, in 1 of 17 images: a/x.png",
        ),
        ("x.jpg", turn, "turned as the EXIF orientation says, in 1 of 17 images: a/x.jpg"),
        ("x.png", deepen, "of 16 bits a channel the upper 8 are taken, in 1 of 17 images: a/x.png"),
    ],
)
def test_what_is_done_to_an_image_is_said(greys: Path, name: str, make: Callable[[Path], None], said: str) -> None:
    make(greys / "a" / name)
    remarks = Folder(str(greys), "x", channels=1).load().remarks
    assert len(remarks) == 1
    assert remarks[0].startswith(said)


ABLE = Image.registered_extensions()
READ = [end for end in ("jfif", "jpe", "avif", "jp2", "tga", "pbm", "pnm") if f".{end}" in ABLE]


@pytest.mark.parametrize("ending", [*READ, "JPEG"])
def test_other_endings_of_images(greys: Path, ending: str) -> None:
    """Cameras and browsers save them; they were passed over as no images."""
    Image.new("1" if ending == "pbm" else "RGB" if ending == "avif" else "L", (4, 4)).save(greys / "a" / f"x.{ending}")
    dataset = Folder(str(greys), "x", channels=1).load()
    assert (len(dataset.train) + len(dataset.heldout), dataset.remarks) == (17, ())


@pytest.mark.parametrize(("mode", "name"), [("RGB", "a/x.png"), ("CMYK", "a/x.jpg (CMYK)")])
def test_one_coloured_image_does_not_turn_the_others_into_rgb(greys: Path, mode: str, name: str) -> None:
    assert Folder(str(greys), "x").load().remarks == ()
    Image.new(mode, (4, 4), (200, 0, 0) if mode == "RGB" else (0, 200, 200, 0)).save(greys / name.split()[0])
    with pytest.raises(DataError) as caught:
        Folder(str(greys), "x").load()
    assert f"found 1 coloured of 17: {name}. Type dataset.channels=1 to read all as grey" in str(caught.value)
    grey = Folder(str(greys), "x", channels=1).load()
    assert (grey.shape, grey.remarks) == ((1, 4, 4), ())
    assert Folder(str(greys), "x", channels=3).load().shape == (3, 4, 4)


def test_a_palette_of_greys_shows_no_colour(greys: Path) -> None:
    Image.new("L", (4, 4), 33).convert("P").save(greys / "a" / "x.gif")
    Image.new("RGB", (4, 4), (44, 44, 44)).save(greys / "a" / "y.png")
    dataset = Folder(str(greys), "x").load()
    assert (dataset.shape, dataset.remarks) == ((1, 4, 4), ())
    assert {33, 44} <= set(dataset.train.pixels.unique().tolist()) | set(dataset.heldout.pixels.unique().tolist())


@pytest.mark.parametrize("quality", [1, 75, 100])
def test_a_grey_webp_shows_no_colour(greys: Path, quality: int) -> None:
    """Lossy WebP has no grey: it gives all three channels, of which the second is one level lower at some greys."""
    ramp = Image.linear_gradient("L").crop((0, 0, 1, 256)).resize((32, 32))
    ramp.convert("RGB").save(greys / "a" / "x.webp", quality=quality)
    for path in greys.rglob("*.png"):
        ramp.save(path)
    with Image.open(greys / "a" / "x.webp") as webp:
        assert (bands := [*webp.split()])[0].tobytes() != bands[1].tobytes()
    dataset = Folder(str(greys), "x").load()
    assert (dataset.shape, dataset.remarks) == ((1, 32, 32), ())


def test_a_faint_tint_is_a_colour(greys: Path) -> None:
    Image.new("RGB", (4, 4), (200, 198, 200)).save(greys / "a" / "x.png")
    with pytest.raises(DataError, match="found 1 coloured of 17"):
        Folder(str(greys), "x").load()


def test_grey_images_among_coloured_ones_are_named(greys: Path) -> None:
    for i in range(20):
        Image.new("RGB", (4, 4), "red").save(greys / "a" / f"red{i}.png")
    dataset = Folder(str(greys), "x").load()
    assert dataset.shape == (3, 4, 4)
    assert dataset.remarks[0].startswith("16 of 36 images are grey and all are read as RGB (a/0.png, ")


def test_greys_saved_as_colours_are_said(greys: Path) -> None:
    for path in greys.rglob("*.png"):
        Image.open(path).convert("RGB").save(path)
    assert "dataset.channels=1 reads them as grey" in Folder(str(greys), "x").load().remarks[0]


def test_up_to_ten_bad_images_are_named(greys: Path) -> None:
    for i in range(12):
        (greys / "a" / f"bad{i:02}.png").write_bytes(b"no image")
    with pytest.raises(DataError) as caught:
        Folder(str(greys), "x").load()
    text = str(caught.value)
    assert "found 12 that are not: " in text
    assert text.count("(no image of a known format)") == 10
    assert "and 2 more" in text


def test_decoded_images_are_kept_until_a_file_changes(
    greys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path.parent / f"{tmp_path.name}-cache"
    Image.new("LA", (4, 4), (9, 0)).save(greys / "a" / "clear.png")

    def load(**options: int) -> tuple[str, tuple[str, ...]]:
        dataset = Folder(str(greys), "x", cache_dir=cache, **options).load()
        return dataset.digest(), dataset.remarks

    plain = Folder(str(greys), "x").load()
    decodings = []
    real = module.decode
    monkeypatch.setattr(module, "decode", lambda *a, **k: decodings.append(a[0]) or real(*a, **k))
    first = load()
    assert first[0] == plain.digest()
    assert load() == first, "pixels and remarks alike"
    assert decodings == [17], "the second came from the cache"
    assert load(size=2) != first
    assert load(channels=3) != first
    assert len(decodings) == 3
    path = greys / "a" / "0.png"
    stat = path.stat()
    Image.new("L", (4, 4), 77).save(path)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # as unpacking an archive again does
    changed = load()
    assert changed[0] != first[0]
    (greys / "b" / "7.png").unlink()
    assert load()[0] != changed[0]
    assert decodings[3:] == [17, 16]
    for file in cache.glob("*.u8"):
        file.write_bytes(file.read_bytes()[:-40])
    load()
    assert len(decodings) == 6, "a damaged array is made again"


def test_the_cache_has_another_key_for_another_folder(greys: Path, tmp_path: Path) -> None:
    import shutil

    cache = tmp_path.parent / f"{tmp_path.name}-cache"
    other = tmp_path.parent / f"{tmp_path.name}-copy"
    shutil.copytree(greys, other)
    one = Folder(str(greys), "x", cache_dir=cache).load()
    two = Folder(str(other), "x", cache_dir=cache).load()
    assert one.digest() == two.digest()
    assert len(list(cache.glob("*.u8"))) == 2
    assert np.array_equal(one.train.pixels.numpy(), two.train.pixels.numpy())
