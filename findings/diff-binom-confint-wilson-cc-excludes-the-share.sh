#!/usr/bin/env bash
# diff-binom-confint 0.1.0 (compute_confidence_interval, method="wilson-cc").
# Guess: an interval of a share holds the share that was seen, so of no hit at all it begins at 0.
# Truth: the ends with continuity correction are computed by their formula throughout. It does not hold at the ends: of no
#   success the lower limit is 0, of successes alone the upper one is 1, "must be taken as" such (Newcombe 1998, Statistics in
#   Medicine 17, his method 4). The formula gives a limit above 0, clipped or not; Wilson's own interval has 0.
# Matters: of 10,000 samples in which a judge sees the forgotten class in none, the interval says that the class is surely
#   still there. Ask for method="wilson" or "clopper-pearson", or set the ends by hand.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile diff-binom-confint==0.1.0
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

from diff_binom_confint import compute_confidence_interval

print("diff-binom-confint", version("diff-binom-confint"))
for hits, n in ((0, 10), (0, 10_000), (10, 10), (3, 10)):
    seen = hits / n
    for method in ("wilson", "wilson-cc"):
        found = compute_confidence_interval(hits, n, 0.95, method)
        holds = found.lower_bound <= seen + 1e-12 and seen - 1e-12 <= found.upper_bound
        print(f"  {method}, {hits} of {n}: {found.lower_bound:.7f} to {found.upper_bound:.7f}; holds {seen:g}: expected True, seen {holds}")
        assert holds is not (method == "wilson-cc" and hits in (0, n)), "the ends are set now"
print("behaviour as described")
PY
