from __future__ import annotations

import torch

from gsu_cli.unlearning.batches import repeated


def test_few_images_are_repeated_in_turn() -> None:
    images, labels = repeated((torch.tensor([[1.0], [2.0]]), torch.tensor([7, 8])), 5)
    assert images.flatten().tolist() == [1, 2, 1, 2, 1]
    assert labels.tolist() == [7, 8, 7, 8, 7]
