"""Random lines: settings of a verb x odd values x ``~``, ``+``, ``++``, on a world in which nothing takes long.

Methods, models, metrics, judges and data sets are really built. Long work is not begun: what would unlearn, train,
measure or download stops with `EnoughError`, but for lines that are meant to run through (`run_through`).
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from e2e_world import World
from gsu_cli.errors import DataError, GsuError
from gsu_cli.run import folders
from gsu_cli.run.configs import conf_dir
from gsu_cli.run.groups import defaults_of, option_names
from gsu_cli.verbs.settings import SETTINGS, names


def words(text: str) -> list[str]:
    return text.split()


SMALL = ["' '", *words("0 1 2 -1 0.5 1e-3 -1e-9 1.0 true false null no 01 x ''")]
LARGE = words("1e30 1000000000000000000000000000000 9223372036854775808 -9223372036854775809 1e400 1e-400")
ODD = words(r"""
nan inf -inf .nan None [] [null] [1] [1,1] [x] [[1]] [nan] [1,x,null] [0.5] [true] [{a:1}] [cnn,null]
{} {a:1} {a:{b:null}} {class:1} {_target_:x} {lr:0.1} {1:2} ä 日本 "a=b" a/b nowhere.txt . ~ '#' 'a,b' a:b %d 0x10 1_000
${seed} ${nope} ${oc.env:NOPE} ${now:%Y} ${gsu.usual:model} ${gsu.usual:x,y} ${forget} ${ ${method} ${.class}
${seeds.train} ${oc.decode:1} ${oc.create:{a:1}} ${oc.select:a,3} ${gsu.cell:1} '${seed}' [${seed}] {a:${seed}}
\, [ { ' a\=b = 'a $x * 1,2
""")
SWEEPS = words(r"""
1,2 x,1 null,1 1,1 range(0) range(2) range(0.1,0.3,0.1) range(1,3,0) choice(1,2) glob(*) glob(a*) interval(0,1)
tag(a,choice(1,2)) shuffle(1,2) sort(2,1) [1],[2] {a:1},{a:2} range(a,b) 1, ,1 ${seed},1 '',1 glob([])
glob(*,exclude=a*) range(nan,1,1) int(1.5),2 choice()
""")
HYDRA = words("""
hydra.verbose hydra.mode hydra.job.name hydra.job.id hydra.job.num hydra.output_subdir hydra.sweep hydra.run hydra
hydra/launcher hydra/sweeper hydra/job_logging hydra.sweep.subdir hydra.sweeper.params hydra.sweeper.max_batch_size
hydra.launcher hydra.callbacks.folder hydra.callbacks.folder.swept hydra.job_logging.root hydra.searchpath
hydra.job.config.override_dirname.item_sep hydra.job.env_set
""")
NOT_STARTED = ("hydra/launcher=joblib", "hydra/launcher=submitit", "hydra/launcher=ray", "hydra/sweeper=optuna")
VERBS = words("train unlearn unlearn unlearn evaluate evaluate audit reproduce report show")
THROUGH = words("unlearn unlearn evaluate train report show")


class EnoughError(GsuError):
    """Where a dry line ends: everything was built, and work would begin."""


def stop(*_: Any, **__: Any) -> Any:
    raise EnoughError("a dry line ends here")


def no_data(*_: Any, **__: Any) -> Any:
    raise DataError("a dry line loads only small data")


def make_dry(patch: pytest.MonkeyPatch) -> None:
    """What takes long stops instead."""
    from gsu_cli.data.avatars import Avatars
    from gsu_cli.data.celeba import Celeba
    from gsu_cli.data.mnist import Mnist
    from gsu_cli.verbs import audit, evaluate, reproduce, train, unlearn

    for module, name in (
        (unlearn, "made_to_forget"),
        (train, "_train"),
        (evaluate, "measure"),
        (audit, "_probed"),
        (reproduce, "_run"),
    ):
        patch.setattr(module, name, stop)
    for kind in (Avatars, Celeba, Mnist):
        patch.setattr(kind, "load", no_data)


class Lines:
    """Lines of a world, from a seed.

    Args:
        world: data set, weights and judge on disk.
        run: folder of an earlier ``gsu unlearn`` there.
        seed: of the lines.
    """

    def __init__(self, world: World, run: Path, seed: int) -> None:
        self._world, self._run, self._rng = world, run, random.Random(seed)
        self._options = dict(_options())
        self._keys = {verb: sorted(_keys(verb, self._options)) for verb in SETTINGS}

    def line(self, *, run_through: bool = False) -> list[str]:
        """The words behind ``gsu``.

        Args:
            run_through: whether the line may do all of its work, so that no value makes it long.
        """
        rng = self._rng
        verb = rng.choice(THROUGH if run_through else VERBS)
        words = self._base(verb)
        sweep = not run_through and rng.random() < 0.12
        for _ in range(rng.choice([1, 1, 1, 1, 2, 3])):
            words.append(self._word(words, SMALL if run_through else [*SMALL, *LARGE, *ODD], sweep, run_through))
        rng.shuffle(tail := words[1:])
        found = [verb, *(["-m"] if sweep else []), *tail]
        return [word for word in found if not word.lstrip("+").startswith(NOT_STARTED)]

    def _word(self, line: Sequence[str], values: Sequence[str], sweep: bool, run_through: bool) -> str:
        rng, verb = self._rng, line[0]
        groups = list(defaults_of(verb, conf_dir()))
        chosen = [key for word in line for key in self._options.get(word.lstrip("+"), ())]
        key = rng.choice(chosen if chosen and rng.random() < 0.5 else self._keys[verb])
        if rng.random() < 0.25 and groups:
            key = rng.choice(groups)
        elif rng.random() < 0.1 and not run_through:
            key = rng.choice(HYDRA)
        elif rng.random() < 0.1:
            key = rng.choice([f"{key}.x", f"{key}x", key.rpartition(".")[2], f"{key}._target_", f"{key}@x", "x.y", ""])
        prefix = rng.choice([*[""] * (24 if run_through else 6), "+", "++", "++", "~", "~"])
        if prefix == "~" and rng.random() < 0.8:
            return f"~{key}"
        if (conf_dir() / key).is_dir() and key and "/" not in key and rng.random() < 0.6:
            options = option_names(conf_dir() / key)
            if run_through:
                options = [name for name in options if name not in ("fid", "retrain", "avatars", "celeba", "mnist")]
            some = ",".join(rng.sample(options, min(len(options), rng.choice([1, 2, 3]))))
            values = [some, some, f"[{some}]", f"[{some},null]", some + "x"]
        elif sweep and rng.random() < 0.6:
            values = SWEEPS
        return f"{prefix}{key}={rng.choice(values)}"

    def _base(self, verb: str) -> list[str]:
        world, rng = self._world, self._rng
        if verb == "unlearn":
            method = rng.choice(option_names(conf_dir() / "method"))
            forget = rng.choice(["forget.class=1", "forget.sample=[1,2]", "forget.fraction=0.1", None])
            few = rng.choice(
                [[], ["metric=[retained_shift]"]]
            )  # half of the time of a line is composing twelve of them
            return world.unlearn(f"method={method}", *few, forget=forget)
        if verb == "train":
            return world.train("training.epochs=1")
        if verb == "evaluate":
            checkpoint = [*world.data, f"checkpoint.path={world.vae}", *world.judged, "forget.class=1"]
            return [verb, "evaluation.samples=60", *rng.choice([[f"run={self._run}"], checkpoint])]
        if verb == "audit":
            return [verb, f"run={self._run}"]
        if verb == "reproduce":
            return [verb, "preview=true", f"table={rng.choice(('digits', 'quickest'))}"]  # the small ones
        return [verb, f"runs={self._run}"] if verb == "report" else [verb, f"paths.output_dir={self._run.parent}"]


def _options() -> Iterator[tuple[str, list[str]]]:
    """``method=ascent`` -> the dotted keys of its options, for every choice of every group."""
    for path in sorted(conf_dir().glob("*/*.yaml")):
        first = path.read_text(encoding="utf-8").splitlines()[0]
        package = first.removeprefix("# @package ") if first.startswith("# @package") else path.parent.name
        keys = [f"{package}.{key}" for key in OmegaConf.load(path) if key != "defaults"]
        yield f"{path.parent.name}={path.stem}", keys if package != "_global_" else []


def _keys(verb: str, options: dict[str, list[str]]) -> Iterator[str]:
    """Dotted keys of a verb's settings and of the options of every choice of its groups."""
    folders.register_resolvers()
    yield from names(SETTINGS[verb])
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        yield from dotted(compose(verb))
    for group in defaults_of(verb, conf_dir()):
        yield from (key for word, keys in options.items() if word.startswith(f"{group}=") for key in keys)


def dotted(config: Any, prefix: str = "") -> Iterator[str]:
    """Names of all settings of a config, sections among them; what lies behind an interpolation is named there."""
    for key in config if isinstance(config, DictConfig) else ():
        yield f"{prefix}{key}"
        if not OmegaConf.is_interpolation(config, key) and not OmegaConf.is_missing(config, key):
            yield from dotted(config[key], f"{prefix}{key}.")
