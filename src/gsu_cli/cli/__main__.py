"""``python -m gsu_cli.cli``: the same as ``gsu``."""

import sys

from gsu_cli.cli import main

sys.exit(main())
