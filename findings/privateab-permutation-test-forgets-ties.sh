#!/usr/bin/env bash
# privateAB 0.0.2 (server_multinomial_genrr, release_p_value_permutation), torch 2.13.0.
# Guess: a permutation test rejects equal distributions at 5 % in at most 5 of 100 cases, whatever they are: that is what
#   a permutation test is for, and why the package has one beside its chi-squared test.
# Truth: its p-value counts the permutations whose statistic is *greater* than the one seen; those that equal it must count
#   too (Lehmann and Romano, "Testing Statistical Hypotheses", 15.2: 1 + the number that are at least as large). Shares of few answers
#   take few values, so many permutations give exactly the statistic that was seen.
# Matters: whether two generators draw a class equally often, told from few private answers each, looks different in two to
#   three times as many cases as it should. Count ">=", or give the chi-squared p-value.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile numpy==2.4.6 scipy==1.17.1 pandas==2.3.3 torch==2.13.0 privateAB==0.0.2
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import torch
from privateAB.client import client
from privateAB.server import server_multinomial_genrr

print(*(f"{name} {version(name)}" for name in ("privateAB", "torch")))
torch.set_num_threads(1)
torch.manual_seed(0)
PERMUTATIONS, CASES = 199, 500


def tested(n):
    """P-value of two samples of one fair coin, each answer made private, and the same with ties counted."""
    coins = [torch.randint(0, 2, (n,)) for _ in range(2)]
    y, z = (client().release_private("genrr", c, 2, 1.0, "cpu") for c in coins)
    server = server_multinomial_genrr(1.0)
    server.load_private_data_multinomial(y, z, 2, "cpu", "cpu")
    kept = []
    of_package = server.get_p_value_proxy
    server.get_p_value_proxy = lambda permuted, seen: kept.append((permuted, seen)) or of_package(permuted, seen)
    p, _ = server.release_p_value_permutation(PERMUTATIONS)
    permuted, seen = kept[0]
    return p, (1 + int((permuted >= seen * (1 - 1e-5)).sum())) / (PERMUTATIONS + 1)


for n in (10,):
    p, with_ties = torch.tensor([tested(n) for _ in range(CASES)]).T
    wrong, right = (float((x <= 0.05).double().mean()) for x in (p, with_ties))
    print(f"  {n} answers each, one distribution: rejected at 5 % expected at most 0.05, seen {wrong:.3f}; ties counted {right:.3f}")
    assert right <= 0.05 + 0.02
    assert wrong > 0.09, "ties count now"
print("behaviour as described")
PY
