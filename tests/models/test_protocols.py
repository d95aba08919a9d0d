"""Capabilities are found by their members, submodules of torch among them, on every Python."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from torch import nn

import gsu_cli
import tiny_diffusion
import tiny_world
from gsu_cli.models.protocols import ByMembers, Encodes, HasDecoder, HasNoiseLevels, HasPosterior, HasSites, members


def test_a_submodule_is_a_member() -> None:
    vae, ddpm = tiny_world.fresh(), tiny_diffusion.fresh()
    assert inspect.getattr_static(vae, "decoder", None) is None  # where isinstance looks from Python 3.12 on
    assert isinstance(vae, HasDecoder)
    assert isinstance(ddpm, HasNoiseLevels)
    assert isinstance(ddpm, HasSites)
    assert not isinstance(ddpm, HasDecoder)
    assert not isinstance(nn.Linear(1, 1), HasDecoder | HasNoiseLevels)
    del vae.decoder
    assert not isinstance(vae, HasDecoder)


def test_members_are_those_of_parents_too() -> None:
    assert members(HasPosterior) == ["decode", "latent_dim", "posterior"]
    assert isinstance(HasPosterior, ByMembers)


def test_a_member_that_is_to_be_called_can_be() -> None:
    vae = tiny_world.fresh()
    assert isinstance(vae, Encodes)
    vae.posterior = None
    assert not isinstance(vae, Encodes)


def test_nobody_asks_a_model_for_a_member_by_its_name() -> None:
    """What a model can do is a protocol; a value that may be left out has its default beside it."""
    asked = re.compile(r'(hasattr|callable\(getattr)\((\w+\.)*model, "')
    sources = sorted(Path(gsu_cli.__file__).parent.rglob("*.py"))
    assert [str(path) for path in sources if asked.search(path.read_text(encoding="utf-8"))] == []
