"""The signs of attribute_world, whole; a module may have a model and parts of its own."""

from __future__ import annotations

import pytest

import attribute_world


@pytest.fixture(scope="package")
def model():
    return attribute_world.trained()


@pytest.fixture(scope="package")
def parts():
    split = attribute_world.split()
    return split.forget_images, split.retain_images
