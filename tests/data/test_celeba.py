"""dataset=celeba: the layouts people have, the crop, the order, the cache, what can be forgotten."""

from __future__ import annotations

import io
import os
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from celeba_world import ATTRIBUTES, NAMES, Faces, N, has, jpg, partition_of, red
from gsu_cli.data import celeba_images
from gsu_cli.data.base import Dataset
from gsu_cli.data.celeba import Celeba
from gsu_cli.data.celeba_images import face
from gsu_cli.data.forget import ForgetSpec
from gsu_cli.data.split import Split
from gsu_cli.errors import UsageError

ORDER = sorted(range(N), key=lambda i: (partition_of(i), i))  # of the pixels: training set, partition 1, partition 2
N_TRAIN = sum(partition_of(i) == 0 for i in range(N))


def celeba(folder: Path, **options: Any) -> Celeba:
    return Celeba(folder, **{"cache_dir": folder / "cache", "size": 8, **options})


def reds(dataset: Dataset) -> list[int]:
    """Which images these are, in order, by their colour."""
    pixels = torch.cat([dataset.train.pixels, dataset.heldout.pixels])
    return [round(value / 20) for value in pixels[:, 0].float().mean((1, 2)).tolist()]


@pytest.mark.parametrize("zipped", [False, True])
def test_the_official_layout(tmp_path: Path, zipped: bool) -> None:
    dataset = celeba(Faces().write(tmp_path, zipped), size=16).load()
    assert dataset.shape == (3, 16, 16)
    assert (len(dataset.train), len(dataset.heldout)) == (N_TRAIN, N - N_TRAIN) == (8, 4)
    assert reds(dataset) == ORDER
    assert torch.stack([part.pixels[0].float().mean((1, 2)) for part in (dataset.train, dataset.heldout)]).allclose(
        torch.tensor([[red(i), 250.0, 100.0] for i in (ORDER[0], ORDER[N_TRAIN])]), atol=3
    )
    assert dataset.attribute_names == tuple(ATTRIBUTES.split())
    assert len(dataset.attribute_names) == 40
    expected = torch.tensor([[has(i, name) for name in dataset.attribute_names] for i in ORDER])
    assert torch.equal(torch.cat([dataset.train.attributes, dataset.heldout.attributes]), expected)
    assert expected.dtype == dataset.train.attributes.dtype == torch.bool
    assert (dataset.class_names, dataset.train.labels.unique().tolist()) == ({0: "face"}, [0])
    where = tmp_path / ("img_align_celeba.zip" if zipped else "img_align_celeba")
    assert dataset.source == (
        f"aligned CelebA images in {where}, centre 140 of 178 pixels scaled to 16 x 16; 0 of 12 are grey"
    )
    assert dataset.note == ""


def by_drive(folder: Path) -> None:
    """The folders of the authors' drive."""
    for name, shelf in (
        ("img_align_celeba", "Img"),
        ("list_attr_celeba.txt", "Anno"),
        ("list_eval_partition.txt", "Eval"),
    ):
        (folder / shelf).mkdir()
        (folder / name).rename(folder / shelf / name)


def by_kaggle(folder: Path) -> None:
    """Commas, a header in each file, and the folder of images inside itself."""
    for name, header in (("list_attr_celeba", f"image_id {ATTRIBUTES}"), ("list_eval_partition", "image_id partition")):
        lines = (folder / f"{name}.txt").read_text().splitlines()
        rows = [header, *lines[2 if "attr" in name else 0 :]]
        (folder / f"{name}.csv").write_text("\n".join(",".join(row.split()) for row in rows) + "\n")
        (folder / f"{name}.txt").unlink()
    (folder / "img_align_celeba").rename(folder / "inner")
    (folder / "img_align_celeba").mkdir()
    (folder / "inner").rename(folder / "img_align_celeba" / "img_align_celeba")


@pytest.mark.parametrize("layout", ["", "celeba", "CelebA"])
@pytest.mark.parametrize("rearrange", [None, by_drive, by_kaggle])
def test_layouts(tmp_path: Path, layout: str, rearrange: Any) -> None:
    expected = celeba(Faces().write(tmp_path / "plain")).load().digest()
    folder = Faces().write(tmp_path / "data" / layout)
    if rearrange:
        rearrange(folder)
    assert celeba(tmp_path / "data").load().digest() == expected


def png(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def test_the_crop_is_antialiased_as_torch_has_it() -> None:
    """Against torch's resampling of the 140 x 140 in the middle; the filter sees one pixel beyond that at the edge."""
    noise = np.random.default_rng(0).integers(0, 256, (218, 178, 3), dtype=np.uint8)
    middle = torch.from_numpy(noise[39:179, 19:159].copy()).permute(2, 0, 1)[None].float()
    expected = torch.nn.functional.interpolate(middle, (64, 64), mode="bilinear", antialias=True)[0]
    found = torch.from_numpy(face(png(noise), size=64, crop=140).copy()).float()
    assert (found - expected)[:, 1:-1, 1:-1].abs().max() <= 1
    assert (found - expected).abs().max() < 60 < expected.std() * 3


@pytest.mark.parametrize("scale", [0.5, 2, 0.361])
def test_any_scale_shows_the_same_part(scale: float) -> None:
    def drawn(scale: float) -> np.ndarray:
        h, w = round(218 * scale), round(178 * scale)
        y, x = (np.arange(h) + 0.5) / h, (np.arange(w) + 0.5) / w
        red, green = np.broadcast_arrays(250 * y[:, None], 250 * x[None, :])
        return np.stack([red, green, np.hypot(red - 125, green - 125)], axis=2).round().astype(np.uint8)

    published, scaled = (face(png(drawn(s)), size=32, crop=140).astype(int) for s in (1, scale))
    assert np.abs(published - scaled).max() <= 2
    left = 250 * (19 + 140 / 64) / 178  # the middle of the first of 32 columns, in the units of the drawing
    assert published[1, :, 0] == pytest.approx(left, abs=1)
    assert np.abs(published - face(png(drawn(1)), size=32, crop=148)).max() > 4, "another crop is another part"


class Counting:
    def __init__(self) -> None:
        self.n = 0
        self.decode = face

    def __call__(self, jpg: bytes, *, size: int, crop: int) -> np.ndarray:
        self.n += 1
        return self.decode(jpg, size=size, crop=crop)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> Counting:
    counting = Counting()
    monkeypatch.setattr(celeba_images, "face", counting)
    return counting


@pytest.mark.parametrize("zipped", [False, True])
def test_the_second_time_nothing_is_decoded(tmp_path: Path, decoded: Counting, zipped: bool) -> None:
    seen: list[tuple[int, int]] = []
    source = celeba(Faces().write(tmp_path, zipped))
    first = source.load(on_progress=lambda done, total: seen.append((done, total))).digest()
    assert (decoded.n, seen[-1]) == (N, (N, N))
    seen.clear()
    assert source.load(on_progress=lambda done, total: seen.append((done, total))).digest() == first
    assert (decoded.n, seen) == (N, [])
    celeba(tmp_path, crop=148).load()
    celeba(tmp_path, size=9).load()
    assert decoded.n == 3 * N, "other pixels are decoded, not mistaken for these"


@pytest.mark.parametrize("zipped", [False, True])
def test_a_changed_image_is_decoded_again(tmp_path: Path, decoded: Counting, zipped: bool) -> None:
    before = celeba(Faces().write(tmp_path, zipped)).load()
    faces = Faces()
    faces.jpgs[NAMES[0]] = jpg(11)
    shutil.rmtree(tmp_path / "img_align_celeba", ignore_errors=True)
    after = celeba(faces.write(tmp_path, zipped)).load()
    assert decoded.n == 2 * N
    assert reds(after) == [11, *ORDER[1:]] != reds(before)


def test_the_same_wherever_and_by_however_many_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Faces().write(tmp_path)
    monkeypatch.setattr(celeba_images, "CHUNK", 1)
    digests = set()
    for threads in (1, 4):
        monkeypatch.setattr(os, "cpu_count", lambda threads=threads: threads)
        digests.add(celeba(folder, cache_dir=tmp_path / str(threads)).load().digest())
    assert len(digests) == 1


def test_an_interrupt_does_not_wait_for_what_is_left(
    tmp_path: Path, decoded: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, interrupted = decoded.decode, threading.Event()

    def slow(jpg: bytes, **options: int) -> np.ndarray:
        if decoded.n > 1:
            interrupted.wait(10)
            time.sleep(0.1)
        return real(jpg, **options)

    def interrupt(done: int, total: int) -> None:
        interrupted.set()
        raise KeyboardInterrupt

    decoded.decode = slow
    monkeypatch.setattr(celeba_images, "CHUNK", 1)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    with pytest.raises(KeyboardInterrupt):
        celeba(Faces().write(tmp_path)).load(on_progress=interrupt)
    assert decoded.n < N / 2
    assert list((tmp_path / "cache").iterdir()) == []


def test_both_parts_are_views_of_the_cache(tmp_path: Path) -> None:
    dataset = celeba(Faces().write(tmp_path)).load()
    one, other = (part.pixels.untyped_storage().data_ptr() for part in (dataset.train, dataset.heldout))
    assert one == other


def test_limit_takes_the_first_of_each_partition(tmp_path: Path, decoded: Counting) -> None:
    dataset = celeba(Faces().write(tmp_path), limit=1).load()
    assert reds(dataset) == [next(i for i in range(N) if partition_of(i) == p) for p in (0, 1, 2)]
    assert decoded.n == 3, "only what is taken is decoded"
    assert ", the first 1 of each partition, centre" in dataset.source
    assert celeba(tmp_path, limit=100).load().digest() == celeba(tmp_path).load().digest()


def test_a_grey_image_repeats_its_channel_and_is_counted(tmp_path: Path) -> None:
    faces = Faces()
    faces.jpgs[NAMES[3]] = jpg(3, mode="L")
    dataset = celeba(faces.write(tmp_path)).load()
    grey = dataset.train.pixels[3]
    assert (grey == grey[:1]).all()
    assert dataset.source.endswith("; 1 of 12 are grey")


def test_partial(tmp_path: Path) -> None:
    faces = Faces()
    del faces.jpgs[NAMES[0]], faces.rows[1], faces.partition[2]
    faces.head[0] = str(N - 1)
    dataset = celeba(faces.write(tmp_path), partial=True).load()
    assert reds(dataset) == [i for i in ORDER if i > 2]
    expected = torch.tensor([has(i, "Male") for i in ORDER if i > 2])
    male = dataset.attribute_names.index("Male")
    both = torch.cat([dataset.train.attributes, dataset.heldout.attributes])
    assert torch.equal(both[:, male], expected), "rows go with their images"
    assert dataset.note == (
        f"partial CelebA: left out 1 without an image in {tmp_path}/img_align_celeba (the first is 000001.jpg) and "
        "1 without a row in list_attr_celeba.txt (the first is 000002.jpg) and "
        "1 without a row in list_eval_partition.txt (the first is 000003.jpg)."
    )


def test_people_in_both_parts_are_noted(tmp_path: Path) -> None:
    faces = Faces(identity=[f"{name} {100 + i}" for i, name in enumerate(NAMES)])
    assert celeba(faces.write(tmp_path)).load().note == ""
    faces.identity[4] = f"{NAMES[4]} 100"  # held out, and now the person of the first training image
    note = celeba(faces.write(tmp_path)).load().note
    assert note == "1 of the 4 held-out images show people who are in training images too."


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return celeba(Faces().write(tmp_path_factory.mktemp("celeba"))).load()


def split(dataset: Dataset, **values: Any) -> Split:
    return ForgetSpec.from_values(**values).resolve(dataset, generator=torch.Generator().manual_seed(0))


def test_an_attribute_is_forgotten(loaded: Dataset) -> None:
    cut = split(loaded, attribute="Male")
    train, heldout = ORDER[:N_TRAIN], ORDER[N_TRAIN:]
    assert cut.forget.tolist() == [k for k, i in enumerate(train) if has(i, "Male")]
    assert cut.heldout_forget.tolist() == [k for k, i in enumerate(heldout) if has(i, "Male")]
    assert (cut.target_attribute, cut.target_classes) == ("Male", None)
    assert cut.n_forget + cut.n_retain == N_TRAIN
    assert cut.words == "attribute Male"


NOT_ALL = "the forget spec must take at least one and not all of the 8 training images of celeba; found "
ONE_CLASS = "`forget.class` needs a data set with several classes, and celeba has one; found "


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"attribute": "male"}, "found 'male'. Did you mean 'Male'?"),
        ({"attribute": "glasses"}, "found 'glasses'. Did you mean 'Eyeglasses'?"),
        ({"attribute": "Nose"}, "`forget.attribute` must be one of 5_o_Clock_Shadow, Arched_Eyebrows, Attractive, "),
        ({"attribute": "Bald"}, NOT_ALL + "attribute Bald, which is 0 images."),
        ({"attribute": "Young"}, NOT_ALL + "attribute Young, which is 8 images."),
        ({"class_": "Male"}, ONE_CLASS + "'Male'. Type forget.attribute=Male to forget one of its 40"),
        ({"class_": 0}, ONE_CLASS + "0. Type forget.attribute=NAME to forget one of its 40 attributes."),
        ({"sample": [8]}, "`forget.sample` must hold indices in 0..7, the training set of celeba; found 8."),
    ],
    ids=str,
)
def test_what_cannot_be_forgotten(loaded: Dataset, values: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as error:
        split(loaded, **values)
    assert said in str(error.value)


def test_samples_are_forgotten(loaded: Dataset) -> None:
    assert split(loaded, sample=[0, 7]).retain.tolist() == [1, 2, 3, 4, 5, 6]
