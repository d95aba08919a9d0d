"""What Hydra works out anew for each line of a session of tests, kept: composing was a fifth of the suite's seconds.

Each changes time alone. tests/conf/test_fast_lines.py composes lines by these and by Hydra, and compares.
"""

from __future__ import annotations

import contextlib
import copy
import functools
from collections.abc import Iterator
from typing import Any

import hydra.version
import omegaconf
import pytest
from hydra._internal import config_loader_impl, defaults_list
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository
from hydra.core.config_store import ConfigStore
from omegaconf import AnyNode, DictConfig, ListConfig, OmegaConf

from fast_configs import Merged, copies_itself, found_once, parsed_once, read_once, written_by_c
from gsu_cli.run.configs import conf_dir

COPIED = (DictConfig, ListConfig, AnyNode)
THEIRS: list[tuple[Any, str, Any]] = [
    *((kind, "__deepcopy__", kind.__deepcopy__) for kind in COPIED),
    (OmegaConf, "load", OmegaConf.load),
    (ConfigRepository, "load_config", ConfigRepository.load_config),
    (omegaconf.base, "parse", omegaconf.base.parse),
    (omegaconf._utils, "parse", omegaconf._utils.parse),
    (omegaconf.omegaconf, "get_omega_conf_dumper", omegaconf.omegaconf.get_omega_conf_dumper),
    (hydra.version, "_get_version", hydra.version._get_version),
    (defaults_list, "_create_interpolation_map", defaults_list._create_interpolation_map),
    (config_loader_impl, "create_defaults_list", config_loader_impl.create_defaults_list),
    (ConfigLoaderImpl, "_compose_config_from_defaults_list", ConfigLoaderImpl._compose_config_from_defaults_list),
]
"""What is replaced, as it is in Hydra and OmegaConf."""


@contextlib.contextmanager
def lines_cost_once() -> Iterator[None]:
    """All of them, for a session."""
    merged = Merged(ConfigLoaderImpl._compose_config_from_defaults_list)

    def merge(loader: Any, defaults: list[Any], repo: Any) -> DictConfig:
        return merged(loader, defaults, repo)

    ours = [
        *(copies_itself for _ in COPIED),
        read_once(),
        found_once(ConfigRepository.load_config, _ours_alone),
        parsed_once(omegaconf.base.parse),
        parsed_once(omegaconf._utils.parse),
        written_by_c(omegaconf.omegaconf.get_omega_conf_dumper),
        functools.cache(hydra.version._get_version),
        _choices_where_one_rests_on_them(),
        _configs_of_a_line_found_once(),
        merge,
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ConfigStore, "__deepcopy__", lambda store, memo: store, raising=False)  # one for all
        for (place, name, _), new in zip(THEIRS, ours, strict=True):
            patch.setattr(place, name, new)
        yield


@contextlib.contextmanager
def lines_as_hydra_composes_them() -> Iterator[None]:
    """The reference, within a session."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(ConfigStore, "__deepcopy__")
        for place, name, theirs in THEIRS:
            patch.setattr(place, name, theirs)
        yield


def _ours_alone(repo: Any) -> bool:
    """Configs of others may be written anew between two lines."""
    return all(
        source.path == str(conf_dir()) if source.scheme() == "file" else source.path in ("", "hydra.conf")
        for source in repo.get_sources()
    )


def _choices_where_one_rests_on_them() -> Any:
    """For each config of a line Hydra makes a config of all choices so far, which a default ``${...}`` may ask for."""
    make = defaults_list._create_interpolation_map

    def made(overrides: Any, defaults: list[Any], self_added: bool) -> Any:
        asked = any(not default.is_self() and default.is_interpolation() for default in defaults)
        return make(overrides, defaults, self_added) if asked else None

    return made


def _configs_of_a_line_found_once() -> Any:
    """The list of configs rests on the verb and its words that choose a config, not on those that set a value."""
    find, kept = defaults_list.create_defaults_list, dict[Any, Any]()

    def found(
        repo: Any, config_name: str | None, overrides_list: list[Any], prepend_hydra: bool, skip_missing: bool
    ) -> Any:
        overrides = defaults_list.Overrides(repo=repo, overrides_list=overrides_list)
        values = {id(override) for override in overrides.config_overrides}
        choices = tuple(o.input_line for o in overrides_list if id(o) not in values)
        if not _ours_alone(repo):
            return find(repo, config_name, overrides_list, prepend_hydra, skip_missing)
        key = (config_name, choices, prepend_hydra, skip_missing)
        if key not in kept:
            kept[key] = find(repo, config_name, overrides_list, prepend_hydra, skip_missing)
        fresh = copy.copy(kept[key])
        fresh.config_overrides = overrides.config_overrides
        return fresh

    return found
