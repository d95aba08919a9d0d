"""Leave-out designs: masks, the file, memorisation where it is known, and the importance-weighted bound."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from gsu_cli.audit.bounds import Noise, has_iwae, iwae
from gsu_cli.audit.leave_out import FILE, LeaveOut, read_design, write_design
from gsu_cli.audit.leave_out_masks import fold_masks
from gsu_cli.data.base import Images
from gsu_cli.errors import CheckpointError, UsageError
from gsu_cli.models.likelihoods import Gaussian
from gsu_cli.run.tensor_files import write_tensors
from gsu_cli.verbs.design import check_design
from memory_world import Memory, noise_split


@pytest.mark.parametrize(("models", "folds"), [(4, 2), (20, 10), (9, 3)])
def test_every_image_is_left_out_equally_often(models: int, folds: int) -> None:
    inside = fold_masks(101, models, folds, seed=3)
    assert inside.shape == (models, 101)
    assert ((~inside).sum(0) == models // folds).all()
    sizes = (~inside).sum(1)
    assert int(sizes.max() - sizes.min()) <= 1, "parts of equal size"
    assert torch.equal(inside, fold_masks(101, models, folds, seed=3))
    assert not torch.equal(inside, fold_masks(101, models, folds, seed=4))
    more = fold_masks(101, 2 * models, folds, seed=3)
    assert torch.equal(more[:models], inside), "more models are the same ones and others"
    assert not torch.equal(more[models:], inside), "dealt anew"


@pytest.mark.parametrize(("models", "folds"), [(3, 2), (2, 2), (1, 2), (50, 20)])
def test_no_design(models: int, folds: int) -> None:
    with pytest.raises(UsageError, match=r"must be a multiple of `leave_out.folds`, at least twice that"):
        fold_masks(10, models, folds, 0)


def test_a_design_on_disk(tmp_path: Path) -> None:
    inside = fold_masks(13, 4, 2, 0)
    losses = {"loss": 100 + 5 * torch.randn(4, 17), "iwae": 90 + torch.randn(4, 17)}
    sha256 = write_design(tmp_path / "leave_out.safetensors", inside, losses, {"seed": 0})
    found = read_design(tmp_path)
    assert (found.sha256, found.about, found.n) == (sha256, {"seed": 0}, 13)
    assert torch.equal(found.trained_on, inside)
    for bound, values in losses.items():
        assert float((found.losses[bound] - values).abs().max()) < 0.02, "half precision of a distance, not of a loss"
        assert found.of_heldout(bound).shape == (4, 4)
    data = bytearray((tmp_path / "leave_out.safetensors").read_bytes())
    data[-1] ^= 1
    (tmp_path / "leave_out.safetensors").write_bytes(data)
    with pytest.raises(CheckpointError, match="must match its digest"):
        read_design(tmp_path)
    with pytest.raises(CheckpointError, match="must be a folder of `gsu train leave_out"):
        read_design(tmp_path / "none")
    for content in (data[:-100], b""):
        (tmp_path / "leave_out.safetensors").write_bytes(content)
        with pytest.raises(CheckpointError, match=r"`design` must be a whole leave_out.safetensors .* Copy it again"):
            read_design(tmp_path)
    write_tensors(tmp_path / "leave_out.safetensors", {"trained_on": inside}, {"schema": 1, "about": {}})
    with pytest.raises(CheckpointError, match="`design` must hold masks and losses"):
        read_design(tmp_path)


def test_a_design_of_the_loaded_data_is_none_of_weights_made_of_others(tmp_path: Path) -> None:
    """Of the carried digits, say, where the original was trained on the full MNIST."""
    write_design(tmp_path / FILE, fold_masks(13, 4, 2, 0), {"loss": torch.randn(4, 17)}, {"dataset_sha256": "a" * 64})

    def opened(its_own: str) -> None:
        original = SimpleNamespace(model=object(), about={"dataset_sha256": its_own})
        record = SimpleNamespace(split={}, inputs={"dataset": {"sha256": "a" * 64}})
        inputs = SimpleNamespace(session=SimpleNamespace(record=record), first=original, recipe=None)
        check_design(read_design(tmp_path), tmp_path, inputs)  # type: ignore[arg-type]
        assert record.inputs["design"]["dataset_sha256"] == "a" * 64

    opened("a" * 64)
    with pytest.raises(CheckpointError, match=r"found sha256 of the data set aaaaaaaaaaaa instead of bbbbbbbbbbbb"):
        opened("b" * 64)


def memory_design(share: float = 0.5) -> LeaveOut:
    """Of models that know by heart what they were trained on, and nothing else."""
    images = noise_split().dataset.train
    inside = fold_masks(len(images), 8, round(1 / share), 1)
    rows = []
    for mask in inside:
        model = Memory(images.floats()[mask])
        rows.append(Noise(0, 2, 0).losses(model, images, "train")["loss"])
    return LeaveOut(inside, {"loss": torch.stack(rows).float()}, {}, "sha")


def test_memorisation_of_models_that_know_by_heart() -> None:
    design = memory_design()
    value, half = design.memorisation()
    assert (value > half).all(), "each image is known where it was trained on"
    nearest = noise_split().dataset.train.floats().flatten(1)
    apart = torch.cdist(nearest, nearest).square().fill_diagonal_(math.inf).min(1).values
    assert (value > 0.9 * apart).all(), "without it, the loss is the distance to another image at least"
    inside, losses = design.trained_on, design.of_training().double()
    without = (losses * ~inside).sum(0) / (~inside).sum(0)
    assert torch.allclose(without, value, atol=0.1), "and 0 with it"


def test_memorisation_of_models_that_know_nothing_is_nothing() -> None:
    """The negative control: losses that do not depend on the masks; the intervals hold 0 as often as they should."""
    inside = fold_masks(2000, 40, 2, 0)
    L = torch.randn(40, 2000, generator=torch.Generator().manual_seed(0))
    value, half = LeaveOut(inside, {"loss": L}, {}, "").memorisation()
    assert 0.03 < float((value.abs() > half).double().mean()) < 0.08
    by_hand = float(L[~inside[:, 7], 7].double().mean() - L[inside[:, 7], 7].double().mean())
    assert float(value[7]) == pytest.approx(by_hand)


class LinearGaussian(nn.Module):
    """x = W z + noise, z ~ N(0, I): the posterior and p(x) are known."""

    latent_dim = 2

    def __init__(self, exact: bool) -> None:
        super().__init__()
        self.decoder = nn.Sequential(nn.Linear(2, 4, bias=False), nn.Unflatten(1, (1, 2, 2))).double()
        columns = torch.linalg.qr(torch.randn(4, 2, generator=torch.Generator().manual_seed(0)).double())[0]
        self.W = columns * torch.tensor([1.3, 0.7])  # orthogonal columns
        self.decoder[0].weight.data.copy_(self.W)
        self.likelihood, self.exact = Gaussian(sigma=0.5), exact

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Its mean, and by ``exact`` its own spread; with orthogonal columns that is diagonal."""
        W = self.W
        precision = torch.eye(2).double() + W.T @ W / 0.25
        mean = torch.linalg.solve(precision, W.T @ x.flatten(1).double().T / 0.25).T
        sd = torch.linalg.inv(precision).diagonal().sqrt().expand_as(mean)
        return mean, sd if self.exact else 1.5 * sd

    def minus_log_p(self, x: Tensor) -> Tensor:
        W, x = self.W, x.flatten(1).double()
        C = W @ W.T + 0.25 * torch.eye(4).double()
        constant = 4 / 2 * math.log(2 * math.pi * 0.25)  # which the likelihood leaves out
        p = torch.distributions.MultivariateNormal(torch.zeros(4).double(), C)
        return -p.log_prob(x) - constant


def test_the_importance_weighted_bound_is_exact_where_log_p_is_known() -> None:
    pixels = torch.randint(0, 256, (7, 1, 2, 2), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    images = Images(pixels, torch.zeros(7, dtype=torch.int64))
    model = LinearGaussian(exact=True)
    truth = model.minus_log_p(images.floats())
    assert torch.allclose(iwae(model, images, latents=1, seed=0), truth, atol=1e-6), "the exact posterior needs one"
    model.exact = False
    rough, fine = (iwae(model, images, latents=k, seed=0) for k in (1, 1000))
    assert torch.allclose(fine, truth, atol=0.1)
    assert float((rough - truth).abs().mean()) > 0.1, "a wider posterior needs many"
    assert not has_iwae(Memory(images.floats()))


def test_models_with_an_image_are_asked_for_as_those_without_are() -> None:
    """Most images left out: one that no model saw was memorised by its whole loss, of one model without an error."""
    trained_on = torch.tensor([[True, False, True], [True, False, False], [False, False, False], [False, False, False]])
    design = LeaveOut(trained_on, {"loss": torch.full((4, 3), 100.0)}, {}, "")
    assert design.memorisation()[0].tolist() == [0, 100, 0]
    assert design.lacks(torch.tensor([0])) == ""
    ends = "train a design of leave_out.folds"
    for image, within in ((1, 0), (2, 1)):
        found = f"found {within} and {4 - within}"
        assert design.lacks(torch.tensor([0, image])) == (
            f"needs 2 models with each of the images and 2 without, {found.replace(str(4 - within), '2')}: {ends}"
        )
