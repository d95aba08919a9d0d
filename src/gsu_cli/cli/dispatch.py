"""The line a person types: ``gsu VERB [group=choice] [key=value] [flags]``.

The verb is the name of a root config; it is taken off the line and everything after it is Hydra's. Only the standard
library is imported before it is clear that Hydra is needed: ``gsu --help`` answers at once.
"""

from __future__ import annotations

import glob
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from gsu_cli import __version__
from gsu_cli.cli import pages, streams, torchrun
from gsu_cli.cli.app import App
from gsu_cli.cli.collector import resting
from gsu_cli.cli.torch_early import load_early
from gsu_cli.errors import NotApplicableError, UsageError, did_you_mean, is_interrupt, note_signal

INTERRUPTED = 130  # 128 + SIGINT, as shells report it
SINGLE_WORDS = ("help", "--help", "--version", "--completion")


def run(argv: Sequence[str] | None = None, app: App | None = None) -> int:
    """What `cli.main` is, once its parts are imported."""
    streams.stand_in_for_closed_streams()
    streams.write_what_there_is_a_letter_for()
    torchrun.hush()
    app = app or App()
    full = "1" in (os.environ.get("GSU_FULL_ERROR"), os.environ.get("HYDRA_FULL_ERROR"))
    app = replace(app, full_error=app.full_error or full)
    before = _end_on_signals()
    try:
        return _flushed(_dispatch(list(sys.argv[1:] if argv is None else argv), app), app)
    except SystemExit as end:  # Hydra ends `--hydra-help` so
        return end.code if isinstance(end.code, int) else 0
    except BrokenPipeError:
        return streams.leave_closed_pipe()
    except KeyboardInterrupt:
        with suppress(OSError):  # the terminal may be closed
            print(f"gsu: interrupted.{_whereabouts()}", file=sys.stderr)
        return INTERRUPTED
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _flushed(code: int, app: App) -> int:
    """The exit code once standard output took everything: a closed pipe and a full disk show here, not in Python."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        from gsu_cli.cli.error_messages import complain

        code = code or complain(error, app)  # else what went wrong was said
        streams.leave(1)
    return code


def _end_on_signals() -> dict[signal.Signals, Any]:
    """Lets a batch system's SIGTERM and a closed terminal end the run as Ctrl-C does, so that its record says so.

    All are noted, as a library may swallow the exception. A signal that is ignored stays so. Returns what was set.
    """
    note_signal(None)
    usual: dict[signal.Signals, Any] = {
        signal.SIGTERM: signal.SIG_DFL, signal.SIGHUP: signal.SIG_DFL, signal.SIGINT: signal.default_int_handler,
    }  # fmt: skip
    here = {number: handler for number, handler in usual.items() if signal.getsignal(number) is handler}

    def end(number: int, *_: object) -> None:
        note_signal(number)
        raise KeyboardInterrupt

    try:
        for number in here:
            signal.signal(number, end)
    except ValueError:  # only the main thread may
        return {}
    return here


def _dispatch(words: list[str], app: App) -> int:
    try:
        first, rest = (words[0], words[1:]) if words else ("--help", [])
        if first in ("-h", "--help") or (first == "help" and not rest):
            print(pages.overview(), end="")
        elif first == "--version":
            print(_versions())
        elif first == "--completion":
            from gsu_cli.cli import completion

            print(completion.script(rest), end="")
        elif first == "--complete":
            from gsu_cli.cli import completion

            print("".join(f"{answer}\n" for answer in completion.answers(rest[0] if rest else "", app)), end="")
        elif first == "help":
            print(pages.page(_explained(rest[0], app), app.conf_dir), end="")
        else:
            with resting():
                return _run(replace(app, verb=_verb(first)), _topic(rest) if first == "show" else rest)
    except BrokenPipeError:
        raise
    except Exception as error:  # the one place where exceptions become exit codes
        if is_interrupt(error):
            raise KeyboardInterrupt from error
        from gsu_cli.cli.error_messages import complain  # help does without

        return complain(error, app)
    return 0


def _run(app: App, words: list[str]) -> int:
    from gsu_cli.cli import preconditions
    from gsu_cli.cli.flags import arrange
    from gsu_cli.cli.own_class import replaced

    try:
        preconditions.check(words)
        line = arrange(words)
        line = replace(line, overrides=replaced(line.overrides))
        if line.has("--help"):
            print(pages.page(app.verb, app.conf_dir), end="")
            return 0
        if line.has("--version"):
            print(_versions())
            return 0
        app = replace(app, overrides=line.overrides)
        load_early(app.verb, line.words)

        from gsu_cli.cli.job import run_verb
        from gsu_cli.cli.wording import reworded

        line = replace(line, overrides=reworded(line.overrides, app))

        if torchrun.share(app.verb, line.words):
            with torchrun.together(), torchrun.folder_of_its_own(line.words) as own:
                run_verb(app, own)
        elif not torchrun.index():
            run_verb(app, line.words)
    except BrokenPipeError:
        raise
    except Exception as error:  # as above; `app` now knows the verb and can suggest its keys
        if is_interrupt(error):
            raise KeyboardInterrupt from error
        from gsu_cli.cli.error_messages import DEFECT, complain

        code = complain(_with_others(error), app)
        if code != DEFECT:
            # that a method does not apply is a result, which tables show
            _discard_folder(typed=code == UsageError.exit_code and not isinstance(error, NotApplicableError))
        return code
    return 0


def _with_others(error: Exception) -> Exception:
    """With the methods that run on the model, where the one that was typed does not."""
    if not isinstance(error, NotApplicableError) or error.model is None:
        return error
    from gsu_cli.verbs.applicable import methods_for

    names = ", ".join(methods_for(error.model))
    way_out = f"On it run {names}; see `gsu show docs/families.md`"
    return NotApplicableError(error.rule, found=error.found, way_out=way_out) if names else error


MEANT = {
    **{topic: f"show {topic}" for topic in ("runs", "docs", "datasets", "methods", "metrics", "judges", "models")},
    **dict.fromkeys(("list", "ls", "catalogue"), "show"),
    **dict.fromkeys(("forget", "erase", "remove"), "unlearn forget.class=1"),
    "curve": "unlearn forget.class=1 curve=true",
    "compare": "show compare=[FOLDER,FOLDER]",
    "resume": "train resume=FOLDER",
    "retrain": "train forget.class=1",
    "sweep": "unlearn -m forget.class=1,2,3",
}
"""What people type in the place of a verb that is a topic, a setting or another word for a verb: the line they mean."""


def _verb(word: str) -> str:
    if word in pages.VERBS:
        return word
    near = did_you_mean(word, (*pages.VERBS, *SINGLE_WORDS))
    way_out = near + "See `gsu --help`."
    if word in MEANT:
        way_out = f"Type gsu {MEANT[word]}"
    elif not near and (word.startswith("-") or "=" in word):
        way_out = f"Put the verb before it: gsu VERB {word}"
    raise UsageError(f"the first word must be one of {', '.join(pages.VERBS)}", found=word, way_out=way_out)


def _explained(word: str, app: App) -> str:
    """A verb behind ``help``; of a choice, such as ``folder``, it is another command that knows more."""
    if word not in pages.VERBS and any(app.conf_dir.glob(f"*/{glob.escape(word)}.yaml")):
        raise UsageError("the word after help must be a verb", found=word, way_out=f"Type gsu show {word}")
    return _verb(word)


def _topic(words: list[str]) -> list[str]:
    """``gsu show runs`` is ``gsu show what=runs``: a bare first word of `show`, or a link of a page, is its topic."""
    first = words[0] if words else ""
    if ".md" in first:
        first = first.lstrip("./").partition("#")[0]
    if "=" not in first and first[:1].isalnum():
        return [f"what={first}", *words[1:]]
    return words


ANEW = "Typed again, a sweep begins anew; a table goes on (`gsu show docs/reproduce.md`)."


def _versions() -> str:
    from importlib.metadata import PackageNotFoundError, version

    parts = [f"Python {sys.version.split()[0]}"]
    for name in ("torch", "hydra-core"):
        try:
            parts.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            parts.append(f"no {name}")
    return f"gsu {__version__} ({', '.join(parts)})"


def _whereabouts() -> str:
    """Where the interrupted run was writing. Looks for modules among those loaded: an interrupt imports nothing.

    A folder that holds no record yet is taken away: the same line can be typed again.
    """
    folders, refusals = (sys.modules.get(f"gsu_cli.run.{name}") for name in ("folders", "refusals"))
    claimed = folders.last_claim() if folders is not None else None
    if claimed is None:
        return ""
    if refusals is not None and refusals.discard_if_unused(claimed):
        return " Nothing was written."
    said = f" What was finished is in {claimed.path}."
    return f"{said} {ANEW}" if claimed.is_sweep else said


def _discard_folder(*, typed: bool) -> None:
    """Takes away what a refused line left; ``typed``: it was, for what was typed."""
    folders = sys.modules.get("gsu_cli.run.folders")
    claimed = folders.last_claim() if folders is not None else None
    if claimed is not None:
        from gsu_cli.run.refusals import discard_if_unused, is_refused

        discard_if_unused(claimed, refused=typed or is_refused(claimed.path))
