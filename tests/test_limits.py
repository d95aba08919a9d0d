"""What limits that a model forgets, or that anybody sees it, is said once and where it is so."""

from __future__ import annotations

from dataclasses import replace

import tiny_gan
import tiny_world
from gsu_cli.models.model import copied
from gsu_cli.verbs.limits import of_canaries, of_split


def test_frozen_parameters_that_generation_depends_on_are_named() -> None:
    model, split = copied(tiny_world.trained()), tiny_world.split()
    assert of_split(model, split) == []
    names = model.generation_parameters()
    parameters = dict(model.named_parameters())
    model.requires_grad_(False)
    assert of_split(model, split) == [], "frozen as a whole it is thawed"
    model.requires_grad_(True)
    parameters[names[-1]].requires_grad_(False)
    parameters[names[-2]].requires_grad_(False)
    share = sum(parameters[k].numel() for k in names[-2:]) / sum(parameters[k].numel() for k in names)
    (said,) = of_split(model, split)
    assert said.startswith(
        f"{names[-2]}, {names[-1]}, {share:.0%} of the weights that generation depends on, are frozen"
    )
    assert said.endswith("MlpVae may forget less for it")
    for name in set(parameters) - set(names):
        parameters[name].requires_grad_(False)
    parameters[names[-1]].requires_grad_(True)
    parameters[names[-2]].requires_grad_(True)
    assert of_split(model, split) == [], "a frozen encoder holds nothing back"


def test_single_images_of_a_model_without_a_loss_are_told_by_no_number() -> None:
    gan, single = tiny_gan.trained(), tiny_world.split_of(sample=[4])
    (said,) = of_split(gan, single)
    assert said.startswith("Dcgan has no loss of an image, and nothing else tells single images")
    assert said.endswith("whether samples (1) were forgotten")
    assert of_split(gan, tiny_world.split()) == of_split(tiny_world.trained(), single) == []


def test_a_training_on_canaries_says_that_no_loss_will_tell_them() -> None:
    data = tiny_world.dataset()
    assert of_canaries(tiny_gan.trained(), data) == ""
    planted = replace(data, canaries=object())
    assert of_canaries(tiny_gan.trained(), planted).endswith("whether canaries were forgotten")
    assert of_canaries(tiny_world.trained(), planted) == ""
