"""What pages say of the methods that run on a family is what the table of docs/families.md says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


def table() -> dict[str, dict[str, bool]]:
    """Of each family which method runs; tests/methods/test_families.py runs them."""
    text = (DOCS / "families.md").read_text("utf-8").split("<!-- end -->")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    head, _, *body = rows
    named = {re.findall(r"\w+", row[0])[0]: row for row in body}
    return {family: {name: row[i] == "runs" for name, row in named.items()} for i, family in enumerate(head) if i}


def said(page: str, after: str) -> set[str]:
    """The methods that the sentence behind some words names."""
    text = (DOCS / page).read_text("utf-8")
    sentence = re.split(r"[;(]", text.split(after)[1])[0]
    return {name for name in re.findall(r"`(\w+)`", sentence) if name in table()["VAE"]}


@pytest.mark.parametrize(
    ("page", "after", "family"),
    [
        ("diffusion.md", "## Which methods run on it\n\nAll but ", "diffusion"),
        ("conditional.md", "All but `esd` and `erasediff` run on the VAE, and all but ", "conditional diffusion"),
    ],
)
def test_all_but_those_run(page: str, after: str, family: str) -> None:
    assert said(page, after) == {name for name, runs in table()[family].items() if not runs}


def test_those_alone_do_not_run_on_a_conditional_vae() -> None:
    assert {name for name, runs in table()["conditional VAE"].items() if not runs} == {"esd", "erasediff"}


def test_those_run_on_a_gan() -> None:
    expected = {name for name, runs in table()["GAN"].items() if runs}
    assert said("gan.md", "## Which methods run on it\n\n") == expected


def test_each_that_does_not_run_is_explained() -> None:
    text = (DOCS / "families.md").read_text("utf-8").split("## Why not")[1].split("\n## ")[0]
    runs = table()
    elsewhere = {name for family in runs if family not in ("GAN", "bare generator") for name in runs[family]}
    missing = {name for name in elsewhere if not all(runs[f][name] for f in runs if f not in ("GAN", "bare generator"))}
    assert missing == set(re.findall(r"`(\w+)`", text))
