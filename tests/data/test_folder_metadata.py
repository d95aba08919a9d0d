"""dataset=folder with metadata.csv, metadata.jsonl or metadata.parquet beside the images."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from gsu_cli.data.columns import labels_of
from gsu_cli.data.folder import Folder
from gsu_cli.errors import DataError, UsageError


def paint(root: Path, names: list[str]) -> None:
    for i, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (2, 2), 10 * i).save(root / name)


def flat(root: Path, head: str, rows: list[str]) -> Path:
    paint(root, [f"{i}.png" for i in range(len(rows))])
    (root / "metadata.csv").write_text("\n".join([f"file_name,{head}", *(f"{i}.png,{r}" for i, r in enumerate(rows))]))
    return root


def test_labels_and_attributes(tmp_path: Path) -> None:
    flat(tmp_path, "label,hat,smile,text", ["dog,1,true,a", "cat,0,False,b", "dog,1,false,c", "cat,0,TRUE,d"])
    dataset = Folder(str(tmp_path), "x", heldout_fraction=0.5).load()
    assert dataset.class_names == {0: "cat", 1: "dog"}
    assert dataset.attribute_names == ("hat", "smile")
    assert dataset.train.attributes is not None
    assert dataset.heldout.attributes is not None
    found = {
        int(x[0, 0, 0]): (int(y), a.tolist())
        for part in (dataset.train, dataset.heldout)
        for x, y, a in zip(part.pixels, part.labels, part.attributes, strict=True)  # type: ignore[arg-type]
    }
    assert found == {0: (1, [True, True]), 10: (0, [False, False]), 20: (1, [True, False]), 30: (0, [False, True])}
    assert dataset.remarks == ("columns that do not say yes or no everywhere are no attributes: text (has 'b')",)


def test_parts_each_with_their_own_file(tmp_path: Path) -> None:
    for part in ("train", "validation"):
        paint(tmp_path / part, ["a.png", "b.png"])
        rows = [{"file_name": "a.png", "hat": 1}, {"file_name": "b.png", "hat": 0}]
        (tmp_path / part / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    dataset = Folder(str(tmp_path), "x").load()
    assert dataset.class_names == {0: "image"}
    assert dataset.heldout.attributes is not None
    assert dataset.heldout.attributes.tolist() == [[True], [False]]
    assert dataset.remarks == ("the metadata have no column label, so all images are of one class",)


def test_parquet_is_read_as_the_others_are(tmp_path: Path) -> None:
    """Hugging Face's imagefolder takes it, too."""
    paint(tmp_path, ["cat/0.png", "cat/1.png", "dog/0.png", "dog/1.png"])
    names = ["cat/0.png", "cat/1.png", "dog/0.png", "dog/1.png"]
    columns = {"hat": [True, False, True, False], "boxes": [[1], [], [2, 3], None]}
    pq.write_table(pa.table({"file_name": names, **columns}), tmp_path / "metadata.parquet")
    dataset = Folder(str(tmp_path), "x", heldout_fraction=0.5).load()
    assert (dataset.class_names, dataset.attribute_names) == ({0: "cat", 1: "dog"}, ("hat",))
    assert dataset.train.attributes is not None
    assert sorted(dataset.train.attributes[:, 0].tolist() + dataset.heldout.attributes[:, 0].tolist()) == [  # type: ignore[index]
        *([False] * 2),
        *([True] * 2),
    ]
    assert all("not used" not in remark for remark in dataset.remarks)
    pq.write_table(pa.table({"file_name": [*names[:3], None]}), tmp_path / "metadata.parquet")
    with pytest.raises(DataError, match=r"row 4 of .*metadata.parquet must name an image in column file_name"):
        Folder(str(tmp_path), "x").load()
    (tmp_path / "metadata.parquet").write_bytes(b"text")
    with pytest.raises(DataError, match=r"metadata.parquet must be a whole Parquet file"):
        Folder(str(tmp_path), "x").load()


def test_a_column_split_and_paths_below(tmp_path: Path) -> None:
    paint(tmp_path, ["images/a.png", "images/b.png", "images/c.png"])
    rows = ["images/a.png,train,3", "images/b.png,test,3", "./images/c.png,train,5"]
    (tmp_path / "metadata.csv").write_text("\n".join(["file_name,split,label", *rows]))
    dataset = Folder(str(tmp_path), "x").load()
    assert dataset.class_names == {3: "3", 5: "5"}
    assert (dataset.train.labels.tolist(), dataset.heldout.labels.tolist()) == ([3, 5], [3])


@pytest.mark.parametrize("words", [("train", "test", "holdout"), ("train", "", ""), ("train", "test", "2")])
def test_a_column_split_that_names_some_parts(tmp_path: Path, words: tuple[str, ...]) -> None:
    """It was left aside without a word, and images that it holds out were trained on."""
    flat(tmp_path, "label,split", [f"a,{word}" for word in words])
    with pytest.raises(
        DataError, match=r"column split must name a part, .* or for none; found '.*' for \d.png, one of"
    ):
        Folder(str(tmp_path), "x").load()


def test_a_column_split_that_contradicts_the_folders_of_parts(tmp_path: Path) -> None:
    """The folders won without a word, so that images the column holds out were trained on."""
    paint(tmp_path, ["train/0.png", "train/1.png", "test/2.png"])
    for part, rows in (("train", ["0.png,a,train", "1.png,a,{}"]), ("test", ["2.png,a,Test"])):
        (tmp_path / part / "metadata.csv").write_text("\n".join(["file_name,label,split", *rows]).format("test"))
    with pytest.raises(
        DataError, match=r"part of which the image's folder or file is; found 'test' for train/1.png, of train"
    ):
        Folder(str(tmp_path), "x").load()
    text = (tmp_path / "train" / "metadata.csv").read_text()
    (tmp_path / "train" / "metadata.csv").write_text(text.replace("1.png,a,test", "1.png,a,training"))
    assert len(Folder(str(tmp_path), "x").load().train) == 2


def test_a_column_split_of_something_else_is_said_to_be_unused(tmp_path: Path) -> None:
    flat(tmp_path, "label,split", ["a,north", "a,south"])
    assert Folder(str(tmp_path), "x").load().remarks == ("column split names no parts (has 'north') and is not used",)


def test_class_folders_stay_the_labels_where_no_column_is(tmp_path: Path) -> None:
    paint(tmp_path, ["cat/0.png", "cat/1.png", "dog/0.png", "dog/1.png"])
    rows = ["cat/0.png,1", "cat/1.png,-1", "dog/0.png,-1", "dog/1.png,1"]
    (tmp_path / "metadata.csv").write_text("\n".join(["file_name,hat", *rows]))
    dataset = Folder(str(tmp_path), "x", heldout_fraction=0.5).load()
    assert (dataset.class_names, dataset.attribute_names) == ({0: "cat", 1: "dog"}, ("hat",))


def test_a_column_of_three_marks_is_no_attribute(tmp_path: Path) -> None:
    """Of 0 and -1 one may mean uncertain; each alone is no."""
    rows = ["a,1,1,1,1.0", "a,0,-1,0,-1.0", "b,1,0,-1,0", "b,0,1,1,1"]
    flat(tmp_path, "kind,hat,sure,unsure,float", rows)
    dataset = Folder(str(tmp_path), "x", label="kind").load()
    assert dataset.attribute_names == ("hat",)
    assert "are no attributes: sure (has both 0 and -1), unsure (has both 0 and -1)" in " ".join(dataset.remarks)
    with pytest.raises(UsageError, match="of -1 and 1, .* found both 0 and -1 in sure, of which one may .* Write 0 or"):
        Folder(str(tmp_path), "x", label="kind", attributes="sure").load()


def test_chosen_columns(tmp_path: Path) -> None:
    flat(tmp_path, "kind,hat,smile", ["a,1,0", "b,0,1", "a,1,1", "b,0,0"])
    dataset = Folder(str(tmp_path), "x", label="kind", attributes=["smile"]).load()
    assert (dataset.class_names, dataset.attribute_names) == ({0: "a", 1: "b"}, ("smile",))
    with pytest.raises(UsageError, match="`dataset.label` must be a column, .*'knid'. Did you mean 'kind'"):
        Folder(str(tmp_path), "x", label="knid").load()
    with pytest.raises(
        UsageError, match="`dataset.attributes` must be columns of 0 and 1, .* found 'a' in kind for 0.png, and 3 more"
    ):
        Folder(str(tmp_path), "x", attributes="kind").load()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("file_name,hat\n0.png,1", r"each image in .* must have a row .* found 1 of 2 without one: 1.png"),
        ("file_name,hat\n0.png,1\n1.png,0\n2.png,1", r"each row .* must have its image; found 1 of 3 .*: 2.png"),
        ("name,hat\n0.png,1", "line 1 .* file_name among them; found 'name', 'hat'"),
        ("file_name;hat\n0.png;1", "found 'file_name;hat'. Separate the columns by commas"),
        ("file_name,hat\n", "metadata.csv must have a row for each image; found none"),
        ("file_name,hat\n0.png,1\n0.png,1", "line 3 .* for the first time; found 0.png"),
        ("file_name,hat\n0.png,1,2", "line 2 .* must have 2 values; found 3"),
        (
            "file_name,label\n0.png,1\n1.png,",
            "each label in column .* found '' for 1.png. Remove images without",
        ),
        ("file_name,label\n0.png,1\n1.png,01", "write one number in one way; found '1' and '01' for 1.png. Write both"),
        ("file_name,label\n0.png,-1\n1.png,0", "each label in column label must be >= 0; found -1 for 0.png"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, text: str, said: str) -> None:
    paint(tmp_path, ["0.png", "1.png"])
    (tmp_path / "metadata.csv").write_text(text)
    with pytest.raises(DataError, match=said):
        Folder(str(tmp_path), "x").load()


def test_labels_with_a_point_are_numbers_and_with_an_underscore_words() -> None:
    assert labels_of(["3.0", "3", "10"], "abc", "label")[1] == {3: "3", 10: "10"}
    assert labels_of(["1_0", "2", "10"], "abc", "label")[1] == {0: "10", 1: "1_0", 2: "2"}


def test_a_value_that_is_no_attribute_is_named_by_its_image(tmp_path: Path) -> None:
    paint(tmp_path, ["a.png", "b.png", "c.png"])
    (tmp_path / "metadata.csv").write_text("file_name,label,hat\nc.png,0,1\na.png,0,0\nb.png,0,2")
    with pytest.raises(UsageError, match=r"found '2' in hat for b\.png\. Write 0 or 1 there"):
        Folder(str(tmp_path), "x", attributes="hat").load()


@pytest.mark.parametrize(("line", "said"), [("{", "line 1 .* must be JSON"), ("[1]", "must be a JSON object")])
def test_bad_lines_of_json(tmp_path: Path, line: str, said: str) -> None:
    paint(tmp_path, ["0.png"])
    (tmp_path / "metadata.jsonl").write_text(line)
    with pytest.raises(DataError, match=said):
        Folder(str(tmp_path), "x").load()
