#!/usr/bin/env bash
# pycramer 0.2.0 (cramer_test with sim="eigenvalue"), numpy 2.4.6.
# Guess: the statistic is a distance, so with all values in another unit it and its critical value grow alike, and the p-value stays; the
#   eigenvalues give what permutations give, without the wait.
# Truth: the distribution under the null hypothesis is found on a grid whose first step, 2 pi / K = 0.04, and whose end are the same in every
#   unit. Of losses of thousandths everything lies before the first steps: p is near one half whatever the sets are, and no word is said.
#   Of losses of thousands it lies beyond the end: there is a warning, p can be 8.9, and the decision (`result`) says the opposite of p.
# Matters: images that differ by 0.8 deviations in squared error of a pixel are not told apart (p = 0.53, by permutations 0), and two equal sets in
#   nats of an image are told apart. Divide all values by their deviation first, or take sim="permutation", which does not care.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile numpy==2.4.6 pycramer==0.2.0
"$dir/venv/bin/python" - <<'PY'
import warnings
from importlib.metadata import version

import numpy as np
from pycramer import cramer_test

print("pycramer", version("pycramer"), "numpy", np.__version__)
rng = np.random.default_rng(0)
losses, moved, alike = rng.normal(size=100), rng.normal(size=100) + 0.8, rng.normal(size=100)


def test(other, unit, sim):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = cramer_test(losses * unit, other * unit, sim=sim, replicates=999, random_state=1)
    return found.p_value, found.result, found.statistic / unit, found.crit_value / unit, len(said)


seen = {}
for name, other in (("0.8 deviations apart", moved), ("of one distribution", alike)):
    by_permutation = {test(other, unit, "permutation")[:2] for unit in (1e-3, 1, 1e3)}
    assert len(by_permutation) == 1
    expected, decision = by_permutation.pop()
    print(f"  two sets {name}: by permutations p = {expected:.3f}, differ: {bool(decision)}, in every unit")
    assert decision == (other is moved)
    for unit in (1e-3, 1, 1e3, 1e4):
        seen[name, unit] = p, decision, statistic, critical, said = test(other, unit, "eigenvalue")
        print(f"    by eigenvalues, in a unit of {unit:g}: expected the same, seen p = {p:.3f}, differ: {bool(decision)} "
              f"(statistic {statistic:.2f}, critical {critical:.2f} of it, {said} warnings)")
    p, decision, *_ = seen[name, 1]
    assert abs(p - expected) < 0.05 and decision == (other is moved)
    small, large, huge = (seen[name, unit] for unit in (1e-3, 1e3, 1e4))
    assert 0.4 < small[0] < 0.6 and not small[1] and small[4] == 0, "small units are told now"
    assert large[0] > 0.5 and large[1] and huge[0] > 1 and huge[1], "large units are told now"
print("behaviour as described")
PY
