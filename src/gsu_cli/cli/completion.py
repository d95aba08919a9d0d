"""Tab completion: verbs and flags from here, everything else from Hydra, which must not see the verb.

Hydra completes the line of a program that takes overrides at once. Cutting the verb out of the line before asking it
is all that is needed. Its stock script also takes ``=`` out of the shell's word breaks, for every command; ours leaves
them alone and hands back only what follows the last break.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout

from gsu_cli.cli.app import App
from gsu_cli.cli.flags import FLAGS, arrange
from gsu_cli.cli.pages import VERBS
from gsu_cli.errors import GsuError, UsageError, did_you_mean

_BASH = r"""# put into ~/.bashrc: eval "$(gsu --completion bash)"
_gsu_complete() {
    local line="${COMP_LINE:0:COMP_POINT}" breaks="${COMP_WORDBREAKS//[^=:]/}" typed cut="" answer
    typed="${line##*[[:space:]]}"
    [[ -n "$breaks" ]] && cut="${typed%"${typed##*[$breaks]}"}"
    COMPREPLY=()
    while IFS= read -r answer; do
        [[ "$answer" == *[=./] ]] || answer+=" "
        COMPREPLY+=("${answer#"$cut"}")
    done < <("$1" --complete "$line" 2>/dev/null)
}
complete -o nospace -o default -F _gsu_complete gsu
"""

_ZSH = r"""# put into ~/.zshrc: eval "$(gsu --completion zsh)"
_gsu_complete() {
    local -a answers ended open
    answers=("${(@f)$(gsu --complete "${LBUFFER}" 2>/dev/null)}")
    open=(${(M)answers:#*[=./]}) ended=(${answers:#*[=./]})
    compadd -Q -S '' -- $open
    compadd -Q -- $ended
}
compdef _gsu_complete gsu
"""

_FISH = r"""# put into ~/.config/fish/completions/gsu.fish: gsu --completion fish
complete -c gsu -f -a '(gsu --complete (commandline -cp) 2>/dev/null)'
"""

_SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


def script(words: Sequence[str]) -> str:
    """The text of ``gsu --completion SHELL``; without a shell, that of ``$SHELL``.

    Raises:
        UsageError: for a shell we have no script for.
    """
    shell = words[0] if words else os.path.basename(os.environ.get("SHELL", "")) or "bash"
    if shell not in _SCRIPTS:
        way_out = did_you_mean(shell, _SCRIPTS)
        raise UsageError(f"the shell must be one of {', '.join(_SCRIPTS)}", found=shell, way_out=way_out)
    return _SCRIPTS[shell]


def answers(line: str, app: App) -> list[str]:
    """What the word under the cursor, the last one of `line`, can become.

    Args:
        line: the line up to the cursor, ``gsu`` included; a space at the end begins a new word.
        app: the configs to look in.
    """
    words = line.split()[1:]
    if not words or line[-1].isspace():
        words.append("")
    *before, word = words
    if not before or before == ["help"]:
        names = [*VERBS] if before else [*VERBS, "help", *(["--help", "--version", "--completion"] if word else [])]
        return [name for name in names if name.startswith(word)]
    verb, *rest = before
    if verb not in VERBS:
        return []
    if word.startswith("-"):
        return [flag.long for flag in FLAGS if flag.long.startswith(word)]
    expected = next((flag for flag in FLAGS if rest and rest[-1] in (flag.long, flag.short) and flag.choices), None)
    if expected is not None and (expected.value == "yes" or word):
        return [choice for choice in expected.choices if choice.startswith(word)]
    return _ask_hydra(verb, rest, word, app)


def _ask_hydra(verb: str, before: Sequence[str], word: str, app: App) -> list[str]:
    import hydra

    from gsu_cli.cli.job import as_command_line

    try:
        line = arrange(before)
    except GsuError:
        return []
    flags = ["--multirun"] if line.has("--multirun") else []
    os.environ["COMP_LINE"] = " ".join(["gsu", *flags, *line.overrides, word])
    found = io.StringIO()
    try:
        with redirect_stdout(found), redirect_stderr(io.StringIO()), as_command_line(["gsu", "-sc", "query=bash"]):
            hydra.main(config_path=str(app.conf_dir), config_name=verb, version_base="1.3")(print)()
    except Exception:  # noqa: BLE001 - a key press must never print a message
        return []
    return [answer for answer in found.getvalue().split() if answer.startswith(word)]
