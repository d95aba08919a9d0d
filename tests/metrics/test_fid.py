"""FID without a network: the real architecture with random weights stands in for pytorch-fid's."""

from __future__ import annotations

import pickle
from unittest.mock import patch
from urllib.error import URLError

import pytest
import torch

import tiny_world
from gsu_cli.errors import CheckpointError, UsageError
from gsu_cli.evaluation.evaluated_model import EvaluatedModel
from gsu_cli.evaluation.frechet import Gaussian, frechet
from gsu_cli.evaluation.inception import Inception
from gsu_cli.metrics.fid import Fid

from .conftest import context_of

LOADER = "pytorch_fid.inception.load_state_dict_from_url"
FEW = torch.arange(2 * 64, dtype=torch.uint8).view(2, 1, 8, 8)


@pytest.fixture(scope="session")
def inception():
    """pytorch-fid's network with the random weights of its constructors."""
    from pytorch_fid import inception as module

    torch.manual_seed(0)
    with patch.object(torch.nn.Module, "load_state_dict"), patch(LOADER):
        return module.fid_inception_v3()


@pytest.fixture(scope="session")
def weights(inception, tmp_path_factory):
    path = tmp_path_factory.mktemp("fid") / "inception.pth"
    torch.save(inception.state_dict(), path)
    return path


@pytest.fixture
def context(knn):
    return context_of(tiny_world.split(), knn)


@pytest.fixture
def flat(monkeypatch):
    """Replaces 2,048 Inception features by the image's first four pixels."""
    seen = []

    def features(self, pixels):
        seen.append(pixels)
        return pixels.flatten(1)[:, 20:24].float()

    # nothing here rests on SciPy's matrix root, whose arguments change between releases
    monkeypatch.delattr("scipy.linalg.sqrtm")
    monkeypatch.setattr(Inception, "features", features)
    monkeypatch.setattr(Inception, "network", lambda self: None)
    return seen


def test_local_weights_build_pytorch_fids_network(weights, inception):
    net = Fid(str(weights)).inception.network()
    assert torch.equal(net.blocks[0][0].conv.weight, inception.Conv2d_1a_3x3.conv.weight)
    assert not net.training
    assert not any(p.requires_grad for p in net.parameters())


def test_grey_images_become_rgb_and_give_2048_features(weights):
    metric = Fid(str(weights), batch_size=1)
    features = metric.inception.features(FEW)
    assert features.shape == (2, 2048)
    again = metric.inception.features(FEW.expand(-1, 3, -1, -1))
    assert torch.equal(features, again)


def test_value_is_the_distance_to_real_retain_images(context, flat):
    generated = EvaluatedModel("original", tiny_world.bars(50, 7).pixels, None, "ab")
    (m,) = Fid(samples=40)(generated, context)
    references, drawings = flat
    assert torch.equal(drawings, generated.pixels[:40])
    assert len(references) == 40
    retained = {t.numpy().tobytes() for t in context.split.retain_images.pixels}
    assert all(t.numpy().tobytes() in retained for t in references)
    a, b = (Gaussian.of(x.flatten(1)[:, 20:24].float()) for x in (drawings, references))
    assert m.value == pytest.approx(frechet(a, b))
    assert (m.n, m.low, m.high, m.sha256) == (40, None, None, "ab")


def test_references_are_read_once(context, flat):
    metric = Fid(samples=40)
    for name in ("original", "unlearned"):
        metric(EvaluatedModel(name, tiny_world.bars(50, 7).pixels), context)
    assert len(flat) == 3


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_samples_are_null_and_need_no_weights(n, context):
    (m,) = Fid()(EvaluatedModel("data", FEW[:n]), context)
    assert m.reason == f"a covariance needs at least two images, found {n}"


class Nasty:
    def __reduce__(self):
        return (print, ("this must never run",))


def write_nasty(path):
    path.write_bytes(pickle.dumps(Nasty()))


def write_nasty_archive(path):
    torch.save({"x": Nasty()}, path)


def write_half(path):
    torch.save({"weight": torch.zeros(1000)}, path)
    path.write_bytes(path.read_bytes()[:2000])


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (write_nasty, "never loaded"),
        (write_nasty_archive, "never loaded"),
        (write_half, "bad.pth"),
        (lambda path: path.write_bytes(b""), "bad.pth"),
        (lambda path: path.write_bytes(b"<html>not found</html>"), "bad.pth"),
        (lambda path: torch.save({"weight": torch.zeros(3)}, path), "bad.pth"),
        (lambda path: torch.save([1, 2], path), "bad.pth"),
    ],
    ids=["pickle", "archive", "truncated", "empty", "html", "other network", "list"],
)
def test_bad_weights_are_one_sentence_with_the_way_out(write, words, tmp_path, context, capsys):
    path = tmp_path / "bad.pth"
    write(path)
    with pytest.raises(CheckpointError) as e:
        Fid(str(path))(EvaluatedModel("original", FEW), context)
    text = str(e.value)
    assert text.startswith("`metric.fid.weights_path` must hold them")
    assert words in text
    assert "pytorch-fid" in text
    assert "\n" not in text
    assert "must never run" not in capsys.readouterr().out


def test_a_missing_file_is_refused_before_anything_is_measured(tmp_path):
    with pytest.raises(CheckpointError, match=r"must be an existing file; found .*none\.pth.*releases page"):
        Fid(str(tmp_path / "none.pth"))


@pytest.mark.parametrize("error", [URLError("no route to host"), ConnectionResetError(), TimeoutError("slow")])
def test_without_a_network_the_way_out_is_said(error, context, monkeypatch):
    def refuse(*_, **__):
        raise error

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", refuse)
    with pytest.raises(CheckpointError, match=r"no download .*metric\.fid\.weights_path=<file>"):
        Fid()(EvaluatedModel("original", FEW), context)


def test_a_damaged_download_is_refused(context, monkeypatch):
    def broken(*_, **options):
        assert options["weights_only"]
        assert options["check_hash"]
        raise RuntimeError("invalid hash value")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", broken)
    with pytest.raises(CheckpointError, match="a damaged download .invalid hash value"):
        Fid()(EvaluatedModel("original", FEW), context)


@pytest.mark.parametrize("options", [{"samples": 1}, {"samples": True}, {"batch_size": 0}, {"batch_size": "8"}])
def test_refuses(options):
    with pytest.raises(UsageError, match=r"metric\.fid\."):
        Fid(**options)
