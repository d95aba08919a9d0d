"""Class paths of earlier versions: in checkpoints, in records and on the line."""

import pkgutil

import pytest
from omegaconf import OmegaConf

from gsu_cli.models.vae.mlp_vae import MlpVae
from gsu_cli.run.checkpoints import load_checkpoint
from gsu_cli.run.moved_classes import MOVED, current
from gsu_cli.run.pretrained import shipped
from gsu_cli.run.tensor_files import read_tensors
from gsu_cli.verbs.build import build


@pytest.mark.parametrize("old", MOVED)
def test_every_moved_class_is_where_the_table_says_and_nowhere_else(old: str) -> None:
    assert isinstance(pkgutil.resolve_name(current(old)), type)
    with pytest.raises((ImportError, AttributeError)):
        pkgutil.resolve_name(old)


def test_a_config_of_an_earlier_version_builds_the_same() -> None:
    whole = OmegaConf.create({"n": 3, "training": {"_target_": "gsu_cli.training.Recipe", "epochs": "${n}"}})
    made = build(whole.training, key="training")
    assert made.epochs == 3
    assert type(made).__module__ == "gsu_cli.training.recipe"


def test_shipped_weights_of_earlier_versions_load() -> None:
    path = shipped("mnist", "vae")
    assert path is not None
    assert read_tensors(path)[0]["target"] in MOVED, "it was written before the class moved"
    assert type(load_checkpoint(path).model) is MlpVae
