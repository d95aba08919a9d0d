"""What ``gsu --help`` and ``gsu VERB --help`` print. A new verb is a new entry in `VERBS`; nothing else lists them."""

from __future__ import annotations

import os
import re
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

from gsu_cli.run.configs import USUAL
from gsu_cli.run.groups import defaults_of, option_names

NO_BREAK = "\u00a0"


@dataclass(frozen=True)
class Verb:
    """A verb: what it does in one line, examples as (line to type, what it does), and closing remarks."""

    summary: str
    examples: tuple[tuple[str, str], ...]
    notes: tuple[str, ...] = ()


VERBS = {
    "train": Verb(
        "fit a model on a dataset, or on what is left after forgetting",
        (
            ("gsu train dataset=mnist", "the default model on all of MNIST"),
            ("gsu train dataset=mnist forget.class=1", "the retrained reference: everything but the ones"),
            ("gsu train dataset=mnist model=judge_cnn training=judge", "a judge instead of a generator"),
            ("gsu train dataset=mnist resume=outputs/train/2026-01-31/12-00-00", "go on with a run that was stopped"),
            ("gsu train -m model.latent_dim=8,12 seed=0,1", "four models, one after the other"),
        ),
        ("Interrupt with Ctrl-C at any time: the last complete state is kept and can be resumed.",),
    ),
    "unlearn": Verb(
        "make a checkpoint forget, then measure, picture and record it",
        (
            ("gsu unlearn dataset=mnist forget.class=1", "forget the ones with the default method"),
            ("gsu unlearn dataset=mnist forget.class=[1,7]", "forget two classes at once"),
            ("gsu unlearn dataset=mnist forget.sample=[17,42]", "forget two training images"),
            ("gsu unlearn dataset=avatars forget.attribute=glasses", "forget an attribute of faces"),
            ("gsu unlearn dataset=mnist forget.class=1 method=ascent", "a baseline"),
            (
                "gsu unlearn dataset=mnist forget.class=1 method=ascent protocol.budget=0.01",
                "at the largest strength within a retain budget of 1 %; or curve=true",
            ),
            (
                "gsu unlearn -m dataset=mnist forget.class=1 method.budget=0.005,0.01,0.02",
                "a sweep, with a closing table",
            ),
        ),
        (
            "Exactly one of forget.class, forget.attribute, forget.sample, forget.fraction, forget.canary says what to "
            "forget.",
            "The checkpoint that ships for the dataset is used; checkpoint.path=FILE takes another.",
            "metric=[kid] measures that alone, 'metric=[]' nothing, judge=[knn] asks that judge alone.",
        ),
    ),
    "evaluate": Verb(
        "measure a checkpoint or an earlier run again",
        (
            ("gsu evaluate run=outputs/unlearn/2026-01-31/12-00-00", "an earlier run, with the same metrics"),
            ("gsu evaluate dataset=mnist forget.class=1 checkpoint.path=mine.safetensors", "any checkpoint"),
        ),
    ),
    "audit": Verb(
        "find out whether a run forgot, too little or too much",
        (
            ("gsu audit run=outputs/unlearn/2026-01-31/12-00-00", "the quick probes: minutes"),
            ("gsu audit run=outputs/unlearn/... audit=[percentile]", "one probe; `gsu show probes` lists them"),
            ("gsu audit run=outputs/unlearn/... references=4", "with four more retrained models, trained once"),
        ),
        ("Compares the original, the unlearned and the retrained model in both directions: gsu show docs/audit.md.",),
    ),
    "reproduce": Verb(
        "run the missing cells of a table, and render it",
        (
            (
                "gsu reproduce table=digits preview=true",
                "how many cells, how many done, how long the rest takes",
            ),
            ("gsu reproduce table=digits", "run what is missing; the same line goes on after a kill"),
            ("gsu reproduce table=paper table.seeds=[1] table.expect=[]", "a first look, one seed"),
        ),
        ("Cells lie in <output_dir>/reproduce/cells, named by what decides their numbers; tables share them.",),
    ),
    "report": Verb(
        "turn runs into tables and one HTML page",
        (
            ("gsu report", "all runs below outputs/: tables here, and a page with pictures"),
            ("gsu report runs=outputs/unlearn/sweeps/2026-01-31/12-00-00", "one sweep"),
            ("gsu report runs=[outputs,old/results.json] by=[method]", "several places; one row a method"),
            ("gsu report filter.forget=class_1 sort=feature_ratio.cnn", "some runs; what forgot most comes first"),
            (
                "gsu report format=[latex,pdf] output=paper",
                "tables and figures for a paper; or markdown, csv, json, svg",
            ),
        ),
        (
            "Rows are means over seeds with a 95 % interval; a failed run is counted and never averaged.",
            "The page is one file, needs no network and lists every run with the command that made it.",
        ),
    ),
    "show": Verb(
        "list datasets, methods, metrics, judges, probes, models, runs and pages",
        (
            ("gsu show", "everything, one line each"),
            ("gsu show methods", "one kind; or models, datasets, metrics, judges, probes, checkpoints"),
            ("gsu show fisher_surgery", "one choice: its settings, defaults and units"),
            ("gsu show docs", "pages of the docs; gsu show docs/concepts.md prints one"),
            ("gsu show runs last=50", "the latest 50 runs with what they found"),
            ("gsu show runs filter.method=ascent filter.status=failed", "some of them; or by dataset, forget, verb"),
            ("gsu show compare=[outputs/unlearn/A,outputs/unlearn/B]", "two runs, field by field"),
        ),
    ),
}

_OVERVIEW = """\
gsu: make a trained generative model forget, and measure whether it did.

Usage: gsu VERB [group=choice] [key=value] [flags]

Verbs:
{verbs}

Start here:
  gsu unlearn dataset=mnist forget.class=1
      forget the ones, with the weights that ship: a table and samples.png
  gsu show
      what there is to choose from

Go on:
  gsu help VERB                       examples and choices for one verb
  gsu VERB --cfg job                  every setting and its value, no run
  gsu VERB -m key=1,2,3               a sweep
  eval "$(gsu --completion bash)"     tab completion here (or: zsh, fish)
  gsu --version
"""

_FLAGS = """\
Flags:
  --cfg job         print every setting and its value, and stop
  -m, --multirun    sweep: run once for each of key=1,2,3 (hydra/launcher=joblib uses all cores)
  --info, --hydra-help    more from Hydra, which reads all after the verb
"""


def overview() -> str:
    """The page of ``gsu --help``."""
    width = max(map(len, VERBS)) + 2
    verbs = [f"  {name:<{width}}{verb.summary}" for name, verb in VERBS.items()]
    return _narrowed(_OVERVIEW.format(verbs="\n".join(verbs)))


def _narrowed(text: str) -> str:
    """The lines that are longer than the terminal, broken; what is to be typed stays whole, to be copied."""
    found = []
    for line in text.splitlines():
        indent = len(line) - len(line.lstrip())
        head, gap, meaning = [*re.split(r"(?<=\S)( {2,})", line, maxsplit=1), "", ""][:3]
        if len(line) < _columns() or (indent == 2 and not gap):
            found.append(line)
        elif not gap:
            found += _wrapped(line.strip(), " " * indent, " " * indent)
        elif len(head + gap) < _columns() // 2:
            found += _wrapped(meaning, head + gap, " " * len(head + gap))
        else:
            found += [head, *_wrapped(meaning, " " * 6, " " * 6)]
    return "\n".join(found) + "\n"


def page(name: str, conf_dir: Path) -> str:
    """The page of ``gsu NAME --help``: examples, then the choices found in the folder of configs."""
    verb = VERBS[name]
    chosen = choices(name, conf_dir)
    lines = [
        f"gsu {name}: {verb.summary}.",
        "",
        f"Usage: gsu {name} {'[group=choice] ' if chosen else ''}[key=value] [flags]",
        "",
        "Examples:",
    ]
    for typed, meaning in verb.examples:
        lines += [f"  {typed}", f"      {meaning}"]
    if chosen:
        lines += ["", "Choices (the default is marked *):"]
        width = max(map(len, chosen)) + 1
        for group, options in chosen.items():
            whole = f"{NO_BREAK}| ".join(options)  # a line ends with the sign, none begins with it
            lines += [
                line.replace(NO_BREAK, " ") for line in _wrapped(whole, f"  {group + '=':<{width}} ", " " * (width + 3))
            ]
    if verb.notes:
        lines += ["", *(line for remark in verb.notes for line in _wrapped(remark))]
    return _narrowed("\n".join([*lines, "", _FLAGS]))


def _wrapped(text: str, first: str = "", later: str = "") -> list[str]:
    """``text`` in lines as wide as the terminal."""
    return textwrap.wrap(
        text,
        max(_columns() - 1, 40),
        initial_indent=first,
        subsequent_indent=later,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _columns() -> int:
    """Of the terminal. `shutil` knows, too, and imports every packer of files."""
    typed = os.environ.get("COLUMNS", "")
    if typed.isdigit() and int(typed):
        return int(typed)
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or 80  # type: ignore[union-attr]
    except (AttributeError, ValueError, OSError):  # no terminal
        return 80


def choices(name: str, conf_dir: Path) -> dict[str, list[str]]:
    """Group -> options, for the groups in the defaults list of a verb; the default ends in ``*``.

    Reads lines and file names only: a YAML parser would cost more time than the rest of the page.
    """
    found: dict[str, list[str]] = {}
    for group, default in defaults_of(name, conf_dir).items():
        options = option_names(conf_dir / group)
        if len(options) > 1 or (options and default == "???"):
            # one, or a [list, of, them], or ${gsu.usual:group,${oc.select:dataset,null}}
            defaults = [USUAL[group][""]] if "gsu.usual" in default else re.findall(r"[\w.-]+", default)
            found[group] = [f"{option}*" if option in defaults else option for option in options]
    return found
