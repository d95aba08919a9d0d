"""Every config composes with its verb and fits the class it names; what is covered is counted against the disk."""

from __future__ import annotations

import functools
import inspect
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra._internal import config_loader_impl
from hydra.utils import get_object, instantiate
from omegaconf import DictConfig, OmegaConf

from gsu_cli.cli.job import missing_keys
from gsu_cli.cli.pages import VERBS
from gsu_cli.run.configs import conf_dir
from gsu_cli.verbs.line_keys import PLANTED

CONF = conf_dir()
ROOTS = sorted(path.stem for path in CONF.glob("*.yaml") if not path.stem.startswith("_"))
GROUP = re.compile(r"^\s+- /?([a-z_]+): *(\[?)", re.MULTILINE)  # in a defaults list; `[` where several may be chosen


def cells() -> list[tuple[str, str]]:
    """Each verb alone, and with each option of each of its groups, experiments among them."""
    found = []
    for verb in ROOTS:
        found.append((verb, ""))
        for group, several in GROUP.findall((CONF / f"{verb}.yaml").read_text()):
            words = "{}=[{}]" if several else "{}={}"
            found += [(verb, words.format(group, option)) for option in options(group)]
    return found


def options(group: str) -> list[str]:
    paths = (path.relative_to(CONF / group) for path in (CONF / group).rglob("*.yaml"))
    return sorted(path.with_suffix("").as_posix() for path in paths)


@functools.cache
def composed(verb: str, word: str) -> tuple[DictConfig, frozenset[str]]:
    """The whole config, Hydra's part included, and the files of ours that it was made of."""
    parts: list[str] = []

    def heard(*args: Any, **kwargs: Any) -> Any:
        found = find(*args, **kwargs)
        parts.extend(f"{part.config_path}.yaml" for part in found.defaults)
        return found

    find = config_loader_impl.create_defaults_list
    with initialize_config_dir(str(CONF), version_base="1.3"), pytest.MonkeyPatch.context() as patch:
        patch.setattr(config_loader_impl, "create_defaults_list", heard)
        config = compose(verb, [word] if word else [], return_hydra_config=True)
    for key in missing_keys(OmegaConf.masked_copy(config, [key for key in config if key != "hydra"])):
        OmegaConf.update(config, key, "x")
    return config, frozenset({*parts} & names())


@functools.cache
def names() -> frozenset[str]:
    return frozenset(str(path.relative_to(CONF)) for path in on_disk())


def on_disk() -> list[Path]:
    return sorted(CONF.rglob("*.yaml"))


def targets(node: Any, where: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, dict):
        if "_target_" in node:
            yield where, node
        for key in node:
            yield from targets(node[key], f"{where}.{key}".lstrip("."))


fitting: set[str] = set()  # classes with arguments that were made once: most stand in every line


@pytest.mark.parametrize(("verb", "word"), cells())
def test_a_config_composes_and_fits_its_classes(verb: str, word: str) -> None:
    config, _ = composed(verb, word)
    own = OmegaConf.masked_copy(config, [key for key in config if key != "hydra"])
    plain = OmegaConf.to_container(own, resolve=True, throw_on_missing=True)
    for where, node in targets(plain):
        if (same := f"{where} {node}") in fitting:
            continue
        target = get_object(node["_target_"])
        arguments = {key: value for key, value in node.items() if key != "_target_"}
        more: dict[str, Any] = {}
        if where == "model":  # the verb adds what only the data know
            more = {"shape": [3, 64, 64], "labels": [0, 1, 2], "attributes": ["a", "b"], "conditions": 3}
            more = {key: value for key, value in more.items() if key in inspect.signature(target).parameters}
            more = {key: value for key, value in more.items() if arguments.get(key) is None}
            arguments = {key: value for key, value in arguments.items() if key not in more}
        if where == "dataset":  # canaries are planted by the verb
            arguments = {key: value for key, value in arguments.items() if key not in PLANTED}
        inspect.signature(target).bind(**arguments, **more)
        made = instantiate({"_target_": node["_target_"], **arguments}, _convert_="all", **more)
        assert isinstance(made, target), where
        fitting.add(same)


def test_nothing_on_disk_is_left_out() -> None:
    covered = set().union(*(composed(*cell)[1] for cell in cells()))
    assert covered == names()
    assert len(covered) == len(on_disk()) >= 30


def test_experiments_belong_to_a_verb() -> None:
    named = {word.partition("=")[2] for _, word in cells() if word.startswith("experiment=")}
    assert named == set(options("experiment"))
    assert "protocol/mnist" in named


def test_every_verb_has_a_root_and_every_root_a_verb() -> None:
    assert sorted(VERBS) == ROOTS


@pytest.mark.parametrize("verb", ROOTS)
def test_what_is_written_lies_in_a_claimed_folder(verb: str) -> None:
    config, files = composed(verb, "")
    if "_session.yaml" in files:
        assert config.hydra.callbacks.folder._target_ == "gsu_cli.run.folders.ClaimFolder"
    else:
        assert "_listing.yaml" in files
        assert config.hydra.output_subdir is None


@pytest.mark.parametrize("path", on_disk(), ids=lambda path: str(path.relative_to(CONF)))
def test_manners(path: Path, type_line: Any, tmp_path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 20, "a config is read at a glance"
    comments = list(itertools.takewhile(lambda line: line.startswith("#"), lines))
    comments = [line.lstrip("# ") for line in comments if not line.startswith("# @package")]
    assert comments, "no comment says what it is for"
    if path.name.startswith("_"):
        assert comments[0].startswith("included by")
    else:
        words = re.split(r"\s{2,}", comments[0])[0].split()
        assert words[0] == "gsu", comments[0]
        assert words[1] in VERBS
        typed = type_line(
            *(word for word in words[1:] if word not in ("-m", "--multirun")), "--cfg", "job", cwd=tmp_path
        )
        assert typed.code == 0, typed.err
    if path.parent not in (CONF, CONF / "experiment") and "hydra" not in path.parts:
        assert any(comment.startswith("what: ") for comment in comments), "`gsu show` has nothing to say"
    if "hydra" not in path.relative_to(CONF).parts:  # logging's own schema
        for line in lines:
            number = re.match(r"\s*\w+: +(-?[\d.]*\d[\d.e+-]*|\[[\d., e+-]+\])\s*(#.*)?$", line)
            assert not number or number[2], f"no unit or source: {line}"


def test_experiments_alone_decide_whether_a_line_is_a_sweep() -> None:
    """Else the word ``-m`` does. tests/fast_lines.py counts on it, and composes a line once."""
    says = [p for p in on_disk() if "hydra.mode" in (text := p.read_text(encoding="utf-8")) or "\n  mode:" in text]
    assert {p.relative_to(CONF).parts[0] for p in says} == {"experiment"}
