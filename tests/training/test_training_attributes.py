"""Training of models that learn attributes, and of those whose weights lie channels last."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import attribute_world
from gsu_cli.errors import DataError
from gsu_cli.training import whole_epochs as training
from gsu_cli.training.loop import fit
from gsu_cli.training.recipe import Recipe

RECIPE = Recipe(epochs=4, batch_size=30, lr=1e-2)


class Spy(nn.Module):
    """Keeps the targets that it is given."""

    def __init__(self, *, wants: bool | None) -> None:
        super().__init__()
        self.w, self.seen = nn.Parameter(torch.zeros(())), []
        if wants is not None:
            self.wants_attributes = wants

    def loss(self, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        self.seen.append((x, y))
        return self.w + torch.zeros(len(x))


@pytest.mark.parametrize("wants", [None, False, True])
def test_labels_or_attributes_whichever_the_model_wants(wants: bool | None) -> None:
    images = attribute_world.dataset().train[torch.arange(70)]
    images = replace(images, labels=torch.arange(70))
    model = Spy(wants=wants)
    fit(model, images, Recipe(epochs=1, batch_size=30, lr=1e-3), seed=0)
    x, y = (torch.cat(parts) for parts in zip(*model.seen, strict=True))
    if not wants:
        assert y.sort().values.tolist() == list(range(70))
        assert torch.equal(x, images.floats()[y])
    else:
        # each image with its own row: the bar is white where the attribute says so, whatever the order
        assert torch.equal(y[:, 0], x[:, 0, 3, 4] > 0.95)
        assert y.shape == (70, 2)
        assert int(y.sum()) == int(images.attributes.sum())


def test_images_without_attributes_are_refused_before_a_step() -> None:
    model = Spy(wants=True)
    with pytest.raises(DataError, match="a judge of attributes needs images with attributes; found none"):
        fit(model, replace(attribute_world.dataset().train, attributes=None), RECIPE, seed=0)
    assert model.seen == []


def test_killed_and_resumed_channels_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The optimiser's state must lie as the weights do: its step runs over memory, not over indices."""
    images, state = attribute_world.dataset().train[torch.arange(90)], tmp_path / "state.safetensors"
    whole = attribute_world.fresh()
    fit(whole, images, RECIPE, seed=0)
    keep, epochs = training.keep, []

    def keep_and_die(*args: object, **named: object) -> None:
        keep(*args, **named)  # type: ignore[arg-type]
        epochs.append(1)
        if len(epochs) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(training, "keep", keep_and_die)
    with pytest.raises(KeyboardInterrupt):
        fit(attribute_world.fresh(), images, RECIPE, seed=0, state=state)
    monkeypatch.undo()
    again = attribute_world.fresh(seed=5)
    history = fit(again, images, RECIPE, seed=0, state=state)
    assert history.resumed_at_epoch == 2
    for name, value in whole.state_dict().items():
        assert torch.equal(again.state_dict()[name], value), name
