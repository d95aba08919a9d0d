#!/usr/bin/env bash
# torch-fidelity 0.4.0, the wheel on PyPI.
# Guess: it installs the package torch_fidelity alone.
# Truth: it also installs a regular top-level package `tests`. A project whose own folder `tests/` has no __init__.py (a
#   namespace package) loses it: a regular package anywhere on the path goes before a namespace folder, even before the one
#   in the current folder, which stands first on that path.
# Matters: helpers imported as `tests.helpers`, and the children of a fork server that import a test module by name, fail
#   in every environment that holds the metric, and in no other.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
mkdir -p project/tests; echo 'NAME = "the project"' > project/tests/helpers.py
cd project
look='import importlib
try:
    print(importlib.import_module("tests.helpers").NAME)
except ModuleNotFoundError as e:
    print(e)'
before=$("$dir/venv/bin/python" -c "$look")
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps torch-fidelity==0.4.0
after=$("$dir/venv/bin/python" -c "$look")
echo "torch-fidelity $("$dir/venv/bin/pip" list --format=freeze --disable-pip-version-check | sed -n 's/^torch[-_]fidelity==//p')"
echo "import tests.helpers in the project: before '$before', after '$after'"
"$dir/venv/bin/python" -c 'import tests; print("tests is", tests.__file__.split("lib/")[-1])'
[ "$before" = "the project" ] && [ "$after" != "the project" ] || { echo "behaviour changed"; exit 1; }
echo "behaviour as described"
