"""dataset=parquet, on files that pyarrow wrote."""

from __future__ import annotations

import builtins
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from gsu_cli.data.parquet import Parquet
from gsu_cli.data.parquet_files import rows_in
from gsu_cli.errors import DataError, UsageError

PIXELS = np.arange(8 * 4 * 4, dtype=np.uint8).reshape(8, 4, 4)


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def table(rows: slice, *, struct: bool = True, names: list[str] | None = None, **columns: list[Any]) -> pa.Table:
    data: dict[str, Any] = {"image": [{"bytes": png(x), "path": "a.png"} if struct else png(x) for x in PIXELS[rows]]}
    made = pa.table(data | {key: values[rows] for key, values in columns.items()})
    if names is not None:
        features = {"image": {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"}}
        made = made.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    return made


LABELS = [0, 1, 2, 0, 1, 2, 0, 1]


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    """As a data set comes from the Hub: shards of train, one file each of validation and test, names of labels."""
    (tmp_path / "data").mkdir()
    columns: dict[str, list[Any]] = {"label": LABELS, "odd": [0, 1, 0, 0, 1, 0, 0, 1], "text": list("abcdefgh")}
    for name, rows in (
        ("train-00000-of-00002", slice(0, 3)),
        ("train-00001-of-00002", slice(3, 5)),
        ("validation-00000-of-00001", slice(5, 6)),
        ("test-00000-of-00001-0123456789abcdef", slice(6, 8)),
    ):
        pq.write_table(table(rows, names=["cat", "dog", "eel"], **columns), tmp_path / "data" / f"{name}.parquet")
    return tmp_path


def test_as_it_comes_from_the_hub(hub: Path) -> None:
    dataset = Parquet(str(hub), "x").load()
    assert dataset.class_names == {0: "cat", 1: "dog", 2: "eel"}
    assert torch.equal(dataset.train.pixels[:, 0], torch.from_numpy(PIXELS[:5]))
    assert (dataset.train.labels.tolist(), dataset.heldout.labels.tolist()) == ([0, 1, 2, 0, 1], [0, 1])
    assert dataset.attribute_names == ("odd",)
    assert dataset.heldout.attributes is not None
    assert dataset.heldout.attributes.tolist() == [[False], [True]]
    assert dataset.remarks[0].startswith("the 1 images of validation are not used")
    assert "text (has 'a')" in dataset.remarks[1]


def test_bytes_alone_in_one_file(tmp_path: Path) -> None:
    pq.write_table(table(slice(None), struct=False, kind=[str(k) for k in LABELS]), tmp_path / "x.parquet")
    dataset = Parquet(str(tmp_path / "x.parquet"), "x", label="kind").load()
    assert (len(dataset.train), len(dataset.heldout)) == (5, 3)
    assert dataset.class_names == {0: "0", 1: "1", 2: "2"}
    assert Parquet(str(tmp_path), "x").load().class_names == {0: "image"}, "no column is called label"


def test_a_column_split_that_contradicts_the_names_of_files_is_refused(tmp_path: Path) -> None:
    for part, words in (("train", ["train"] * 8), ("test", ["test"] * 7 + ["train"])):
        pq.write_table(table(slice(None), label=LABELS, split=words), tmp_path / f"{part}-0.parquet")
    with pytest.raises(DataError, match=r"must name the part of which .*; found 'train' for .*test-0.*, of test"):
        Parquet(str(tmp_path), "x").load()
    pq.write_table(table(slice(None), label=LABELS, split=["test"] * 8), tmp_path / "test-0.parquet")
    assert len(Parquet(str(tmp_path), "x").load().heldout) == 8


def test_a_column_split_in_files_of_no_part(tmp_path: Path) -> None:
    """It was called no attribute, and its held-out rows were trained on."""
    path = tmp_path / "x.parquet"
    pq.write_table(table(slice(None), label=LABELS, split=["train"] * 5 + ["validation", "test", "test"]), path)
    dataset = Parquet(str(path), "x").load()
    assert torch.equal(dataset.train.pixels[:, 0], torch.from_numpy(PIXELS[:5]))
    assert torch.equal(dataset.heldout.pixels[:, 0], torch.from_numpy(PIXELS[6:]))
    assert dataset.source.endswith("held out as in test of column split")
    assert dataset.remarks[0].startswith("the 1 images of validation are not used")
    assert len(Parquet(str(path), "x", heldout=["val", "test"]).load().heldout) == 3
    pq.write_table(table(slice(None), label=LABELS, split=["train"] * 7 + [None]), path)
    with pytest.raises(DataError, match=r"column split must name a part, .* found '' for .*, one of 1 of 8 without"):
        Parquet(str(path), "x").load()
    pq.write_table(table(slice(None), label=LABELS, split=["a", "b"] * 4), path)
    assert "split (has 'a')" in Parquet(str(path), "x", heldout_fraction=0.5).load().remarks[0]


def test_parts_whose_columns_of_images_differ(tmp_path: Path) -> None:
    pq.write_table(table(slice(0, 5), label=LABELS), tmp_path / "train.parquet")
    pq.write_table(table(slice(5, 8), label=LABELS).rename_columns(["img", "label"]), tmp_path / "test.parquet")
    with pytest.raises(DataError, match=r"found train.parquet with image, label and test.parquet with img, label"):
        Parquet(str(tmp_path), "x").load()


def test_decoded_images_are_kept(hub: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    plain = Parquet(str(hub), "x").load()
    again = [Parquet(str(hub / "data"), "x", cache_dir=cache).load() for _ in range(2)]
    assert [dataset.digest() for dataset in again] == [plain.digest()] * 2
    assert again[0].remarks == again[1].remarks
    pq.write_table(
        pq.read_table(hub / "data" / "test-00000-of-00001-0123456789abcdef.parquet")[:1],
        hub / "data" / "test-00000-of-00001-0123456789abcdef.parquet",
    )
    assert len(Parquet(str(hub / "data"), "x", cache_dir=cache).load().heldout) == 1


def test_files_that_do_not_fit(hub: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must be a Parquet file, or a folder with some; found nothing at"):
        Parquet(str(tmp_path / "nothing"), "x").load()
    shard = hub / "data" / "train-00001-of-00002.parquet"
    whole = shard.read_bytes()
    shard.write_bytes(whole[:100])
    with pytest.raises(DataError, match="train-00001-of-00002.parquet must be a whole Parquet file"):
        Parquet(str(hub), "x").load()
    shard.unlink()
    with pytest.raises(DataError, match="must hold all 2 files of a part; found no 00001"):
        Parquet(str(hub), "x").load()
    shard.write_bytes(whole)
    pq.write_table(table(slice(0, 2), other=LABELS), shard)
    with pytest.raises(DataError, match="must have the same columns; found image, label, odd, text and image, other"):
        Parquet(str(hub), "x").load()


def test_columns_that_do_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"label": LABELS}), path)
    with pytest.raises(DataError, match=r"a column with the bytes of images; found label \(int64\)\. Save each"):
        Parquet(str(path), "x").load()
    images = [{"bytes": None, "path": "a.png"}] * 2
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    pq.write_table(pa.table({"image": pa.array(images, kind)}), path)
    with pytest.raises(
        DataError, match="found none in 2 of 2 rows: x.parquet row 0, x.parquet row 1. Save the bytes, since paths"
    ):
        Parquet(str(path), "x").load()
    pq.write_table(pa.table({"image": [b"no image", png(PIXELS[0])]}), path)
    with pytest.raises(DataError, match=r"found 1 that is not: x.parquet row 0 \(no image"):
        Parquet(str(path), "x").load()
    pq.write_table(table(slice(None), label=[*LABELS[:-1], None]), path)
    with pytest.raises(DataError, match="must be a whole number or a word; found None for x.parquet row 7. Remove"):
        Parquet(str(path), "x").load()
    pq.write_table(table(slice(None), fine_label=LABELS, coarse_label=LABELS), path)
    with pytest.raises(UsageError, match="which column holds the label; found fine_label and coarse_label. Type"):
        Parquet(str(path), "x").load()
    with pytest.raises(UsageError, match="`dataset.image` must be a column of bytes, image; found 'img'. Did you mean"):
        Parquet(str(path), "x", image="img", label="fine_label").load()


def test_without_pyarrow(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(
        DataError, match=r"needs the package pyarrow; found none. Type pip install 'gsu-cli\[parquet\]'"
    ):
        Parquet(str(hub), "x").load()
    with pytest.raises(DataError, match=r"^metadata.parquet needs the package pyarrow"):
        rows_in(hub / "metadata.parquet")
