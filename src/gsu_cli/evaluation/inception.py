"""Inception features as pytorch-fid gives them, the space of published figures.

Weights and resizing are pytorch-fid's (mseitzer), so figures compare with those that cite it. Inception reads about 1.6
images a second on two cores; metrics of one run share what it has seen.
"""

from __future__ import annotations

import contextlib
import tempfile
import warnings
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor

from gsu_cli.checks import as_int
from gsu_cli.data.base import to_float
from gsu_cli.errors import CheckpointError
from gsu_cli.evaluation.context import EvaluationContext
from gsu_cli.evaluation.evaluated_model import EvaluatedModel
from gsu_cli.evaluation.real_images import some

WEIGHTS = "pt_inception-2015-12-05-6726825d.pth"


class Inception:
    """The network behind the options of a metric that looks through it.

    Args:
        metric: that asks, for messages.
        weights_path: the Inception weights of pytorch-fid; None downloads them.
        batch_size: images a forward pass.

    Raises:
        UsageError: ``batch_size`` is no integer >= 1.
        CheckpointError: there is no such file.
    """

    def __init__(self, metric: str, weights_path: str | None, batch_size: int) -> None:
        self.metric, self.batch_size = metric, as_int(f"metric.{metric}.batch_size", batch_size, least=1)
        self.path = None if weights_path is None else Path(weights_path).expanduser()
        if self.path is not None and not self.path.is_file():
            raise CheckpointError(
                f"`metric.{metric}.weights_path` must be an existing file", found=weights_path, way_out=self._way_out()
            )
        self._net: Any = None

    def of(self, subject: EvaluatedModel, n: int, context: EvaluationContext) -> Tensor:
        """Features ``(n, 2048)`` of ``n`` images of ``subject`` (see `some`), computed once a run."""
        key = f"inception/{subject.name}/{subject.sha256}/{n}"
        if key not in context.cache:
            context.cache[key] = self.features(subject.pixels[some(n, subject, context.seed)])
        found: Tensor = context.cache[key]
        return found

    @torch.no_grad()
    def features(self, pixels: Tensor) -> Tensor:
        """Features ``(n, 2048)`` of uint8 images."""
        net, parts = self.network(), []
        for chunk in pixels.split(self.batch_size):
            x = to_float(chunk)
            parts.append(net(x.expand(-1, 3, -1, -1) if x.shape[1] == 1 else x)[0].flatten(1))  # grey as RGB
        return torch.cat(parts)

    def network(self) -> Any:
        """pytorch-fid's, in evaluation mode.

        Raises:
            CheckpointError: the weights cannot be had, or are none.
        """
        if self._net is None:
            from pytorch_fid.inception import InceptionV3

            with self._sentences(), _hub_with(self._state()):
                self._net = InceptionV3([InceptionV3.BLOCK_INDEX_BY_DIM[2048]]).eval()
        return self._net

    def _state(self) -> Any:
        """The weights; pytorch-fid itself would unpickle whatever came down the line."""
        from pytorch_fid.inception import FID_WEIGHTS_URL

        with self._sentences(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about odd pickles, which end in a sentence
            if self.path is not None:
                return torch.load(self.path, map_location="cpu", weights_only=True)
            return torch.hub.load_state_dict_from_url(
                FID_WEIGHTS_URL, map_location="cpu", check_hash=True, weights_only=True
            )

    @contextlib.contextmanager
    def _sentences(self) -> Iterator[None]:
        """What torch and the network raise, as one sentence."""
        local = self.path is not None
        rule = f"`metric.{self.metric}.weights_path` must hold them" if local else f"`{self.metric}` needs weights"
        try:
            yield
        except CheckpointError:
            raise
        except (OSError, HTTPException) as e:  # urllib's errors are OSErrors
            why = f"{self.path} ({e})" if local else f"no download ({e})"
            raise CheckpointError(rule, found=why, way_out=self._way_out()) from e
        except UnpicklingError as e:
            why = "a pickle, which is never loaded (it can run code), or no file of weights"
            raise CheckpointError(rule, found=f"{why}: {self.path or 'the download'}", way_out=self._way_out()) from e
        except Exception as e:  # truncated, other tensors, no file of torch's: torch raises anything here
            why = (str(e).splitlines() or [type(e).__name__])[0].rstrip(":. ")
            found = f"{self.path or 'a damaged download'} ({why})"
            raise CheckpointError(rule, found=found, way_out=self._way_out()) from e

    def _way_out(self) -> str:
        return (
            f"Download {WEIGHTS} from the releases page of github.com/mseitzer/pytorch-fid on a machine with a network "
            f"and pass metric.{self.metric}.weights_path=<file>"
        )


@contextlib.contextmanager
def _hub_with(state: Any) -> Iterator[None]:
    """Lets pytorch-fid find ``state`` where it keeps its downloads: its network loads its weights by itself alone."""
    before = torch.hub.get_dir()
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "checkpoints" / WEIGHTS
        kept.parent.mkdir()
        torch.save(state, kept)
        torch.hub.set_dir(folder)
        try:
            yield
        finally:
            torch.hub.set_dir(before)
