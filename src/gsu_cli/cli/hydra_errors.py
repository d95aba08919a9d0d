"""Hydra's and OmegaConf's complaints, retold as one sentence: rule, value, way out.

Their messages are several lines long and speak of structs, defaults lists and search paths. What cannot be recognised
here is passed on as Hydra's own words on one line.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Callable
from traceback import walk_tb

import yaml  # type: ignore[import-untyped]  # no stubs among our dependencies
from hydra.errors import (
    ConfigCompositionException,
    HydraException,
    InstantiationException,
    MissingConfigException,
    OverrideParseException,
)
from omegaconf.errors import (
    ConfigAttributeError,
    ConfigKeyError,
    InterpolationResolutionError,
    MissingMandatoryValue,
    OmegaConfBaseException,
)

from gsu_cli.cli.app import App
from gsu_cli.cli.common_words import in_other_words
from gsu_cli.cli.suggestions import (
    groups_of_settings,
    known_keys,
    left_out_choice,
    left_out_of_the_table,
    of_another_group,
    of_other_choices,
    of_other_verbs,
    option_of,
    own_config,
    parts_of,
    suggest_key,
    takes_list,
)
from gsu_cli.errors import UsageError, did_you_mean, renamed
from gsu_cli.run.groups import option_names


def as_usage_error(error: Exception, app: App) -> UsageError | None:
    """The sentence for a mistake in the line or in a config file; None if `error` is something else."""
    if isinstance(error, MissingConfigException):
        return _missing_config(error, app)
    if isinstance(error, OverrideParseException):
        return _unreadable(error, app)
    if isinstance(error, InstantiationException) and (usage := _instantiation(error)) is not None:
        return usage
    if isinstance(error, MissingMandatoryValue) or isinstance(error.__cause__, MissingMandatoryValue):
        return _missing_value(error)
    if isinstance(error, (HydraException, yaml.YAMLError)) and not isinstance(error, InstantiationException):
        return _composition(error, app)
    # a key that the code asks for and no config has is our mistake, not one of the line typed
    if isinstance(error, OmegaConfBaseException) and not isinstance(error, (ConfigAttributeError, ConfigKeyError)):
        if isinstance(error, InterpolationResolutionError) and isinstance(error.__cause__, OSError):
            return None
        return UsageError("every setting must have a value that fits", found=_flat(str(error)))
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
        return None  # of the disk, where Hydra keeps the line
    if _within_hydra(error):
        params = next((word for word in app.overrides if word.lstrip("+").startswith("hydra.sweeper.params")), None)
        if params is not None:  # Hydra cannot set them from a line
            way_out = "Type -m KEY=1,2 itself."
            return UsageError("hydra.sweeper.params must be set in an experiment file", found=params, way_out=way_out)
        return UsageError("the line and the configs must fit together", found=_flat(str(error)) or type(error).__name__)
    return None


WORDS = "every word after the verb must read key=value"
PARSERS = ("hydra", "omegaconf", "antlr4")  # packages that read the line and the configs


def _within_hydra(error: Exception) -> bool:
    """Whether Hydra stumbled over the line before any verb began: it checks few of the types that it is given."""
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    modules = [str(frame.f_globals.get("__name__", "")) for frame in frames]
    begun = ("gsu_cli.cli.job", "__call__") in zip(modules, (frame.f_code.co_name for frame in frames), strict=True)
    tops = [module.partition(".")[0] for module in modules]
    ends_in = next(
        (top for top in reversed(tops) if top in ("gsu_cli", *PARSERS)), ""
    )  # perhaps in logging, by its hand
    return not begun and ends_in in PARSERS


EXTRAS = {
    "joblib": "joblib",
    "submitit_local": "submitit",
    "submitit_slurm": "submitit",
    "ray": "ray",
    "optuna": "optuna",
}


def _missing_config(error: MissingConfigException, app: App) -> UsageError:
    group, _, choice = str(error.missing_cfg_file or "").rpartition("/")
    own = option_names(app.conf_dir / group) if (app.conf_dir / group).is_dir() else ()
    listed = own if own and set(error.options or ()) <= set(own) else error.options or own  # Hydra lists no folders
    options = sorted(option for option in listed if not option.startswith("_"))
    if group.startswith("hydra/") and choice in EXTRAS:
        way_out = f"Type pip install 'gsu-cli[{EXTRAS[choice]}]'"
        return UsageError(f"`{group}={choice}` needs a package that is optional", found="none", way_out=way_out)
    if group and options:
        rule = f"`{group}` must be one of {', '.join(options)}"
        near = own_config(choice, group) or did_you_mean(choice, options) + of_another_group(choice, group, app)
        return UsageError(rule, found=choice, way_out=near)
    return UsageError("every config that is named must exist", found=error.missing_cfg_file or _flat(str(error)))


def _unreadable(error: OverrideParseException, app: App) -> UsageError:
    word = str(error.override)
    if word == "help":
        return UsageError(WORDS, found=word, way_out=f"Type gsu help {app.verb}")
    if re.fullmatch(r"[\w.-]+", word):
        groups, keys = option_of(word, app), known_keys(app)
        if word in keys:
            after = [*app.overrides, ""][[*app.overrides, word].index(word) + 1]
            value = after if re.fullmatch(r"[\w.-]+", after) and after not in keys else "VALUE"
            way_out = f"Type {word}={value}" if not groups_of_settings([word], keys, app) else parts_of(word, keys)
            return UsageError(WORDS, found=word, way_out=way_out)
        with_value = sorted(set(keys) - set(groups_of_settings(keys, keys, app)))
        near = in_other_words(word, keys, app) or suggest_key(word, with_value, "=...")
        way_out = f"Did you mean {groups[0] + '=' + word!r}? " if groups else near
        return UsageError(WORDS, found=word, way_out=way_out)
    key, sign, value = word.partition("=")
    if not sign or not key or any(mark in value for mark in "'\""):
        key, value = "key", "value"
    return UsageError(
        WORDS, found=word, way_out=f"""Put a value with special characters in quotes twice: '{key}="{value}"'"""
    )


def _instantiation(error: InstantiationException) -> UsageError | None:
    text = str(error)
    key = re.search(r"full_key: (\S+)", text)
    if "Error locating target" in text:
        target = re.search(r"Error locating target '([^']*)'", text)
        rule = f"`{key[1] + '.' if key else ''}_target_` must be a class that can be imported"
        return UsageError(rule, found=target[1] if target else None)
    argument = re.search(r"unexpected keyword argument '\w+'|missing \d+ required [\w-]+ arguments?: [^\"\n]*", text)
    if isinstance(error.__cause__, TypeError) and argument:
        rule = f"{f'`{key[1]}`' if key else 'a config'} must hold the arguments of its class"
        return UsageError(rule, found=argument[0].rstrip(")"))
    return None


def _missing_value(error: Exception) -> UsageError:
    text = f"{error} {error.__cause__ or ''}"
    key = re.search(r"full_key: (\S+)", text) or re.search(r"[Mm]issing mandatory value: (\S+)", text)
    name = key[1] if key else "a setting"
    return UsageError(f"`{name}` must be given", way_out=f"Type {name}=VALUE.")


_Retelling = Callable[[re.Match[str], App], UsageError]


def _unknown_key(match: re.Match[str], app: App) -> UsageError:
    name, at, _ = match[1].partition("@")
    if at and (app.conf_dir / name).is_dir():
        way_out = f"Type {name}={'[CHOICE,CHOICE]' if takes_list(name, app) else 'CHOICE'}"
        return UsageError("a choice must stand where its group does", found=match[1], way_out=way_out)
    group = name.partition(".")[0]
    for word in app.overrides:
        if word in (f"~{group}", f"{group}=null", f"{group}=[]") and name != group:
            return UsageError(f"`{name}` needs a choice of `{group}`", found=word, way_out="Leave out one of the two.")
        if word.startswith(f"~{name}="):
            return UsageError(f"~{name}= must name what stands there", found=word, way_out=f"Type ~{name} alone.")
        if word == f"~{name}" and name in known_keys(app):  # Hydra takes no null away
            return UsageError(f"`{name}` must stay among the settings", found=word, way_out="Leave that word out.")
    keys = known_keys(app)
    if (left_out := left_out_choice(name, keys, app)) is not None:
        return left_out
    known = name in keys or renamed(name) in keys
    common = "" if known else in_other_words(name, keys, app)
    elsewhere = "" if known else common or of_other_verbs(name, app) or of_other_choices(name, app)
    near = (not known and left_out_of_the_table(name)) or elsewhere or suggest_key(name, keys)
    way_out = f"{near}See every setting with `gsu {app.verb} --cfg job`."
    return UsageError(f"a setting must be one that `gsu {app.verb}` has", found=name, way_out=way_out)


def _unchosen_group(match: re.Match[str], app: App) -> UsageError:
    return UsageError(f"`{match[1]}` must be given", way_out=f"Choose one of {', '.join(match[2].split())}.")


def _ambiguous(match: re.Match[str], app: App) -> UsageError:
    key, _, value = match[1].partition("=")
    way_out = "Add -m to sweep over them" + (f", or write {key}=[{value}] for a list." if takes_list(key, app) else ".")
    return UsageError(f"`{key}` must be one value unless the line is a sweep", found=value, way_out=way_out)


def _sweep_only(match: re.Match[str], app: App) -> UsageError:
    return UsageError("a sweep over values must be asked for", found=match[1], way_out="Add -m to the line.")


def _appended(match: re.Match[str], app: App) -> UsageError:
    return UsageError(
        "+ must only add a setting that is not there yet", found=f"+{match[1]}", way_out="Leave out the +."
    )


def _unmergeable(match: re.Match[str], app: App) -> UsageError:
    key, _, value = match[1].partition("=")
    stays, kind = ("a group of settings", "KEY=VALUE") if not match[2].endswith("ListConfig") else ("a list", "")
    way_out = f"Type {key}.{kind}" if kind else f"Type {key}=[{value}]"
    return UsageError(f"`{key}` must stay {stays}", found=value, way_out=way_out)


def _no_null(match: re.Match[str], app: App) -> UsageError:
    return UsageError(f"`{match[1]}` must have a value", found="null", way_out="Leave it out")


_RETOLD: tuple[tuple[str, _Retelling], ...] = (
    (r"Could not override '([^']+)'", _unknown_key),
    (r"Override (\S+?)=\S* looks like a config group override", _unknown_key),
    (r"Could not delete (?:from config\. )?'([^'=]+)", _unknown_key),
    (r"You must specify '([^']+)'[\s\S]*Available options:\s*([\s\S]*)", _unchosen_group),
    (r"Ambiguous value for argument '([^']+)'", _ambiguous),
    (r"Sweep parameters '([^']+)' requires --multirun", _sweep_only),
    (r"Error merging override (\S+=.*)[\s\S]*(Cannot merge \w+|is not a subclass)", _unmergeable),
    (r"Error merging override (\S+?)=null\s+field '\S+' is not Optional", _no_null),
    (r"Could not append to config. An item is already at '([^']+)'", _appended),
)


def _composition(error: Exception, app: App) -> UsageError:
    text = "\n".join(map(str, filter(None, (error, error.__cause__))))
    for pattern, retell in _RETOLD:
        match = re.search(pattern, text)
        if match:
            return retell(match, app)
    cause = (
        f": {_flat(str(error.__cause__))}" if isinstance(error, ConfigCompositionException) and error.__cause__ else ""
    )
    return UsageError("the line and the configs must fit together", found=_flat(str(error)) + cause)


def _flat(text: str) -> str:
    """One line, without OmegaConf's notes on object types."""
    lines = [line.strip() for line in text.splitlines()]
    return ", ".join(
        line for line in lines if line and not line.startswith(("object_type", "reference_type", "Config search"))
    ).rstrip(".")
