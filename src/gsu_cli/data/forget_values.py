"""The values of the `forget.*` options as YAML or the command line deliver them, checked one by one.

Each parser returns the clean value or raises a UsageError; ``ForgetSpec.from_values`` collects what they raise.
None (YAML's ``null``) means "not set" everywhere and never reaches a parser.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from gsu_cli.checks import is_number
from gsu_cli.data.labels import as_list
from gsu_cli.errors import UsageError, unreadable

SHOWN = 5  # offending entries in a message


def as_text(entries: Iterable[object]) -> str:
    """The first few of ``entries``.

    >>> as_text([1, "x"]), as_text(range(7))
    ("1, 'x'", '0, 1, 2, 3, 4 and 2 more')
    """
    words = [repr(entry) for entry in entries]
    return ", ".join(words[:SHOWN]) + (f" and {len(words) - SHOWN} more" if len(words) > SHOWN else "")


def parse_classes(value: object) -> tuple[int | str, ...]:
    """Labels or names, in the order typed; whether they exist is for the data set to say.

    Raises:
        UsageError: none, something else, or one twice.
    """
    entries = as_list(value)
    if not entries:
        raise UsageError("`forget.class` must name at least one class", found="nothing")
    bad = [entry for entry in entries if isinstance(entry, bool) or not isinstance(entry, int | str)]
    if bad:
        quoted = """Put a name that reads as a number or as true in quotes twice: 'forget.class="NAME"'"""
        raise UsageError("`forget.class` must be a class or a list of classes", found=as_text(bad), way_out=quoted)
    classes = tuple(entry for entry in entries if isinstance(entry, int | str))
    _refuse_duplicates("forget.class", classes)
    return classes


def parse_attribute(value: object) -> str:
    """The name of one attribute.

    Raises:
        UsageError: no text, or an empty one.
    """
    if not isinstance(value, str) or not value.strip():
        raise UsageError(
            "`forget.attribute` must be the name of one attribute",
            found=repr(value),
            way_out="Name one, for example forget.attribute=NAME"
            if isinstance(value, str)
            else "Name one; for images of several, list them in a file, forget.sample=FILE",
        )
    return value.strip()


def parse_sample(value: object) -> tuple[int, ...]:
    """Indices into the training set, ascending, given directly or in a text file with one a line (``#`` comments).

    Raises:
        UsageError: none, something else, one twice, or a file that cannot be read.
    """
    if isinstance(value, str) and value.strip() and not value.strip().isdecimal():
        indices = _indices_in(Path(value.strip()).expanduser())
        source = f" in {value.strip()}"
    else:
        entries = [int(e) if isinstance(e, str) and e.strip().isdecimal() else e for e in as_list(value)]
        bad = [entry for entry in entries if isinstance(entry, bool) or not isinstance(entry, int)]
        if bad:
            raise UsageError("`forget.sample` must be whole numbers or a file of them", found=as_text(bad))
        indices, source = [entry for entry in entries if isinstance(entry, int)], ""
    if not indices:
        raise UsageError(f"`forget.sample` must hold at least one index{source}", found="nothing")
    _refuse_duplicates("forget.sample", indices)
    return tuple(sorted(indices))


def parse_canary(value: object) -> tuple[int, ...]:
    """Numbers of planted canaries, ascending; none for all of them.

    >>> parse_canary("all"), parse_canary([3, 0]), parse_canary(2)
    ((), (0, 3), (2,))

    Raises:
        UsageError: none, something else, or one twice.
    """
    if value == "all":
        return ()
    entries = as_list(value)
    bad = [entry for entry in entries if isinstance(entry, bool) or not isinstance(entry, int) or entry < 0]
    if bad or not entries:
        raise UsageError("`forget.canary` must be all, or numbers from 0 on", found=as_text(bad) if bad else "nothing")
    numbers = [entry for entry in entries if isinstance(entry, int)]
    _refuse_duplicates("forget.canary", numbers)
    return tuple(sorted(numbers))


def parse_fraction(value: object) -> float:
    """A number strictly between 0 and 1.

    Raises:
        UsageError: it is none.
    """
    if not is_number(value) or not 0 < float(value) < 1:
        raise UsageError("`forget.fraction` must be a number strictly between 0 and 1", found=repr(value))
    return float(value)


def _refuse_duplicates(key: str, entries: Iterable[int | str]) -> None:
    twice = [entry for entry, count in Counter(entries).items() if count > 1]
    if twice:
        raise UsageError(f"`{key}` must name each entry once", found=f"{as_text(twice)} more than once")


INDICES = "Type forget.sample=[17,42], or a path relative to the working directory."


def _indices_in(path: Path) -> list[int]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()  # some editors begin a file with a mark
    except FileNotFoundError:
        raise UsageError(
            "`forget.sample` must be indices into the training set or a text file of them",
            found=f"no file {str(path)!r}",
            way_out=INDICES,
        ) from None
    except PermissionError as error:
        raise unreadable(path, error, UsageError) from None
    except (OSError, UnicodeDecodeError) as error:
        rule, found = f"`forget.sample` must be a readable text file, as {path} is not", str(error)
        raise UsageError(rule, found=getattr(error, "strerror", None) or found, way_out=INDICES) from None
    indices = []
    for number, line in enumerate(lines, start=1):
        text = line.split("#", 1)[0].strip()
        if not text:
            continue
        try:
            indices.append(int(text))
        except ValueError:
            raise UsageError(
                f"`forget.sample` must be a file with one whole number a line, but line {number} of {path} is not",
                found=repr(text),
            ) from None
    return indices
