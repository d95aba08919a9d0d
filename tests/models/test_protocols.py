"""Capabilities are found by their members, submodules of torch among them, on every Python."""

from __future__ import annotations

import inspect

from torch import nn

import tiny_diffusion
import tiny_world
from gsu_cli.models.protocols import ByMembers, HasDecoder, HasNoiseLevels, HasPosterior, HasSites, members


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
