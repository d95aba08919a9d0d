#!/usr/bin/env bash
# correlated-noise-mechanism 0.4.0 (get_noise_multiplier, by which CNMEngine.make_private_with_epsilon scales its noise), torch 2.13.0.
# Guess: "the noise level sigma to reach a total budget of (target_epsilon, target_delta)": a Gaussian mechanism of that noise, with the
#   sensitivity of the matrix behind the coefficients, has that epsilon at that delta, and a smaller delta asks for more noise.
# Truth: sigma^2 is sensitivity^2 / (2 rho). Of the mode Multi-Epoch-BLT (and its Adam) with participation="streaming" target_epsilon is taken
#   for rho, target_delta is never read, and the norm of a column is taken for its square; this last in the mode BLT, too.
# Matters: asked for 1, 2 and 8 at 1e-5 the true epsilon of one epoch is 8.1, 12 and 31, at 1e-9 11, 17 and 39, with the same noise. BLT
#   has 1.1, 2.2 and 9.2. Take sigma yourself: the sensitivity over mu of a Gaussian mechanism, by dp-accounting or its closed form.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==2.4.6 scipy==1.17.1 dp-accounting==0.6.0 opacus==1.6.0
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps correlated-noise-mechanism==0.4.0
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
import torch
from correlated_noise_mechanism.blt_optimizer_diffloss import BLTDifferentiableLossOptimizer
from correlated_noise_mechanism.utils import get_noise_multiplier
from scipy.optimize import brentq
from scipy.stats import norm

print(*(f"{name} {version(name)}" for name in ("correlated-noise-mechanism", "opacus", "dp-accounting", "torch")))
torch.set_num_threads(1)
STEPS = 100

def true_epsilon(ratio, delta):
    """Epsilon at delta of a Gaussian mechanism with sensitivity / sigma = ratio (Balle and Wang 2018, exact)."""
    return brentq(lambda e: norm.cdf(ratio / 2 - e / ratio) - np.exp(e + norm.logcdf(-ratio / 2 - e / ratio)) - delta, 1e-9, 2_000)


def matrix(omega, theta):
    """C, the lower triangular Toeplitz matrix with 1, and then the sum of omega_j theta_j^(i - 1)."""
    column = np.concatenate([[1.0], [np.sum(omega * theta**i) for i in range(STEPS - 1)]])
    return np.array([[column[i - j] if i >= j else 0.0 for j in range(STEPS)] for i in range(STEPS)])


found = BLTDifferentiableLossOptimizer(n=STEPS, d=4, participation_pattern="streaming", error_type="rmse").optimize(num_iterations=50, lr=0.01)
omega, theta = found["omega"], found["theta"]
c = matrix(omega.numpy(), theta.numpy())
sensitivity = np.linalg.norm(c, axis=0).max()  # every image takes part in one step, and moves its gradient by 1
print(f"  coefficients of {STEPS} steps: sensitivity {sensitivity:.3f}")


def sigma(mode, epsilon, delta):
    return float(get_noise_multiplier(target_epsilon=epsilon, target_delta=delta, sample_rate=1 / STEPS, mode=mode, participation="streaming",
                                      a=omega, lamda=theta, epochs=1, d=4))


for mode in ("Multi-Epoch-BLT", "Multi-Epoch-BLT-Adam", "BLT"):
    for epsilon in (1.0, 2.0, 8.0):
        for delta in (1e-5, 1e-9):
            noise = sigma(mode, epsilon, delta)
            true = true_epsilon(sensitivity / noise, delta)
            enough = brentq(lambda z: true_epsilon(sensitivity / z, delta) - epsilon, noise, 50 * noise)
            print(f"  {mode}, asked for {epsilon} at {delta:.0e}: expected sigma {enough:.2f} and that epsilon, seen sigma {noise:.2f}, epsilon {true:.2f}")
            if mode == "BLT":
                assert 1.05 < true / epsilon < 1.3, "the square of the norm is taken now"
            else:
                assert true > 3.8 * epsilon, "rho is found from epsilon and delta now"
                assert noise == sigma(mode, epsilon, 0.5), "delta is read now"
                assert np.isclose(noise**2, sensitivity / (2 * epsilon))
print("behaviour as described")
PY
