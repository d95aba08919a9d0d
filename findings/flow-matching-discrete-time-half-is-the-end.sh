#!/usr/bin/env bash
# flow-matching 1.0.10 (MixtureDiscreteEulerSolver.sample), torch 2.13.0.
# Guess: "The CTMC process is solved in the interval [time_grid[0], time_grid[-1]]", so up to time 0.5 half of the pixels of a
#   masked image are still masked, and going on from there to 1 gives what one run from 0 to 1 gives.
# Truth: the last step of every call takes the draw of the final image for the state, whatever time it ends at. No pixel is masked
#   at any end, and all that were are drawn in that one step, each by itself.
# Matters: a run that is stopped and resumed, edits from the middle, or likeness along the time: pixels that belong together are
#   drawn apart. Take the state from `return_intermediates` of a run to 1, or append 1 to the times and leave the last state out.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==2.4.6 torchdiffeq==0.2.5 scipy==1.17.1 tqdm==4.70.1 flow-matching==1.0.10
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import torch
from flow_matching.path import MixtureDiscreteProbPath
from flow_matching.path.scheduler import PolynomialConvexScheduler
from flow_matching.solver import MixtureDiscreteEulerSolver
from flow_matching.utils import ModelWrapper

print(*(f"{name} {version(name)}" for name in ("flow-matching", "torch")))
torch.set_num_threads(1)
torch.manual_seed(0)
MASK, N = 2, 4_000


class Perfect(ModelWrapper):
    """Images of two pixels, black or white together: what is known of each pixel when some are masked."""

    def forward(self, x, t, **extras):
        own, other = x, x.flip(1)
        said = torch.where(own != MASK, own, other)
        known = torch.nn.functional.one_hot(said, 3).float()
        return torch.where((said == MASK)[..., None], torch.tensor([0.5, 0.5, 0.0]), known)


solver = MixtureDiscreteEulerSolver(Perfect(None), MixtureDiscreteProbPath(PolynomialConvexScheduler(1.0)), 3)


def run(x, start, end):
    return solver.sample(x, step_size=None, time_grid=torch.linspace(start, end, round(100 * (end - start)) + 1))


noise = torch.full((N, 2), MASK)
once = run(noise, 0.0, 1.0)
middle = run(noise, 0.0, 0.5)
inside = solver.sample(noise, step_size=None, time_grid=torch.linspace(0, 1, 101), return_intermediates=True)[50]
resumed, right = run(middle, 0.5, 1.0), run(inside, 0.5, 1.0)
masked, masked_inside = (float((x == MASK).double().mean()) for x in (middle, inside))
apart, apart_resumed, apart_right = (float((x[:, 0] != x[:, 1]).double().mean()) for x in (once, resumed, right))
print(f"  masked at time 0.5: expected 0.5, seen {masked:.3f}; inside a run to 1: {masked_inside:.3f}")
print(f"  images whose pixels differ, expected about 0: one run {apart:.3f}, stopped at 0.5 and resumed {apart_resumed:.3f}; from inside {apart_right:.3f}")
assert abs(masked_inside - 0.5) < 0.02 and apart < 0.02 and apart_right < 0.02
assert masked == 0 and abs(apart_resumed - 0.125) < 0.02, "the last step keeps to its time now"
print("behaviour as described")
PY
