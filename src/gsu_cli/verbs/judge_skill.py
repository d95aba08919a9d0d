"""Whether a judge that was just trained tells apart what it is to name: one that does not counts in no headline."""

from __future__ import annotations

import torch
from torch import Tensor

from gsu_cli.data.base import Images
from gsu_cli.models.classifiers.attribute_cnn import AttributeCnn
from gsu_cli.models.classifiers.judge_cnn import JudgeCnn
from gsu_cli.report.verdict import SKILL
from gsu_cli.run.difference_of_shares import TELLS
from gsu_cli.training.recipe import Recipe

BATCH = 1000  # images at a time
LONGER = 8  # times as many passes, or steps a pass: what is proposed


def undertrained(model: object, heldout: Images, recipe: Recipe) -> str:
    """Why the judge will not count, and how to train it longer; empty where it tells, and of any other model.

    Args:
        model: that was trained.
        heldout: images that it was not trained on.
        recipe: it was trained by.
    """
    if not isinstance(model, JudgeCnn | AttributeCnn) or not len(heldout):
        return ""
    logits = _logits(model, heldout)
    if isinstance(model, JudgeCnn):
        found = _of_classes(model.labels.cpu()[logits.argmax(1)], heldout.labels)
    else:
        found = _of_attributes(logits > 0, heldout, model)
    if not found:
        return ""
    longer = f"training.epochs={LONGER * recipe.epochs}"
    smaller = f" or training.batch_size={recipe.batch_size // LONGER}" if recipe.batch_size >= LONGER else ""
    return f"{found}: too little to count in a headline. Train it longer, with {longer}{smaller}, or on more images"


def _of_classes(said: Tensor, truth: Tensor) -> str:
    classes = truth.unique()
    share = float(torch.stack([(said[truth == c] == c).float().mean() for c in classes]).mean())
    least = 1 / len(classes) + SKILL * (1 - 1 / len(classes))
    if len(classes) < 2 or share >= least:
        return ""
    return f"the judge is right on {share:.1%} of {len(truth):,} held-out images, as a mean over classes"


def _of_attributes(said: Tensor, heldout: Images, model: AttributeCnn) -> str:
    if heldout.attributes is None:
        return ""
    blind = []
    for i, name in enumerate(model.attributes):
        has = heldout.attributes[:, i]
        if 0 < int(has.sum()) < len(has) and float(said[has, i].float().mean() - said[~has, i].float().mean()) < TELLS:
            blind.append(name)
    return f"the judge hardly tells who has {', '.join(blind)} on {len(heldout):,} held-out images" if blind else ""


@torch.no_grad()
def _logits(model: JudgeCnn | AttributeCnn, heldout: Images) -> Tensor:
    where = next(model.parameters()).device
    return torch.cat([model(x.to(where)).cpu() for x, _ in heldout.batches(BATCH)])
