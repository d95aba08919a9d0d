"""A class of one's own on the line: ``model._target_=my_pkg.MyVae model.latent_dim=2``.

Hydra would keep the options of the class that stood there before, and refuse those it has not heard of. A typed
``_target_`` replaces the whole group instead, and the class gets what is typed for it and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

JUDGE = re.compile(r"judge\.\w+\._target_=")  # stands beside others, so its options are added to what is there
GROUPS = ("dataset", "method", "model")


def replaced(words: Sequence[str]) -> tuple[str, ...]:
    """The overrides of a line with the groups replaced whose class is typed; a choice typed for the group stays.

    >>> replaced(["model._target_=my.Vae", "model.latent_dim=2", "seed=1"])
    ('~model', '++model._target_=my.Vae', '++model.latent_dim=2', 'seed=1')
    >>> replaced(["method=ascent", "method._target_=my.Ascent", "method.lr=1"])
    ('method=ascent', '++method._target_=my.Ascent', '++method.lr=1')
    >>> replaced(["judge.cnn._target_=my.Net", "judge.cnn.width=3"])
    ('++judge.cnn._target_=my.Net', '++judge.cnn.width=3')
    >>> replaced(["~method", "+method._target_=my.Method"])
    ('~method', '+method._target_=my.Method')
    """
    found = list(words)
    for group in GROUPS:
        if not any(word.startswith(f"{group}._target_=") for word in words):
            continue
        found = [f"++{word}" if word.startswith(f"{group}.") else word for word in found]
        if not any(word.partition("=")[0].lstrip("~+") == group for word in words):
            found.insert(0, f"~{group}")
    for judge in {word.split("._target_=")[0] for word in words if JUDGE.match(word)}:
        found = [f"++{word}" if word.startswith(f"{judge}.") else word for word in found]
    return tuple(found)
