"""One seed in the config fans out by name, so that more noise in one place moves nothing in another."""

from __future__ import annotations

import hashlib

import torch


def derive(seed: int, *names: str | int) -> int:
    """A 63-bit seed for the stream called ``names`` below ``seed``.

    >>> derive(0, "train") == derive(0, "train"), derive(0, "train") == derive(0, "sample")
    (True, False)
    """
    text = "/".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *names: str | int) -> torch.Generator:
    """A CPU generator for the stream called ``names`` below ``seed``."""
    return torch.Generator().manual_seed(derive(seed, *names))
