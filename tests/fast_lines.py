"""What Hydra works out anew for each line of a session of tests, kept: composing was a fifth of the suite's seconds.

Each changes time alone, and holds for lines made of Hydra's configs and ours: with another search path nothing is kept.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hydra._internal import config_loader_impl, defaults_list
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.hydra import Hydra
from omegaconf import DictConfig

from gsu_cli.run.configs import conf_dir


@contextlib.contextmanager
def lines_cost_once() -> Iterator[None]:
    """All of them, for a session."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yaml, "load", _parsed_once())
        patch.setattr(Hydra, "get_mode", _composed_to_run_alone())
        patch.setattr(defaults_list, "_create_interpolation_map", _choices_where_one_rests_on_them())
        patch.setattr(config_loader_impl, "create_defaults_list", _configs_of_a_line_found_once())
        patch.setattr(ConfigLoaderImpl, "_compose_config_from_defaults_list", _merged_once())
        yield


def _ours_alone(repo: Any) -> bool:
    """Configs of others may be written anew between two lines."""
    return all(
        source.path == str(conf_dir()) if source.scheme() == "file" else source.path in ("", "hydra.conf")
        for source in repo.get_sources()
    )


def _parsed_once() -> Any:
    """A line composes some thirty configs, which hardly change between lines: a third of its time was their parsing.

    What a text holds is kept by the text itself, so an edited config is read anew; what is no YAML fails each time.
    """
    parse, kept = yaml.load, dict[str, Any]()

    def load(stream: Any, Loader: Any) -> Any:
        if "OmegaConfLoader" not in Loader.__qualname__ or isinstance(stream, str):
            return parse(stream, Loader)
        text = stream.read()
        if text not in kept:
            stream.seek(0)  # the parser names the file in what it refuses
            kept[text] = parse(stream, Loader)
        return copy.deepcopy(kept[text])

    return load


def _composed_to_run_alone() -> Any:
    """Hydra composes a line whole to ask for ``hydra.mode``, and again to run it: half of what a refusal took.

    Of ours, experiments alone set it (tests/conf): of a line without one, without a word of Hydra's, it is none.
    """
    ask = Hydra.get_mode

    def get_mode(self: Hydra, config_name: str | None, overrides: list[str]) -> Any:
        places = [place.path for place in self.config_loader.get_search_path().get_path()]
        others = {place for place in places if place and "://" not in place} - {str(conf_dir())}
        if others or any("hydra" in word or "experiment" in word for word in overrides):
            return ask(self, config_name, overrides)
        return None

    return get_mode


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


def _merged_once() -> Any:
    """The same configs in the same order are one config; each line gets a copy of it for its own words."""
    merge, kept = ConfigLoaderImpl._compose_config_from_defaults_list, dict[Any, DictConfig]()

    def merged(self: ConfigLoaderImpl, defaults: list[Any], repo: Any) -> DictConfig:
        if not _ours_alone(repo):
            return merge(self, defaults, repo)
        key = tuple(map(repr, defaults))
        if key not in kept:
            kept[key] = merge(self, defaults, repo)
        return copy.deepcopy(kept[key])

    return merged
