"""Hydra's flags, told apart from overrides and put first, where Hydra 1.3 wants them.

``gsu unlearn method=ascent --cfg job forget.class=1`` is a natural thing to type and refused by Hydra's own parser.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gsu_cli.errors import UsageError, did_you_mean
from gsu_cli.run.configs import conf_dir

SEARCHPATH = "hydra.searchpath"
ENTRY = re.compile(r"""'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|([^,'"]+)""")  # of a list: quoted by ' or ", or bare


@dataclass(frozen=True)
class Flag:
    """One flag: its names, whether a value follows (`"no"`, `"yes"`, `"maybe"`), the values allowed, what it does."""

    long: str
    short: str = ""
    value: str = "no"
    choices: tuple[str, ...] = ()
    is_mode: bool = False


FLAGS = (
    Flag("--help", "-h"),
    Flag("--version"),
    Flag("--multirun", "-m", is_mode=True),
    Flag("--run", "-r", is_mode=True),
    Flag("--cfg", "-c", "yes", ("job", "hydra", "all"), is_mode=True),
    Flag(
        "--info", "-i", "maybe", ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath"), is_mode=True
    ),
    Flag("--resolve"),
    Flag("--package", "-p", "yes"),
    Flag("--hydra-help"),
    Flag("--shell-completion", "-sc", is_mode=True),
    Flag("--config-path", "-cp", "yes"),
    Flag("--config-name", "-cn", "yes"),
    Flag("--config-dir", "-cd", "yes"),
    Flag("--experimental-rerun", value="yes"),
)


@dataclass(frozen=True)
class Line:
    """What follows the verb: flags with their values, and overrides, each in the order typed."""

    flags: tuple[tuple[Flag, str | None], ...] = ()
    overrides: tuple[str, ...] = ()

    def has(self, long: str) -> bool:
        """Whether the flag was typed, by either name."""
        return any(flag.long == long for flag, _ in self.flags)

    @property
    def words(self) -> list[str]:
        """The line as Hydra's parser accepts it.

        >>> arrange(["a=1", "--cfg", "job", "b=2"]).words
        ['--cfg=job', 'a=1', 'b=2']
        """
        flags = [flag.long if value is None else f"{flag.long}={value}" for flag, value in self.flags]
        return [*flags, *self.overrides]


def arrange(words: Sequence[str]) -> Line:
    """Sort the words after the verb into flags and overrides.

    Raises:
        UsageError: an unknown flag, a flag without its value, a value it does not know, or two modes at once.
    """
    flags: list[tuple[Flag, str | None]] = []
    overrides: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            overrides += rest
            break
        if word.startswith("="):
            way_out = "Leave out the blanks around =" if word == "=" else ""
            raise UsageError("every word after the verb must read key=value", found=word, way_out=way_out)
        if not word.startswith("-"):
            overrides.append(word)
            continue
        name, equals, value = word.partition("=")
        flag = _find(name, value or (rest[0] if rest and not rest[0].startswith("-") and not equals else "VALUE"))
        if equals or flag.value == "no":
            flags.append((flag, _checked(flag, value) if equals else None))
        elif flag.value == "yes":
            if not rest:
                raise UsageError(f"`{flag.long}` must be followed by a value", way_out=_choices(flag))
            flags.append((flag, _checked(flag, rest.pop(0))))
        else:
            flags.append((flag, rest.pop(0) if rest and rest[0] in flag.choices else flag.choices[0]))
    line = Line(tuple(flags), tuple(overrides))
    _refuse_contradictions(line)
    for folder in (folder for word in overrides for folder in _searched(word)):
        if not folder.is_dir():
            raise UsageError(f"`{SEARCHPATH}` must name folders", found=str(folder))
        _refuse_hidden(folder, SEARCHPATH)
    return line


def _find(name: str, value: str) -> Flag:
    for flag in FLAGS:
        if name in (flag.long, flag.short):
            return flag
    begun = [flag for flag in FLAGS if len(name) > 2 and flag.long.startswith(name)]
    if len(begun) == 1:
        return begun[0]
    close = did_you_mean(name, [flag.long for flag in FLAGS])
    way_out = close or f"Type {name.lstrip('-') or 'key'}={value}: settings have no dashes"
    raise UsageError("a word that begins with a dash must be one of Hydra's flags", found=name, way_out=way_out)


def _choices(flag: Flag) -> str:
    return f"Choose one of {', '.join(flag.choices)}." if flag.choices else ""


def _checked(flag: Flag, value: str) -> str:
    if flag.value == "no":
        raise UsageError(f"`{flag.long}` must stand alone", found=f"{flag.long}={value}")
    if flag.choices and value not in flag.choices:
        way_out = did_you_mean(value, flag.choices)
        raise UsageError(f"`{flag.long}` must be one of {', '.join(flag.choices)}", found=value, way_out=way_out)
    if flag.long == "--experimental-rerun" and not Path(value).is_file():
        raise UsageError(f"`{flag.long}` must name the config.pickle of an earlier job", found=value)
    if flag.long == "--config-dir" and not Path(value).is_dir():
        raise UsageError(f"`{flag.long}` must name a folder", found=value)
    if flag.long == "--config-dir":
        _refuse_hidden(Path(value), flag.long)
    return value


def _searched(word: str) -> list[Path]:
    """The folders that a word ``hydra.searchpath=[...]`` adds to the places of configs; none of any other word."""
    key, _, value = word.lstrip("+").partition("=")
    if key != SEARCHPATH:
        return []
    inside = value.strip().removeprefix("[").removesuffix("]")
    entries = (match[match.lastindex or 0] for match in ENTRY.finditer(inside))
    places = (re.sub(r"\\(.)", r"\1", entry).strip() for entry in entries)
    return [Path(p.removeprefix("file://")) for p in places if p and not p.startswith("pkg://") and "${" not in p]


def _refuse_hidden(folder: Path, key: str) -> None:
    """Refuses a config of one's own that would be passed over for ours of the same name: Hydra takes the first."""
    for ours in sorted(conf_dir().rglob("*.yaml")):
        name = ours.relative_to(conf_dir())
        own = folder / name
        if own.is_file() and own.read_bytes() != ours.read_bytes():
            raise UsageError(
                f"a config below `{key}` must not have the name of one of gsu's own: that would be taken",
                found=str(own),
                way_out=f"Name it otherwise, for example {name.with_stem('my_' + name.stem)}",
            )


def _refuse_contradictions(line: Line) -> None:
    modes = list(dict.fromkeys(flag.long for flag, _ in line.flags if flag.is_mode))
    if len(modes) > 1:
        raise UsageError("a line must ask for one thing", found=" and ".join(modes), way_out="Keep one of them.")
    if line.has("--resolve") and not line.has("--cfg"):
        raise UsageError("`--resolve` must come with `--cfg`", way_out="Type --cfg job --resolve.")
