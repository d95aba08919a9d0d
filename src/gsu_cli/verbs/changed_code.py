"""Code of one's own that has changed since a run or a reference was made: what is compared was made by two classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gsu_cli.run.own_code import class_path, targets, versions
from gsu_cli.run.provenance import CODE, own_versions
from gsu_cli.run.record import Record
from gsu_cli.run.session import Session
from gsu_cli.training.state import CODE as CODES
from gsu_cli.verbs import console


def code_of(model: Any) -> dict[str, Any]:
    """What the metadata of weights say of a class of one's own: nothing where the class is gsu's."""
    found = versions([class_path(model)])
    return {"code": found} if found else {}


def noted_codes(
    earlier: Sequence[Mapping[str, str]], about: Mapping[str, Any], session: Session
) -> dict[str, list[Mapping[str, str]]]:
    """Notes which earlier epochs of a training that goes on were trained by other code; what its next state says.

    Args:
        earlier: codes that trained the state so far; none: training begins, or an older state, which says nothing.
        about: metadata of the weights to be.
        session: of the training.
    """
    now: Mapping[str, str] = about.get("code", {})
    for then in earlier:
        _note(then, now, "earlier epochs were trained", session)
    return {CODES: [*(then for then in earlier if then != now), now]} if now else {}


def note_since(earlier: Record, model: Any, session: Session) -> None:
    """Notes which packages of one's own are other code than when the run of ``earlier`` was made."""
    then = own_versions(earlier.versions)
    if then:
        now = versions([*targets(earlier.config), class_path(model)])
        _note(then, now, "the run was made", session)


def note_between(reference: Mapping[str, Any], original: Mapping[str, Any], session: Session) -> None:
    """Notes which packages of one's own were other code for a retrained reference than for the original.

    Args:
        reference, original: metadata of their files; of what one of them does not say nothing is said.
        session: of the run.
    """
    then, now = (found if isinstance(found := about.get("code"), dict) else {} for about in (reference, original))
    _note(then, now, "the retrained reference was trained", session, of="of the checkpoint")


def _note(then: Mapping[str, str], now: Mapping[str, str], when: str, session: Session, of: str = "of now") -> None:
    for top in sorted(then.keys() & now.keys()):
        if then[top] != now[top]:
            was, here = (found[top].removeprefix(CODE) for found in (then, now))
            console.note(f"{when} by other code of `{top}`: {was}, and that {of} is {here}", session.record)
