"""``python -m gsu_cli.cli``: the same as ``gsu``."""

import sys

from gsu_cli.cli import main

if __name__ == "__main__":  # processes that are forked from a server import this module again
    sys.exit(main())
