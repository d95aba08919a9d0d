"""Words for lines that messages propose: they run as printed, from the folder where the present line was typed."""

from __future__ import annotations

import re
import shlex
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from gsu_cli.run.configs import conf_dir
from gsu_cli.verbs.line_keys import planted

PLAIN = re.compile(r"[A-Za-z_./-][\w./-]*")  # what Hydra reads as it stands; a number would become one
WORDS = {"null", "true", "false", "inf", "nan", "yes", "no", "on", "off"}


def word(key: str, value: Any) -> str:
    """``key=value`` as it is typed in a shell, whatever the value.

    >>> print(word("dataset.path", "data/my digits"), word("dataset.classes", [1, "a b"]), word("dataset.size", None))
    'dataset.path="data/my digits"' 'dataset.classes=[1,"a b"]' dataset.size=null
    """
    return shlex.quote(f"{key}={_value(value)}")


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{','.join(_value(v) for v in value)}]"
    if isinstance(value, dict):
        return f"{{{','.join(f'{k}:{_value(v)}' for k, v in value.items())}}}"
    if isinstance(value, str):
        if PLAIN.fullmatch(value) and value.lower() not in WORDS:
            return value
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)


def dataset_words(cfg: DictConfig) -> str:
    """What chooses the data set of a config: the name of its yaml, and every option that differs from it."""
    values: dict[str, Any] = {str(k): v for k, v in dict(OmegaConf.to_container(cfg, resolve=True)).items()}  # type: ignore[arg-type]
    target = values.pop("_target_", None)
    paths = OmegaConf.load(conf_dir() / "paths" / "default.yaml")
    for path in sorted((conf_dir() / "dataset").glob("*.yaml")):
        if str(target) not in path.read_text(encoding="utf-8"):  # parsing all of them took longer than the words
            continue
        usual: Any = OmegaConf.merge(OmegaConf.load(conf_dir() / "_canaries.yaml"), OmegaConf.load(path))
        if usual.get("_target_") == target:
            other = {k: v for k, v in values.items() if _usually(usual, k, paths) != v}
            return " ".join([f"dataset={path.stem}", *(word(f"dataset.{k}", v) for k, v in other.items())])
    return " ".join([f"dataset._target_={target}", *(word(f"dataset.{k}", v) for k, v in planted(values).items())])


def _usually(usual: Any, key: str, paths: Any) -> Any:
    """An option's value where nothing is typed; paths below the default folders included."""
    if key not in usual:
        return NotImplemented
    found = OmegaConf.create({"paths": paths, "dataset": {key: OmegaConf.to_container(usual)[key]}})  # type: ignore[index, call-overload]
    try:
        whole = OmegaConf.to_container(found.dataset, resolve=True)
    except (OmegaConfBaseException, KeyError):
        return NotImplemented
    return whole[key]  # type: ignore[index, call-overload]
