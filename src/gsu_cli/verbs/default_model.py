"""The default model of a data set whose images are known only once they are loaded."""

from __future__ import annotations

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from gsu_cli.data.base import Dataset
from gsu_cli.run.configs import LARGE, USUAL, conf_dir
from gsu_cli.run.provenance import config_hash
from gsu_cli.run.session import Session
from gsu_cli.verbs import console
from gsu_cli.verbs.opening_session import plain

SMALL = 32  # pixels from which on a fully connected model takes long and generates badly


def suited(cfg: DictConfig, dataset: Dataset, session: Session) -> DictConfig:
    """``cfg`` with a convolutional model and its recipe where images are coloured or large and the line names neither.

    Options that the line sets (``model.latent_dim=12``) hold for the new model too. The record hears of the change.

    Args:
        cfg: as composed.
        dataset: loaded.
        session: whose record is corrected.
    """
    typed = [str(word).lstrip("+~").partition("=")[0].partition("@")[0] for word in HydraConfig.get().overrides.task]
    choices = HydraConfig.get().runtime.choices
    c, h, w = dataset.shape
    if "model" in typed or "model._target_" in typed or choices.get("model") != USUAL["model"][""]:
        return cfg
    if c == 1 and max(h, w) < SMALL:
        return cfg
    what = f"{c} x {h} x {w} images"
    if h % 2 or w % 2:
        console.note(f"{what} cannot be halved evenly by convolutions, so the model is mlp_vae", session.record)
        return cfg
    groups = [
        group for group in LARGE if group == "model" or (group not in typed and choices.get(group) == USUAL[group][""])
    ]
    new = cfg.copy()
    OmegaConf.set_struct(new, False)
    for group in groups:
        found = OmegaConf.load(conf_dir() / group / f"{LARGE[group]}.yaml")
        keys = [key for key in typed if key.startswith(f"{group}.")]
        foreign = [key for key in keys if key.partition(".")[2] not in found]
        if foreign:
            console.note(
                f"{what} suit {LARGE[group]}, but {foreign[0]} is an option of {choices.get(group)}", session.record
            )
            return cfg
        for key in keys:
            OmegaConf.update(found, key.partition(".")[2], OmegaConf.select(cfg, key))
        new[group] = found
    console.say(f"{what}: {', '.join(f'{group}={LARGE[group]}' for group in groups)}")
    session.record.config = plain(new)
    session.record.config_hash = config_hash(session.record.config)
    return new
