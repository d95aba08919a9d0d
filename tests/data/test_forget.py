"""The forget spec: every wrong one is refused in words, every right one is a partition."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gsu_cli.data.base import Dataset
from gsu_cli.data.forget import ForgetSpec
from gsu_cli.data.labels import restrict
from gsu_cli.data.split import Split
from gsu_cli.errors import UsageError


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def split(dataset: Dataset, seed: int = 0, **values: Any) -> Split:
    return ForgetSpec.from_values(**values).resolve(dataset, generator=seeded(seed))


EXACTLY = (
    "exactly one of `forget.class`, `forget.attribute`, `forget.sample` and `forget.canary` must be set, "
    "or `forget.fraction` alone"
)

QUOTED = "Put a name that reads as a number or as true in quotes twice: 'forget.class=\"NAME\"'"
BAD = [
    ({}, f"{EXACTLY}; found none of them. For example forget.class=1"),
    ({"class_": 1, "sample": [2]}, f"{EXACTLY}; found forget.class=1 and forget.sample=[2]."),
    ({"class_": 11}, "`forget.class` must be one of 0..9 for mnist; found 11."),
    ({"class_": -1}, "`forget.class` must be one of 0..9 for mnist; found -1."),
    ({"class_": "x"}, "`forget.class` must be one of 0..9 for mnist; found 'x'."),
    ({"class_": [1, 11, "x"]}, "`forget.class` must be one of 0..9 for mnist; found 11, 'x'."),
    ({"class_": ""}, "`forget.class` must name at least one class; found nothing."),
    ({"class_": []}, "`forget.class` must name at least one class; found nothing."),
    ({"class_": [1, 1]}, "`forget.class` must name each entry once; found 1 more than once."),
    ({"class_": [1, "1"]}, "`forget.class` must name each class once; found [1, '1']."),
    ({"class_": 1.5}, f"`forget.class` must be a class or a list of classes; found 1.5. {QUOTED}"),
    ({"class_": True}, f"`forget.class` must be a class or a list of classes; found True. {QUOTED}"),
    (
        {"class_": list(range(10))},
        "`forget.class` must leave at least one class of mnist to retain; found all 10 of them.",
    ),
    (
        {"attribute": "Male"},
        (
            "`forget.attribute` needs a data set with attributes, and mnist has none; found 'Male'. "
            "Forget a class instead, for example forget.class=0"
        ),
    ),
    (
        {"attribute": ""},
        "`forget.attribute` must be the name of one attribute; found ''. Name one, for example forget.attribute=NAME",
    ),
    (
        {"attribute": ["Male"]},
        "`forget.attribute` must be the name of one attribute; found ['Male']. Name one; for images of several, list "
        "them in a file, forget.sample=FILE",
    ),
    ({"sample": [3, 100, -1]}, "`forget.sample` must hold indices in 0..99, the training set of mnist; found -1, 100."),
    ({"sample": []}, "`forget.sample` must hold at least one index; found nothing."),
    ({"sample": ""}, "`forget.sample` must hold at least one index; found nothing."),
    ({"sample": [5, 7, 5]}, "`forget.sample` must name each entry once; found 5 more than once."),
    ({"sample": [1.0, "a"]}, "`forget.sample` must be whole numbers or a file of them; found 1.0, 'a'."),
    (
        {"sample": list(range(100))},
        (
            "the forget spec must take at least one and not all of the 100 training images of mnist; "
            "found samples (100), which is 100 images. Forget less, so that something is retained."
        ),
    ),
    (
        {"class_": 1, "fraction": 0.01},
        (
            "the forget spec must take at least one and not all of the 100 training images of mnist; "
            "found 1 % of class 1, which is 0 images. Type a larger forget.fraction."
        ),
    ),
    *[
        ({"fraction": bad}, f"`forget.fraction` must be a number strictly between 0 and 1; found {bad!r}.")
        for bad in (0, 1, 1.5, -0.1, float("nan"), float("inf"), "half", True)
    ],
]


@pytest.mark.parametrize(("values", "message"), BAD, ids=[str(values)[:40] for values, _ in BAD])
def test_bad_specs(digits: Dataset, values: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        split(digits, **values)
    assert str(caught.value) == message


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        ForgetSpec.from_values(class_="", sample=[1, 1], fraction=2)
    text = str(caught.value)
    assert text.startswith("the forget spec has 4 problems:")
    assert all(word in text for word in ("exactly one", "`forget.class`", "`forget.sample`", "`forget.fraction`"))
    assert text.endswith("found 2.")


def test_a_class_that_was_left_out(digits: Dataset) -> None:
    with pytest.raises(UsageError) as caught:
        split(restrict(digits, [1, 3, 8]), class_=2)
    assert str(caught.value) == (
        "`forget.class` must be one of 1, 3, 8 for mnist; found 2. `dataset.classes` leaves 0, 2, 4, 5, 6, 7, 9 out."
    )


def test_misspelt_attribute_and_name(faces: Dataset) -> None:
    with pytest.raises(
        UsageError, match="must be one of Male, Smiling for faces; found 'Smilling'. Did you mean 'Smiling'"
    ):
        split(faces, attribute="Smilling")
    pets = Dataset("pets", faces.train, faces.heldout, {0: "cat", 1: "dog"}, "memory")
    with pytest.raises(UsageError, match=r"one of 0 \(cat\), 1 \(dog\) for pets; found 'dgo'. Did you mean 'dog'"):
        split(pets, class_="dgo")


def test_class(digits: Dataset) -> None:
    s = split(digits, class_=[7, "1"])
    assert s.forget.tolist() == [i for i in range(100) if i % 10 in (1, 7)]
    assert s.heldout_forget.tolist() == [1, 7, 11, 17, 21, 27]
    assert (s.target_classes, s.target_attribute) == ((1, 7), None)
    assert set(s.forget_images.labels.tolist()) == set(s.heldout_forget_images.labels.tolist()) == {1, 7}
    assert not set(s.retain_images.labels.tolist()) & {1, 7}
    assert not set(s.heldout_retain_images.labels.tolist()) & {1, 7}
    assert (s.n_forget, s.n_retain, s.n_heldout) == (20, 80, 30)
    assert s.describe_sizes() == ("forget 20 and retain 80 training images; held out 6 to forget and 24 to retain")


def test_attribute(faces: Dataset) -> None:
    s = split(faces, attribute="Smiling")
    assert s.forget.tolist() == list(range(0, 100, 3))
    assert s.heldout_forget.tolist() == list(range(0, 30, 3))
    assert (s.target_classes, s.target_attribute) == (None, "Smiling")


def test_samples_from_the_line_and_from_a_file(digits: Dataset, tmp_path: Path) -> None:
    file = tmp_path / "indices.txt"
    file.write_text("# two of them\n42\n\n17  # a seven\n")
    for value in ([42, 17], ["42", 17], str(file)):
        s = split(digits, sample=value)
        assert s.forget.tolist() == [17, 42]
        assert len(s.heldout_forget) == 0
        assert len(s.heldout_retain) == 30
        assert (s.target_classes, s.target_attribute) == (None, None)
    assert split(digits, sample=17).forget.tolist() == [17] == split(digits, sample="17").forget.tolist()


def test_a_file_of_an_editor_that_marks_its_encoding(digits: Dataset, tmp_path: Path) -> None:
    file = tmp_path / "indices.txt"
    file.write_bytes(b"\xef\xbb\xbf17\r\n\r\n42\r\n")
    assert split(digits, sample=str(file)).forget.tolist() == [17, 42]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("1\n2 3\n", "line 2 of .*; found '2 3'"),
        ("1.5", "line 1 of .*; found '1.5'"),
        ("# nothing\n", "at least one index in .*; found nothing"),
        ("4\n4\n", "found 4 more than once"),
        ("\udcff", "readable text file"),
    ],
)
def test_bad_sample_files(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "indices.txt"
    file.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(UsageError, match=said):
        ForgetSpec.from_values(sample=str(file))


def test_sample_file_that_is_missing_or_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="; found no file .*nowhere.txt"):
        ForgetSpec.from_values(sample=str(tmp_path / "nowhere.txt"))
    with pytest.raises(UsageError, match="readable text file"):
        ForgetSpec.from_values(sample=str(tmp_path))


def test_fraction_is_chosen_by_the_generator(digits: Dataset) -> None:
    s = split(digits, class_=1, fraction=0.5)
    assert s.n_forget == 5
    assert set(s.forget_images.labels.tolist()) == {1}
    assert s.heldout_forget.tolist() == [1, 11, 21]
    assert torch.equal(s.forget, split(digits, class_=1, fraction=0.5).forget)
    alone = split(digits, fraction=0.05)
    assert (alone.n_forget, alone.target_classes, len(alone.heldout_forget)) == (5, None, 0)
    assert not torch.equal(alone.forget, split(digits, seed=1, fraction=0.05).forget)
    assert split(digits, sample=[1, 2, 3, 4], fraction=0.5).n_forget == 2


def test_the_generator_is_left_alone_without_a_fraction(digits: Dataset) -> None:
    generator = seeded()
    before = generator.get_state()
    ForgetSpec.from_values(class_=1).resolve(digits, generator=generator)
    assert torch.equal(generator.get_state(), before)


@pytest.mark.parametrize(
    ("values", "words", "slug"),
    [
        ({"class_": 1}, "class 1", "class_1"),
        ({"class_": [7, 1]}, "classes 1 and 7", "class_1_7"),
        ({"class_": [7, 1, 3]}, "classes 1, 3 and 7", "class_1_3_7"),
        ({"class_": "big dog/x"}, "class big dog/x", "class_big-dog-x"),
        ({"attribute": "Male"}, "attribute Male", "attribute_Male"),
        ({"sample": [42, 17]}, "samples (2)", "samples_2_5e187e"),
        ({"class_": 1, "fraction": 0.05}, "5 % of class 1", "class_1_part_0.05"),
        ({"fraction": 0.001}, "0.1 % of the training set", "any_part_0.001"),
    ],
)
def test_words_and_slugs(values: dict[str, Any], words: str, slug: str) -> None:
    spec = ForgetSpec.from_values(**values)
    assert (spec.describe(), spec.slug()) == (words, slug)


def test_names_become_labels_on_resolution(digits: Dataset) -> None:
    pets = Dataset("pets", digits.train, digits.heldout, {k: f"pet {k}" for k in range(10)}, "memory")
    s = split(pets, class_="pet 3")
    assert (s.words, s.slug, s.target_classes) == ("class 3 (pet 3)", "class_3", (3,))


def test_optional() -> None:
    assert ForgetSpec.optional(class_=None, attribute=None, sample=None, fraction=None) is None
    assert ForgetSpec.optional(class_=1, attribute=None) == ForgetSpec(classes=(1,))


SPECS = st.one_of(
    st.builds(
        lambda c, f: {"class_": c, "fraction": f},
        st.lists(st.integers(0, 9), min_size=1, max_size=9, unique=True),
        st.none() | st.floats(0.11, 0.99),
    ),
    st.builds(lambda a: {"attribute": a}, st.sampled_from(["Male", "Smiling"])),
    st.builds(lambda i: {"sample": i}, st.lists(st.integers(0, 99), min_size=1, max_size=99, unique=True)),
    st.builds(lambda f: {"fraction": f}, st.floats(0.01, 0.99)),
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=SPECS, seed=st.integers(0, 2**31))
def test_every_split_is_a_partition(faces: Dataset, values: dict[str, Any], seed: int) -> None:
    s = split(faces, seed=seed, **values)
    for one, other, n in ((s.forget, s.retain, 100), (s.heldout_forget, s.heldout_retain, 30)):
        assert not set(one.tolist()) & set(other.tolist())
        assert sorted(one.tolist() + other.tolist()) == list(range(n))
        assert one.tolist() == sorted(one.tolist())
        assert other.tolist() == sorted(other.tolist())
    assert 0 < s.n_forget < 100


@pytest.mark.parametrize(
    ("forget", "retain"),
    [([0, 1], [1, *range(2, 100)]), ([0], range(2, 100)), ([1, 0], range(2, 100)), ([0, 1], range(2, 101))],
    ids=["overlap", "gap", "order", "range"],
)
def test_a_split_that_lies_cannot_be_built(digits: Dataset, forget: list[int], retain: list[int]) -> None:
    with pytest.raises(RuntimeError, match="defect"):
        Split(
            digits,
            torch.tensor(forget),
            torch.tensor(list(retain)),
            torch.tensor([], dtype=torch.int64),
            torch.arange(30),
        )
