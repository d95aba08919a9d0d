"""What a user can do wrong, as exceptions with one template: rule; found value; way out.

A verb raises one of these; only the dispatcher in ``cli.py`` turns it into a sentence and an exit code.
Everything else that escapes is a defect of gsu and keeps its traceback.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path


class GsuError(Exception):
    """A failure that the user can mend.

    Args:
        rule: what must hold, naming the key in backticks ("`forget.class` must be one of 0..9 for mnist").
        found: the value that broke it; omitted from the sentence when None, quotes where it is empty.
        way_out: what to type or do instead; may be empty.
    """

    exit_code = 1

    def __init__(self, rule: str, *, found: object = None, way_out: str = "") -> None:
        self.rule, self.found, self.way_out = rule, found, way_out
        super().__init__(rule, found, way_out)

    def __str__(self) -> str:
        found = "''" if self.found == "" else self.found  # nothing was typed after the sign, and the sentence says so
        text = self.rule if found is None else f"{self.rule}; found {found}"
        inner = " " in str(found) and text.endswith((".", "?", "!"))  # a sentence of its own, which has ended
        whole = text if inner else f"{text}."
        return f"{whole} {_ended(self.way_out)}" if self.way_out else whole

    def __reduce__(self) -> tuple[object, ...]:
        # launchers send exceptions between processes; keyword-only arguments need help to survive that
        return (_rebuild, (type(self), self.rule, self.found, self.way_out))


def _ended(text: str) -> str:
    """A sentence with its full stop, but for one whose last word is to be typed or copied.

    >>> _ended("See `gsu show runs`"), _ended("Type dataset.path=data/pets.")
    ('See `gsu show runs`.', 'Type dataset.path=data/pets')
    """
    plain = text.strip().removesuffix(".")
    *_, last = plain.split() or [""]
    typed = not last.endswith("`") and any(sign in last for sign in "=[{'~")
    return plain if typed or plain.endswith(("?", "!")) else f"{plain}."


def _rebuild(kind: type[GsuError], rule: str, found: object, way_out: str) -> GsuError:
    return kind(rule, found=found, way_out=way_out)


class UsageError(GsuError):
    """The line typed or the config it composes is wrong."""

    exit_code = 2


class NotApplicableError(UsageError):
    """A method does not apply to the family of the model: tables say n/a, not failed.

    ``model`` is set where another method may run on it, so that a line's last sentence can name those.
    """

    model: object = None


class LineError(UsageError):
    """A line that gsu composes itself, of a table, does not compose.

    ``words`` are of it and ``verb`` is its own, so that what Hydra says can be told as of a line that was typed.
    """

    words: tuple[str, ...] = ()
    verb: str = ""


class DataError(GsuError):
    """A data set is missing, damaged or of the wrong shape."""


class CheckpointError(GsuError):
    """Weights are missing, damaged, foreign or of another shape."""


class NonFiniteError(GsuError):
    """A loss, gradient or weight became nan or infinite."""


class OutputError(GsuError):
    """Results cannot be written."""


ALLOWED = "gsu must be allowed to use every file and folder it is given"


def unreadable(path: object, error: OSError, kind: type[GsuError] = GsuError, *, way_out: str = "") -> GsuError:
    """For a file that the system does not give: what is in it nobody knows, so nothing is said of that.

    Args:
        path: of the file.
        error: that came instead of its content.
        kind: of the failure.
        way_out: where it is no matter of permission.

    >>> print(unreadable("a.csv", PermissionError(13, "Permission denied")))
    gsu must be allowed to use every file and folder it is given; found a.csv (Permission denied). \
Give it the permission or choose another one.
    """
    if isinstance(error, PermissionError):
        found = f"{path} ({os.strerror(error.errno or errno.EACCES)})"
        return kind(ALLOWED, found=found, way_out="Give it the permission or choose another one")
    return kind(f"{path} must be readable", found=error.strerror or str(error), way_out=way_out)


class ProcessError(GsuError):
    """Of several processes that compute together one has ended, or came to other results."""

    @classmethod
    def of_a_lost_one(cls, why: str) -> ProcessError:
        """For a process that waits for one that has gone; ``why`` is what tells so."""
        return cls("all processes must live until the work is done", found=f"one that ended ({why.splitlines()[0]})")


_signals: list[int] = []  # that asked this process to end


def note_signal(number: int | None) -> None:
    """A signal has asked this process to end; None: a new line begins, of which none has."""
    _signals[:] = [] if number is None else [number]


def is_interrupt(error: BaseException) -> bool:
    """Whether Ctrl-C is behind it: what a library does on its way out may fail in turn and hide the interrupt.

    Some swallow it whole (numpy's import does), and then fail of that: where a signal has come, it is the reason.

    >>> try:
    ...     try:
    ...         raise KeyboardInterrupt
    ...     finally:
    ...         {}["open file"]
    ... except KeyError as error:
    ...     is_interrupt(error), is_interrupt(KeyError())
    (True, False)
    """
    if _signals:
        return True
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        if isinstance(link, KeyboardInterrupt):
            return True
        seen.add(id(link))
        link = link.__cause__ or link.__context__
    return False


FORMER = {
    "neg_elbo_retain": "heldout_loss_retain", "neg_elbo_forget": "heldout_loss_forget",
    "neg_elbo_drawn": "sample_nll_retrained", "identity": "retained_shift", "identity_distance": "retained_shift",
    "identity_distance_features": "retained_shift_features", "twin": "retrained", "corrected": "ekfac",
    "thin": "subset", "beside": "references", "levels": "absolute", "rise": "relative_increase",
    "knob": "strength", "gauge": "retain_cost", "draws": "repeats", "sd": "sigma", "widths": "channels",
    "conv_vae": "faces",
}  # fmt: skip
"""Names of earlier versions of keys, metrics and choices: a refusal says the new one."""


def renamed(word: str) -> str:
    """The name of today of a name of earlier versions, part by part; the name itself where it is no such one.

    >>> renamed("checkpoint.twin"), renamed("neg_elbo_retain.cnn"), renamed("method.lr")
    ('checkpoint.retrained', 'heldout_loss_retain.cnn', 'method.lr')
    """
    return ".".join(FORMER.get(part, part) for part in word.split("."))


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """``"Did you mean 'x'? "`` for the nearest choice, or the empty string; of a former name what it is called now.

    >>> did_you_mean("unlern", ["train", "unlearn"])
    "Did you mean 'unlearn'? "
    >>> did_you_mean("checkpoint.twin", ["checkpoint.name", "checkpoint.retrained"])
    "It is called 'checkpoint.retrained' now. "
    >>> did_you_mean("MNIST", ["cifar", "mnist"])
    "Did you mean 'mnist'? "
    >>> did_you_mean("md", ["markdown", "csv"]), did_you_mean("tex", ["latex", "csv"])
    ("Did you mean 'markdown'? ", "Did you mean 'latex'? ")
    >>> did_you_mean("fisher", ["finetune", "fisher_scrub", "fisher_surgery"])
    "Did you mean 'fisher_scrub' or 'fisher_surgery'? "
    >>> did_you_mean("retain_loss", ["heldout_loss_forget", "heldout_loss_retain", "retained_shift"])
    "Did you mean 'heldout_loss_retain'? "
    """
    choices, now = list(choices), renamed(str(word))
    if now != str(word) and now in choices:
        return f"It is called {now!r} now. "
    from difflib import get_close_matches  # help does without

    small = {choice.lower(): choice for choice in choices}  # MNIST is mnist
    near = get_close_matches(str(word), choices, n=1, cutoff=0.8) or _of_parts(str(word).lower(), small)
    near = near or get_close_matches(str(word), choices, n=1, cutoff=0.6)
    near = near or [small[found] for found in get_close_matches(str(word).lower(), small, n=1, cutoff=0.6)]
    near = near or _abbreviated(str(word).lower(), small)
    begun = [small[name] for name in small if name.startswith(f"{word}_".lower())]
    if 1 < len(begun) <= 3:  # a first word says nothing of the second: the shortest would be named
        near = begun
    return f"Did you mean {' or '.join(map(repr, near))}? " if near else ""


def _of_parts(word: str, choices: Mapping[str, str]) -> list[str]:
    """The choices whose words are those of ``word`` and more, in any order, where they are three at most.

    >>> _of_parts("ratio", {"feature_ratio": "feature_ratio", "gained": "gained"})
    ['feature_ratio']
    """
    parts = set(word.split("_"))
    found = [choices[choice] for choice in choices if parts <= set(choice.split("_"))]
    return found if word and len(found) <= 3 else []


def near_path(path: Path) -> str:
    """``"Did you mean 'data/pets'? "`` for what lies beside a path that is not there, or the empty string.

    Of a link whose file was moved it says where the link leads: the nearest name there is the link's own. A device
    or a pipe is not near itself.

    >>> near_path(Path("no_such_folder/x"))
    ''
    """
    if path.is_symlink() and not path.exists():
        return f"Put back what the link leads to, {str(path.readlink())!r}. "
    try:
        beside = [entry.name for entry in islice(path.parent.iterdir(), 1000)]  # of a folder of images not all
    except OSError:
        return ""
    beside = [name for name in beside if name != path.name]
    from difflib import get_close_matches

    near = (path.parent / name for name in get_close_matches(path.name, beside, cutoff=0.7))
    there = next((str(found) for found in near if found.exists()), "")
    return f"Did you mean {there!r}? " if there else ""


def _abbreviated(word: str, choices: Mapping[str, str]) -> list[str]:
    """The only choice that begins with the word, or holds it, or has its consonants in order: md is markdown.

    >>> _abbreviated("d", {"dog": "dog"}), _abbreviated("sgd", {"sfr_on": "sfr_on", "salun": "salun"})
    ([], [])
    """
    if len(word) < 2 or not word.isalnum():
        return []
    shortened = re.compile(re.escape(word[0]) + "".join(f".*{re.escape(letter)}" for letter in word[1:]))
    for fits in (str.startswith, str.__contains__, lambda choice, _: shortened.match(choice)):
        near = [choices[choice] for choice in choices if fits(choice, word)]
        if near:
            return near if len(near) == 1 else []
    return []
