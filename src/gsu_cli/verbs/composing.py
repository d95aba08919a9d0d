"""Configs of many lines: those that differ in values alone share what is composed of their choices."""

from __future__ import annotations

import contextlib
import copy
import re
from collections.abc import Iterator, Sequence

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from gsu_cli.run import folders
from gsu_cli.run.configs import conf_dir

VALUE = re.compile(r"(?!hydra\.)(\w+)\.[\w.]+=")  # key.part=value: chooses no config, adds and removes nothing


@contextlib.contextmanager
def configs() -> Iterator[None]:
    """Within, `compose` finds the configs of gsu, also inside a verb."""
    folders.register_resolvers()
    of_the_verb = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(conf_dir()), version_base="1.3"):
            yield
    finally:
        GlobalHydra.instance().hydra = of_the_verb


class Composer:
    """Composes lines of one verb, as ``hydra.compose`` does and to the same configs.

    Hydra puts values into a config after its choices are composed, which takes a tenth of a second; a table has many
    lines of the same choices.

    Args:
        verb: name of the root config.
    """

    def __init__(self, verb: str) -> None:
        self.verb = verb
        self._of_choices: dict[tuple[str, ...], DictConfig] = {}

    def __call__(self, words: Sequence[str]) -> DictConfig:
        """The config of a line, without Hydra's own part.

        Raises:
            HydraException: the line does not compose.
        """
        choices = tuple(word for word in words if not VALUE.match(word))
        values = [word for word in words if VALUE.match(word)]
        if not values or not _independent(choices, values):
            return compose(self.verb, list(words))
        try:
            return self._with(choices, values)
        except (HydraException, OmegaConfBaseException):  # said by Hydra, of the whole line
            return compose(self.verb, list(words))

    def _with(self, choices: tuple[str, ...], values: list[str]) -> DictConfig:
        if choices not in self._of_choices:
            self._of_choices[choices] = compose(self.verb, list(choices))
        config = copy.deepcopy(self._of_choices[choices])
        for value in OverridesParser.create().parse_overrides(values):
            if value.is_sweep_override():
                raise HydraException("several values in one line")
            OmegaConf.update(config, value.key_or_group, value.value(), merge=True)
        return config


def _independent(choices: Sequence[str], values: Sequence[str]) -> bool:
    """Whether values may come after every choice: none of these adds, removes or sets what a value is a part of."""
    roots = {value.partition(".")[0] for value in values}
    for choice in choices:
        key = choice.partition("=")[0]
        if not key[:1].isalpha() or "{" in choice or (key in roots and not (conf_dir() / key).is_dir()):
            return False
    return True
