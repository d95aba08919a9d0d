#!/usr/bin/env bash
# typing_extensions 4.16.0 with torch 2.14.1: isinstance of a module against a runtime-checkable protocol.
# Guess: a module that has `decoder` (hasattr says so) is an instance of a protocol that asks for `decoder`.
# Truth: since Python 3.12, and in typing_extensions on every Python, members are looked up by inspect.getattr_static, which
#   goes past nn.Module.__getattr__: submodules, parameters and buffers live behind that and are not seen; methods and plain
#   attributes are. typing.Protocol of Python 3.11 and before asks hasattr and says True.
# Matters: code that tells families of generative models apart by protocols ("has a decoder") passes its tests on one Python
#   and takes every model for a stranger on the next; asking hasattr for each member by name is right on all of them.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.14.1 numpy==2.4.6 typing_extensions==4.16.0
"$dir/venv/bin/python" -W ignore - <<'PY'
import sys
import typing
from importlib.metadata import version

import torch
import typing_extensions
from torch import nn


def protocols(source):
    @source.runtime_checkable
    class HasDecoder(source.Protocol):
        decoder: nn.Module

    @source.runtime_checkable
    class HasScale(source.Protocol):
        scale: float

    return HasDecoder, HasScale


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.decoder = nn.Linear(1, 1)  # kept in _modules
        self.scale = 2.0  # kept in __dict__


model = Model()
print("typing_extensions", version("typing_extensions"), "torch", torch.__version__, "Python", sys.version.split()[0])
seen = {}
for source in (typing, typing_extensions):
    decoder, scale = protocols(source)
    seen[source] = isinstance(model, decoder), isinstance(model, scale)
    print(f"  {source.__name__}.Protocol: submodule expected True, seen {seen[source][0]}; plain attribute {seen[source][1]}")
assert hasattr(model, "decoder")
assert seen[typing_extensions] == (False, True)
assert seen[typing] == (sys.version_info < (3, 12), True)
print("behaviour as described")
PY
