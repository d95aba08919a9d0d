"""FID: the Frechet distance in the Inception features of pytorch-fid, the space of published figures.

Source: Heusel et al. 2017, arXiv 1706.08500; weights and resizing of pytorch-fid (mseitzer), so figures compare with
those that cite it. Inception reads about 1.6 images a second on two cores: opt in with ``metric=[default,fid]``.

The distance is `evaluation.frechet`'s, by symmetric eigenvalues: pytorch-fid's own calls scipy's ``sqrtm`` with an
argument that SciPy 1.18 has dropped. No interval is given. With 2,048 features and as many drawings the covariance
is barely of full rank; resampling n drawings leaves about 0.63 n distinct ones, whose covariance is not, so a
bootstrap would measure its own bias, and each resample costs eigenvalues of a 2,048 x 2,048 matrix on top.
`frechet_distance` has an interval and answers the same question.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from functools import partial
from http.client import HTTPException
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from gsu_cli.checks import is_int
from gsu_cli.data.base import to_float
from gsu_cli.errors import CheckpointError, UsageError
from gsu_cli.evaluation.frechet import Gaussian, frechet
from gsu_cli.metrics.base import EvaluatedModel, EvaluationContext, Kind
from gsu_cli.run.record import Measurement
from gsu_cli.run.seeds import generator
from gsu_cli.surgery.ranks import joined

NAME = "fid"
FID = Kind(NAME, "FID (Inception)", "quality", "", "lower")
WEIGHTS = "pt_inception-2015-12-05-6726825d.pth"
LOADER = "pytorch_fid.inception.load_state_dict_from_url"
WAY_OUT = (
    f"Download {WEIGHTS} from the releases page of github.com/mseitzer/pytorch-fid on a machine with a network "
    "and pass metric.fid.weights_path=<file>"
)


class Fid:
    """FID of samples against real retain images.

    Args:
        weights_path: the Inception weights of pytorch-fid; None lets pytorch-fid download them.
        samples: generated images and, at most, references; FID is biased upwards for few: compare equal n only.
        batch_size: images a forward pass.
    """

    of_real_images = True

    def __init__(self, weights_path: str | None = None, samples: int = 2048, batch_size: int = 64) -> None:
        for key, value, least in (("samples", samples, 2), ("batch_size", batch_size, 1)):
            if not is_int(value, least):
                raise UsageError(f"`metric.fid.{key}` must be an integer >= {least}", found=value)
        if weights_path is not None and not Path(weights_path).expanduser().is_file():
            raise CheckpointError(
                "`metric.fid.weights_path` must be an existing file", found=weights_path, way_out=WAY_OUT
            )
        self.weights_path = None if weights_path is None else str(Path(weights_path).expanduser())
        self.samples, self.batch_size = samples, batch_size
        self._net: Any = None

    def __call__(self, subject: EvaluatedModel, context: EvaluationContext) -> list[Measurement]:
        few = min(len(subject.pixels), context.split.n_retain)
        if few < 2:
            reason = f"a covariance needs at least two images, here is {few}"
            return [FID.missing(subject, reason)]
        net = self._network()
        key = f"{NAME}/{self.samples}"
        if key not in context.cache:
            index = context.split.retain
            order = torch.randperm(len(index), generator=generator(context.seed, NAME, "reference"))[: self.samples]
            context.cache[key] = Gaussian.of(self._features(net, context.split.dataset.train.pixels[index[order]]))
        features = self._features(net, subject.pixels[: self.samples])
        value = frechet(Gaussian.of(features), context.cache[key])
        return [FID.of(subject, value, n=len(features))]

    def _network(self) -> Any:
        if self._net is None:
            from pytorch_fid.inception import InceptionV3

            with _weights_from(self.weights_path):
                self._net = InceptionV3([InceptionV3.BLOCK_INDEX_BY_DIM[2048]]).eval()
        return self._net

    @torch.no_grad()
    def _features(self, net: Any, pixels: Tensor) -> Tensor:
        def features(chunk: Tensor) -> Tensor:
            x = to_float(chunk)
            found: Tensor = net(x.expand(-1, 3, -1, -1) if x.shape[1] == 1 else x)[0].flatten(1)  # grey as RGB
            return found

        return joined(pixels.split(self.batch_size), features)


@contextlib.contextmanager
def _weights_from(path: str | None) -> Iterator[None]:
    """Lets pytorch-fid build its network from a local file, or from its own download; never unpickles code."""
    rule = "`fid` needs Inception weights" if path is None else "`metric.fid.weights_path` must hold them"
    try:
        # pytorch-fid would unpickle whatever came down the line
        fetch = partial(torch.hub.load_state_dict_from_url, map_location="cpu", check_hash=True, weights_only=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about odd pickles, which end in the sentence below
            state = None if path is None else torch.load(path, map_location="cpu", weights_only=True)
        with patch(LOADER, fetch if path is None else lambda *_, **__: state):
            yield
    except (OSError, HTTPException) as e:  # urllib's errors are OSErrors
        why = f"no download ({e})" if path is None else f"{path} ({e})"
        raise CheckpointError(rule, found=why, way_out=WAY_OUT) from e
    except UnpicklingError as e:
        why = "a pickle, which is never loaded (it can run code), or no file of weights"
        raise CheckpointError(rule, found=f"{why}: {path or 'the download'}", way_out=WAY_OUT) from e
    except Exception as e:  # truncated, other tensors, no file of torch's: torch raises anything here
        why = (str(e).splitlines() or [type(e).__name__])[0].rstrip(":. ")
        raise CheckpointError(rule, found=f"{path or 'a damaged download'} ({why})", way_out=WAY_OUT) from e
