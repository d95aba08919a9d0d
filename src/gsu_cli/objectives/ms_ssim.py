"""Multi-scale structural similarity, for images as small as MNIST's, from pytorch-msssim's single scale.

    MS-SSIM = l_M^w_M prod_j cs_j^w_j,  l = (2 mu_x mu_y + c_1) / (mu_x^2 + mu_y^2 + c_1),
    cs = (2 s_xy + c_2) / (s_x^2 + s_y^2 + c_2)

with local means ``mu`` and covariances ``s`` under a Gaussian window, at scales ``j`` that halve the image each time.
Source: Wang, Simoncelli and Bovik, "Multi-scale structural similarity", Asilomar 2003. The usual five scales need 176
pixels, and the library's own `ms_ssim` refuses 28 at any number of them. Here there are at most three, under a window
of 7 pixels, with the first weights of the source brought to sum 1. Where ``c_1`` is far above any brightness, ``l`` is
1 and the library's `ssim` is ``cs``.
"""

from __future__ import annotations

import torch.nn.functional as F
from pytorch_msssim import ssim
from torch import Tensor

from gsu_cli.errors import UsageError

WEIGHTS = (0.0448, 0.2856, 0.3001)
K1, K2 = 0.01, 0.03  # roots of c_1 and c_2 for pixels in [0, 1]
CONTRAST_ALONE = 1e5
WINDOW, SIGMA = 7, 1.5  # pixels; the window at the coarsest scale decides how many scales there are


def ms_ssim(x: Tensor, y: Tensor) -> Tensor:
    """Similarity of each pair, ``(n,)`` in [0, 1], 1 where they are equal; differentiable.

    Args:
        x: images in [0, 1], ``(n, c, h, w)``.
        y: as ``x``.

    Raises:
        UsageError: the images are smaller than the window.
    """
    least = min(x.shape[-2:])
    scales = sum(least >> j >= WINDOW for j in range(len(WEIGHTS)))
    if not scales:
        raise UsageError(f"MS-SSIM needs images of at least {WINDOW} pixels a side", found=list(x.shape[-2:]))
    n, c = x.shape[:2]
    x, y = (v.flatten(0, 1)[:, None] for v in (x, y))  # each channel on its own
    total = x.new_ones(n * c)
    for j, weight in enumerate(WEIGHTS[:scales]):
        if j:
            odd = [side % 2 for side in x.shape[-2:]]  # as the libraries do it
            x, y = (F.avg_pool2d(v, 2, padding=(odd[0], odd[1])) for v in (x, y))
        k = (K1 if j == scales - 1 else CONTRAST_ALONE, K2)
        found = ssim(x, y, data_range=1.0, size_average=False, win_size=WINDOW, win_sigma=SIGMA, K=k)
        # a negative similarity has no power; its floor keeps the gradient finite
        total = total * found.clamp(min=1e-6).pow(weight / sum(WEIGHTS[:scales]))
    return total.view(n, c).mean(1)
