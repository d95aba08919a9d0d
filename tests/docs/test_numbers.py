"""Decimals, intervals and whole numbers with a unit: each is in the table or the records that the page cites.

Of whole numbers those of seconds, nats, points and samples are looked up. A large table has most small ones by chance.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from docs.test_results import PAGES, RESULTS, blocks

SIGNED = r"-?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?"
NUMBER = re.compile(rf"(?<![\w.=/-])({SIGNED})(?!\w)")
SPAN = re.compile(rf"({SIGNED})(?: nats| points| %)? \(({SIGNED}) to ({SIGNED})\)")
HALF = re.compile(rf"({SIGNED})%? ± ({SIGNED})")
ROUNDS = re.compile(rf"\| ({SIGNED}) \| ({SIGNED}) to ({SIGNED}) \|")
ENDS = re.compile(rf"({SIGNED}) \[({SIGNED}), ({SIGNED})\]")
UNITS = re.compile(rf"((?:{SIGNED}(?:, | to | and | or )){{0,3}}{SIGNED})\s(?:s|nats|points|samples)\b")
FOLDER = re.compile(r"results/(\w+(?:/samples)?)/")


def value(text: str) -> float:
    return float(text.replace(",", ""))


def near(text: str) -> float:
    """By how much a number that rounds to the text may differ."""
    return 0.5 * 10.0 ** -len(text.partition("e")[0].partition(".")[2]) + 1e-9


def prose(text: str) -> str:
    """Without code, targets of links and arXiv numbers: those are no measurements."""
    return re.sub(r"`[^`]*`|\]\([^)]*\)|\[\d{4}\.\d{5}|arXiv \d{4}\.\d{5}", " ", text)


def leaves(found: Any) -> Iterator[float]:
    if isinstance(found, dict | list):
        for part in found.values() if isinstance(found, dict) else found:
            yield from leaves(part)
    elif isinstance(found, int | float) and not isinstance(found, bool):
        yield float(found)


def recorded(path: Path) -> Iterator[float]:
    """What a list of records or an audit measured, and what the updates took."""
    read = json.loads(path.read_text("utf-8"))
    for record in read if isinstance(read, list) else [read]:
        yield from leaves([m.get("value") for m in record.get("measurements", [])])
        yield from leaves((record.get("update") or {}).get("details"))


@cache
def tables(name: str) -> str:
    return "\n".join(path.read_text("utf-8") for path in sorted((RESULTS / name).rglob("*.md")))


@cache
def numbers(name: str) -> list[float]:
    found = {abs(value(number)) for number in NUMBER.findall(tables(name))}
    found |= {abs(number) for path in sorted((RESULTS / name).glob("*.json")) for number in recorded(path)}
    return sorted(found)


@cache
def wholes(name: str) -> list[float]:
    """What whole numbers are looked up in: numbers, seconds of a stage, of how many each is, and lengths of lists."""
    found = set(numbers(name))
    for path in sorted((RESULTS / name).glob("*.json")):
        read = json.loads(path.read_text("utf-8"))
        parts = [read, *(read.values() if isinstance(read, dict) else [])]
        found |= {float(len(part)) for part in parts if isinstance(part, list)}
        for record in [r for r in (read if isinstance(read, list) else [read]) if isinstance(r, dict)]:
            found |= set(leaves(record.get("seconds")))
            found |= {float(m["n"]) for m in record.get("measurements", []) if m.get("n")}
    return sorted(found)


@cache
def intervals(name: str) -> list[tuple[float, ...]]:
    text = tables(name)
    half = [(value(m), value(m) - value(h), value(m) + value(h)) for m, h in HALF.findall(text)]
    return half + [tuple(map(value, ends)) for form in (SPAN, ENDS, ROUNDS) for ends in form.findall(text)]


def stands(text: str, known: list[float]) -> bool:
    """As it is written there, or as a percentage of it, or it of a percentage."""
    said, gap = abs(value(text)), near(text)
    for scale in (1, 100, 0.01):
        at = bisect_left(known, (said - gap) * scale)
        if at < len(known) and known[at] <= (said + gap) * scale:
            return True
    return False


def whole(text: str, known: list[float]) -> bool:
    """Whether a number rounds to the whole one that is written."""
    said = abs(value(text))
    at = bisect_left(known, said - 0.5)
    return at < len(known) and known[at] <= said + 0.5


def unknown(text: str) -> list[str]:
    """Decimals and wholes of blocks that cite a folder, and intervals of all blocks, that no cited folder holds."""
    wrong = []
    cited = set(FOLDER.findall(text)) | {name for _, names in blocks(text) for name in names}
    for block, own in blocks(text):
        shown = prose(block)
        said = " ".join(block.split())[:80]
        wrong += [
            f"{number} of {sorted(own)}: {said}"
            for number in (NUMBER.findall(SPAN.sub(" ", shown)) if own else ())
            if "." in number and not any(stands(number, numbers(name)) for name in own)
        ]
        wrong += [
            f"{number} of {sorted(own)}: {said}"
            for run in (UNITS.findall(SPAN.sub(" ", shown)) if own else ())
            for number in NUMBER.findall(run)
            if "." not in number and not any(whole(number, wholes(name)) for name in own)
        ]
        known = [ends for name in (own or cited) for ends in intervals(name)]
        wrong += [
            f"{' '.join(ends)}: {said}"
            for ends in (SPAN.findall(shown) if own or cited else ())
            if not any(agree(ends, kept) for kept in known)
        ]
    return wrong


def agree(said: tuple[str, ...], ends: tuple[float, ...]) -> bool:
    """Each of the three rounds to what is said; ends that were worked out of a half width may round twice."""
    return any(
        all(abs(value(text) - scale * end) <= 2 * near(text) for text, end in zip(said, ends, strict=True))
        and abs(value(said[0]) - scale * ends[0]) <= near(said[0])
        for scale in (1, 100)
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_decimal_is_in_what_the_page_cites(page: Path) -> None:
    assert unknown(page.read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("<!-- figures: conditional -->\n\n| word relearnt | 0.414 / 0.754 | 104.12 |", 0),
        ("<!-- figures: conditional -->\n\n| word relearnt | 0.444 / 0.774 | 104.14 |", 3),
        ("It lies 6.3 (3.1 to 9.5) points off ([all](results/audit/samples/table.md)).", 0),
        ("It lies 6.3 (3.3 to 9.3) points off ([all](results/audit/samples/table.md)).", 1),
        ("It takes 433 s, 2,000 samples 23 s ([speed](results/bench/table.md)).", 0),
        ("It takes 435 s, 2,000 samples 28 s ([speed](results/bench/table.md)).", 2),
        ("<!-- figures: demo -->\n\nOf 10,000 samples, 101 and 102 nats.", 0),
        ("<!-- figures: demo -->\n\nOf 12,000 samples, 101 and 109 nats.", 2),
        ("Cited [elsewhere](results/audit/samples/table.md).\n\nIt lies 6.3 (3.3 to 9.3) points off.", 1),
    ],
)
def test_a_number_without_a_source_is_found(text: str, wrong: int) -> None:
    """The negative control: columns and intervals of a build before."""
    assert len(unknown(text)) == wrong
