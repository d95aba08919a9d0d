"""FID: the Frechet distance in the Inception features of pytorch-fid, the space of published figures.

Source: Heusel et al. 2017, arXiv 1706.08500; weights and resizing of pytorch-fid (mseitzer), so figures compare with
those that cite it. Inception draws about 1.6 images a second on two cores: opt in with ``metric=[default,fid]``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from gsu_cli.data.base import to_float
from gsu_cli.errors import CheckpointError, UsageError
from gsu_cli.metrics.base import Scene, Subject
from gsu_cli.metrics.frechet import Gaussian, frechet
from gsu_cli.run.record import Measurement
from gsu_cli.run.seeds import generator

NAME = "fid"
WEIGHTS = "pt_inception-2015-12-05-6726825d.pth"
WAY_OUT = (
    f"Download {WEIGHTS} from the releases page of github.com/mseitzer/pytorch-fid on a machine with a network "
    "and pass metric.fid.weights_path=<file>"
)


class Fid:
    """FID of drawings against real retain images.

    Args:
        weights_path: the Inception weights of pytorch-fid; None lets pytorch-fid download them.
        samples: drawings and, at most, references; FID is biased upwards for few of them, so compare equal n only.
        batch_size: images a forward pass.
    """

    def __init__(self, weights_path: str | None = None, samples: int = 2048, batch_size: int = 64) -> None:
        if not (isinstance(samples, int) and samples >= 2):
            raise UsageError("`metric.fid.samples` must be an integer >= 2", found=samples)
        self.weights_path, self.samples, self.batch_size = weights_path, samples, batch_size
        self._net: Any = None

    def __call__(self, subject: Subject, scene: Scene) -> list[Measurement]:
        net = self._network()
        key = f"{NAME}/{self.samples}"
        if key not in scene.cache:
            index = scene.split.retain
            order = torch.randperm(len(index), generator=generator(scene.seed, NAME, "reference"))[: self.samples]
            scene.cache[key] = Gaussian.of(self._features(net, scene.split.dataset.train.pixels[index[order]]))
        features = self._features(net, subject.pixels[: self.samples])
        value = frechet(Gaussian.of(features), scene.cache[key])
        return [Measurement(NAME, subject.name, value, None, None, len(features), "", "lower", None, subject.sha256)]

    def _network(self) -> Any:
        if self._net is None:
            from pytorch_fid.inception import InceptionV3

            with _weights_from(self.weights_path):
                self._net = InceptionV3([InceptionV3.BLOCK_INDEX_BY_DIM[2048]]).eval()
        return self._net

    @torch.no_grad()
    def _features(self, net: Any, pixels: Tensor) -> Tensor:
        parts = []
        for chunk in pixels.split(self.batch_size):
            x = to_float(chunk)
            parts.append(net(x.expand(-1, 3, -1, -1) if x.shape[1] == 1 else x)[0].flatten(1))
        return torch.cat(parts)


@contextlib.contextmanager
def _weights_from(path: str | None) -> Iterator[None]:
    """Lets pytorch-fid build its network from a local file, or from its own download with a way out when that fails."""
    if path is None:
        try:
            yield
        except OSError as e:  # urllib's errors are OSErrors
            raise CheckpointError("`fid` needs Inception weights", found=f"no download ({e})", way_out=WAY_OUT) from e
        return
    file = Path(path)
    if not file.is_file():
        raise CheckpointError("`metric.fid.weights_path` must be an existing file", found=path, way_out=WAY_OUT)
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
        with patch("pytorch_fid.inception.load_state_dict_from_url", lambda *_, **__: state):
            yield
    except Exception as e:
        raise CheckpointError(
            "`metric.fid.weights_path` must hold pytorch-fid's Inception weights",
            found=f"{path} ({str(e).splitlines()[0]})",
            way_out=WAY_OUT,
        ) from e
