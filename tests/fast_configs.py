"""Configs of OmegaConf copied, read and merged in a fraction of its time; `fast_lines` puts these in its place.

tests/conf/test_fast_lines.py composes lines by these and by Hydra, and compares each node.
"""

from __future__ import annotations

import copy
import functools
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import yaml
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import IConfigRepository
from hydra.core.default_element import ResultDefault
from hydra.errors import HydraException
from omegaconf import DictConfig, Node, OmegaConf, flag_override
from omegaconf.errors import OmegaConfBaseException

Merge = Callable[[ConfigLoaderImpl, list[ResultDefault], IConfigRepository], DictConfig]


def copied(node: Any, parent: Any) -> Any:
    """What `copy.deepcopy` makes of a node: containers and metadata anew, values as they are, below ``parent``."""
    new = object.__new__(type(node))
    new.__dict__.update(node.__dict__)
    data = object.__new__(type(node._metadata))
    data.__dict__.update(node._metadata.__dict__)
    data.flags = None if data.flags is None else dict(data.flags)
    data.resolver_cache = defaultdict(dict, {name: dict(known) for name, known in data.resolver_cache.items()})
    new.__dict__.update(_metadata=data, _parent=parent, _flags_cache=None)
    content = node.__dict__.get("_content")
    if isinstance(content, dict):
        new.__dict__["_content"] = {key: copied(child, new) for key, child in content.items()}
    elif isinstance(content, list):
        new.__dict__["_content"] = [copied(child, new) for child in content]
    elif isinstance(content, Node):
        new.__dict__["_content"] = copied(content, new)
    return new


def copies_itself(node: Any, memo: dict[int, Any]) -> Any:
    """In place of OmegaConf's ``__deepcopy__``, which visits each flag of each node: a fifth of a line's time."""
    return copied(node, node.__dict__["_parent"])


def read_once() -> Any:
    """In place of `OmegaConf.load`: a text is parsed and made a config once, each reader gets a copy.

    A line is made of some thirty configs, which hardly change between lines. What a text holds is kept by the text
    itself, so an edited config is read anew; what is no YAML fails each time.
    """
    read, kept = OmegaConf.load, dict[str, Any]()

    def load(file: Any) -> Any:
        if not hasattr(file, "seek"):
            return read(file)
        start = file.tell()
        text = file.read()
        if text not in kept:
            file.seek(start)  # the parser names the file in what it refuses
            found = read(file)
            found.__dict__["its text"] = text
            kept[text] = found
        return copied(kept[text], None)

    return load


def found_once(find: Callable[..., Any], ours_alone: Callable[[Any], bool]) -> Callable[..., Any]:
    """In place of `ConfigRepository.load_config`: what lies in our folder and in Hydra's is looked for once.

    Lines share what is found: nobody writes into it but Hydra's own merging, and `Merged` merges copies.
    """
    kept = dict[Any, Any]()

    def load_config(repo: Any, config_path: str) -> Any:
        if not ours_alone(repo):
            return find(repo, config_path)
        key = (config_path, *(source.path for source in repo.sources))
        if key not in kept:
            kept[key] = find(repo, config_path)
        return copy.copy(kept[key])

    return load_config


def parsed_once(parse: Callable[..., Any]) -> Callable[..., Any]:
    """Of an interpolation's words: the tree is read, never changed."""
    return functools.lru_cache(maxsize=4096)(parse)


def written_by_c(theirs: Callable[[], Any]) -> Callable[[], type]:
    """In place of OmegaConf's dumper, which is Python: each run writes three configs."""

    class Dumper(yaml.CDumper):
        yaml_representers = theirs().yaml_representers

    return lambda: Dumper


class Merged:
    """The same configs in the same order are one config, and so are the first of them: lines differ in the last.

    What is kept rests on the texts that were read, wherever they lie. Of a line that shares its beginning with the line
    before, the beginning is kept as well.
    """

    def __init__(self, merge: Merge) -> None:
        self.merge = merge
        self.kept: dict[tuple[Any, ...], DictConfig] = {}
        self.before: tuple[Any, ...] = ()

    def __call__(self, loader: ConfigLoaderImpl, defaults: list[ResultDefault], repo: IConfigRepository) -> DictConfig:
        """In place of Hydra's; what that refuses it refuses itself, in its own words."""
        try:
            key = tuple((repr(default), _text(default, repo)) for default in defaults)
            if key not in self.kept:
                self.kept[key] = self._merged(key, loader, defaults, repo)
        except (OmegaConfBaseException, HydraException, ValueError):
            for found in filter(None, getattr(repo, "cache", {}).values()):
                found.config = copied(found.config, None)
            return self.merge(loader, defaults, repo)
        return copied(self.kept[key], None)  # type: ignore[no-any-return]

    def _merged(self, key: tuple[Any, ...], loader: Any, defaults: list[ResultDefault], repo: Any) -> DictConfig:
        shared = next((i for i, (a, b) in enumerate(zip(key, self.before, strict=False)) if a != b), 0)
        self.before = key
        known = next((i for i in range(len(key) - 1, 0, -1) if key[:i] in self.kept), 0)
        config = copied(self.kept[key[:known]], None) if known else OmegaConf.create()
        for first, last in ((known, shared), (max(known, shared), len(key))):
            with flag_override(config, "no_deepcopy_set_nodes", True):
                for default in defaults[first:last]:
                    config.merge_with(copied(loader._load_single_config(default=default, repo=repo).config, None))
            if last == shared > known:
                self.kept[key[:shared]] = copied(config, None)
        _without_defaults(config)
        return config


def _text(default: ResultDefault, repo: IConfigRepository) -> str:
    found = repo.load_config(config_path=default.config_path or "")
    return str(found.config.__dict__.get("its text", "")) if found else ""


def _without_defaults(config: Any) -> None:
    """Lists of defaults that structured configs bring along are taken out, as Hydra does at the end."""
    if not isinstance(config, DictConfig) or config._is_missing() or config._is_none():
        return
    if config._get_flag("HYDRA_REMOVE_TOP_LEVEL_DEFAULTS"):
        with flag_override(config, ["readonly", "struct"], False):
            config._set_flag("HYDRA_REMOVE_TOP_LEVEL_DEFAULTS", None)
            config.pop("defaults", None)
    for _, value in config.items_ex(resolve=False):
        _without_defaults(value)
