"""The command line. Nothing is imported before an interrupt has somebody to answer it: see `cli.dispatch`."""

from __future__ import annotations

TYPE_CHECKING = False  # as that of typing, which takes time to import
if TYPE_CHECKING:
    from collections.abc import Sequence

    from gsu_cli.cli.app import App


def main(argv: Sequence[str] | None = None, app: App | None = None) -> int:
    """Run one line and return its exit code; nothing but a defect leaves a traceback.

    Args:
        argv: the words after ``gsu``; those of the process if None.
        app: other configs and verbs than our own, for tests.
    """
    try:
        from gsu_cli.cli.dispatch import run
    except KeyboardInterrupt:
        import sys

        print("gsu: interrupted.", file=sys.stderr)
        return 130  # as `dispatch.INTERRUPTED`, which was not imported any more
    return run(argv, app)
