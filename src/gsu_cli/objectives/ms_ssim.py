"""Multi-scale structural similarity, for images as small as MNIST's.

    MS-SSIM = l_M^w_M prod_j cs_j^w_j,  l = (2 mu_x mu_y + c_1) / (mu_x^2 + mu_y^2 + c_1),
    cs = (2 s_xy + c_2) / (s_x^2 + s_y^2 + c_2)

with local means ``mu`` and covariances ``s`` under a Gaussian window, at scales ``j`` that halve the image each time.
Source: Wang, Simoncelli and Bovik, "Multi-scale structural similarity", Asilomar 2003. The usual five scales need 176
pixels and pytorch-msssim refuses 28 at any number of them; torchmetrics takes them, but four seconds to import. Here
there are at most three, under a window of 7 pixels, with the first weights of the source brought to sum 1.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from gsu_cli.errors import UsageError

WEIGHTS = (0.0448, 0.2856, 0.3001)
C1, C2 = 0.01**2, 0.03**2  # for pixels in [0, 1]


def ms_ssim(x: Tensor, y: Tensor, *, window: int = 7, sigma: float = 1.5) -> Tensor:
    """Similarity of each pair, ``(n,)`` in [0, 1], 1 where they are equal; differentiable.

    Args:
        x: images in [0, 1], ``(n, c, h, w)``.
        y: as ``x``.
        window: pixels of the window, odd; its size at the coarsest scale decides how many scales there are.
        sigma: of the window, pixels.

    Raises:
        UsageError: the images are smaller than the window.
    """
    least = min(x.shape[-2:])
    scales = sum(least >> j >= window for j in range(len(WEIGHTS)))
    if not scales:
        raise UsageError(f"MS-SSIM needs images of at least {window} pixels a side", found=list(x.shape[-2:]))
    c = x.shape[1]
    line = torch.exp(-0.5 * ((torch.arange(window, dtype=x.dtype, device=x.device) - window // 2) / sigma).square())
    kernel = torch.outer(line / line.sum(), line / line.sum()).expand(c, 1, window, window)
    total = x.new_ones(len(x), c)
    for j, weight in enumerate(WEIGHTS[:scales]):
        if j:
            odd = [side % 2 for side in x.shape[-2:]]  # as the libraries do it
            x, y = (F.avg_pool2d(v, 2, padding=(odd[0], odd[1])) for v in (x, y))
        # one convolution for all five moments
        moments = F.conv2d(torch.cat([x, y, x * x, y * y, x * y]), kernel, groups=c)
        mu_x, mu_y, xx, yy, xy = moments.chunk(5)
        cs = (2 * (xy - mu_x * mu_y) + C2) / (xx - mu_x.square() + yy - mu_y.square() + C2)
        if j == scales - 1:
            cs = cs * (2 * mu_x * mu_y + C1) / (mu_x.square() + mu_y.square() + C1)
        # a negative similarity has no power; its floor keeps the gradient finite
        total = total * cs.mean((2, 3)).clamp(min=1e-6).pow(weight / sum(WEIGHTS[:scales]))
    return total.mean(1)
