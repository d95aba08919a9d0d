#!/usr/bin/env bash
# pyDVL 0.10.0 (VRDSSampler; StratifiedSampler with a given n_samples), numpy 1.26.4, scipy 1.17.1.
# Guess: a stratified Shapley value is the mean over set sizes of the mean marginal at that size; where every marginal of a size is the same
#   it is exact, with any number of samples that reaches the size.
# Truth: a marginal is weighted by the share of samples that its size was to get, 14.27 or 0.38, though whole numbers of them are drawn: 14,
#   1, or none. A size with none counts as marginals of 0; its weight goes to no other. No seed and no repetition changes it.
# Matters: values of 100 voters of equal weight, whose sum is 1, are 0 with 100 samples an index, 1.76 in sum with 150 and 1.06 with 500;
#   100 points of use in pairs only are worth 0.35 with 100 samples, not 0.50. PermutationSampler is right.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile numpy==1.26.4 scipy==1.17.1 pandas==2.3.3 scikit-learn==1.9.1 pydvl==0.10.0
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
from pydvl.valuation.games import MinerGame, SymmetricVotingGame
from pydvl.valuation.methods import ShapleyValuation
from pydvl.valuation.samplers import PermutationSampler, VRDSSampler
from pydvl.valuation.samplers.stratified import HarmonicSampleSize
from pydvl.valuation.stopping import MinUpdates, NoStopping

print(*(f"{name} {version(name)}" for name in ("pyDVL", "numpy", "scipy")))
N = 100


def values(game, sampler, until):
    return ShapleyValuation(game.u, sampler, is_done=until, progress=False).fit(game.data).result.values


def votes(coalition):
    return float(len(coalition) > N // 2)


def pairs(coalition):
    return len(coalition) // 2


for name, game, worth, each in (("voters of equal weight", SymmetricVotingGame(N), votes, 1 / N), ("points of use in pairs only", MinerGame(N), pairs, 1 / 2)):
    marginals = np.array([worth(range(k + 1)) - worth(range(k)) for k in range(N)], float)
    assert np.isclose(marginals.mean(), each)
    by_permutations = values(game, PermutationSampler(seed=0), MinUpdates(40))
    assert abs(by_permutations.sum() / N - each) < 1e-9
    print(f"  {N} {name}: by permutations the values have a sum of {by_permutations.sum():.3f}, as they must by definition")
    for samples in (100, 150, 500):
        found = values(game, VRDSSampler(n_samples_per_index=samples, seed=0), NoStopping())
        again = values(game, VRDSSampler(n_samples_per_index=samples, seed=1), NoStopping()) if samples == 100 else found
        drawn, shares = (HarmonicSampleSize(n_samples=samples).sample_sizes(N - 1, probs=probs) for probs in (False, True))
        reached = drawn > 0
        print(f"    {samples} samples an index, {np.sum(~reached)} of {N} set sizes without one: expected a sum of {each * N:.3f} (over the sizes reached "
              f"{marginals[reached].mean() * N:.3f}), seen {found.sum():.3f}, each {found.min():.4f} to {found.max():.4f}")
        assert np.allclose(found, again) and np.allclose(found, found[0])
        assert np.isclose(found[0], np.mean(drawn / (shares * samples) * marginals)), "the numbers drawn are divided by now"
        if samples in (100, 150):
            assert abs(found.sum() / (each * N) - 1) > 0.14
print("behaviour as described")
PY
