#!/usr/bin/env bash
# erasus 0.2.0, EpsilonDeltaMetric: the (epsilon, delta) of noisy unlearning steps on sampled batches.
# Guess: Renyi accounting gives an upper bound: epsilon may be too large, never too small.
# Truth: the "simplified" formula for sampled batches leaves out a factor of (order - 1) in the exponent. Where noise is
#   large and batches are a good part of the data, epsilon comes out five to seven times too small; at a sampling rate
#   of 0.99 it says 0.62, at 1.0 it says 5.4. With the defaults (rate 0.01, noise 1) it is seven times too large instead.
# Matters: a budget of 0.4 ("strong privacy", its own label) that is really 2.0.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==2.4.6 scipy==1.17.1 pyyaml==6.0.4 dp-accounting==0.6.0
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps erasus==0.2.0  # its other requirements are not used here
"$dir/venv/bin/python" -W ignore - <<'PY'
import math
from importlib.metadata import version
from dp_accounting import GaussianDpEvent, PoissonSampledDpEvent, SelfComposedDpEvent, pld
from erasus.metrics.privacy.epsilon_delta import EpsilonDeltaMetric
import torch
from scipy.optimize import brentq
from scipy.stats import norm

DELTA = 1e-5


def accountant(noise, rate, steps):  # numerical composition of the exact privacy loss, by dp-accounting
    step = GaussianDpEvent(noise) if rate == 1 else PoissonSampledDpEvent(rate, GaussianDpEvent(noise))
    exact = pld.PLDAccountant()
    exact.compose(SelfComposedDpEvent(step, steps))
    return exact.get_epsilon(DELTA)


def closed_form(noise, steps):  # without sampling the composition is one Gaussian mechanism
    mu = math.sqrt(steps) / noise
    return brentq(lambda e: norm.cdf(mu / 2 - e / mu) - math.exp(e + norm.logcdf(-mu / 2 - e / mu)) - DELTA, 1e-6, 100)


def library(noise, rate, steps):
    metric = EpsilonDeltaMetric(target_delta=DELTA, noise_multiplier=noise, sample_rate=rate, n_steps=steps)
    return metric.compute(torch.nn.Linear(1, 1), None)["epsilon"]


print("erasus", version("erasus"), "- epsilon at delta 1e-5")
assert abs(accountant(10, 1, 100) / closed_form(10, 100) - 1) < 0.01
seen = {}
for noise, rate, steps in ((10, 0.5, 100), (20, 0.5, 400), (10, 0.99, 100), (10, 1, 100), (1, 0.01, 100)):
    seen[noise, rate] = accountant(noise, rate, steps), library(noise, rate, steps)
    print(f"  noise {noise}, sampling rate {rate}, {steps} steps: expected at least {seen[noise, rate][0]:.2f},"
          f" seen {seen[noise, rate][1]:.2f}")
for key in ((10, 0.5), (20, 0.5), (10, 0.99)):
    assert seen[key][1] < seen[key][0] / 4, "epsilon is not understated any more"
assert seen[10, 1][1] > seen[10, 1][0] and seen[1, 0.01][1] > 3 * seen[1, 0.01][0]
print("behaviour as described")
PY
