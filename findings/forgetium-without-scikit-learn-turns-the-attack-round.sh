#!/usr/bin/env bash
# forgetium 0.2.1 (evaluate_mia), torch 2.13.0, without and with scikit-learn 1.9.1, which is an optional extra.
# Guess: loss_auroc is the chance that a training record has a lower loss than a fresh one, 0.5 for a model that knows nothing; whether
#   scikit-learn is installed cannot matter.
# Truth: without it the area is found by ranks of the loss, not of its negative: 1 minus the area. Ties get different ranks, in
#   the order in which they are sorted: members come first in the list.
# Matters: a plain install reports 0.02 for a model that leaks (0.98 with scikit-learn), and of a model that says the same of every token,
#   which has forgotten all there is, here an area of 0 and a "distinguishability" of 1.0, the mark of "weak unlearning" (0.5 with).
#   Install scikit-learn beside it.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==2.4.6 scipy==1.17.1 transformers==5.24.0 \
  pydantic==2.14.4 PyYAML==6.0.4 rich==14.3.3 tqdm==4.70.1
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps forgetium==0.2.1
cat > attack.py <<'PY'
import importlib.util
from importlib.metadata import version
from types import SimpleNamespace

import numpy as np
import torch
from forgetium.metrics import evaluate_mia
from torch import nn

HAS = importlib.util.find_spec("sklearn") is not None
print(*(f"{name} {version(name)}" for name in ("forgetium", "torch")), f"scikit-learn {version('scikit-learn')}" if HAS else "without scikit-learn")
rng = np.random.default_rng(0)
LETTERS, NUMBER, LENGTH = 26, 100, 30
tokenizer = SimpleNamespace(encode=lambda text, add_special_tokens: [ord(letter) - 97 for letter in text])


def records():
    return [{"prompt": "a", "response": "".join(chr(97 + i) for i in rng.integers(LETTERS, size=LENGTH))} for _ in range(NUMBER)]


class Pairs(nn.Module):
    """A language model that knows how often a letter follows another in the texts it was trained on."""

    def __init__(self, texts):
        super().__init__()
        counts = torch.full((LETTERS, LETTERS), 0.01)
        for text in texts:
            for one, next_one in zip(text["prompt"] + text["response"], text["response"]):
                counts[ord(one) - 97, ord(next_one) - 97] += 1
        self.table = nn.Parameter((counts / counts.sum(1, keepdim=True)).log())

    def forward(self, input_ids, attention_mask):
        return SimpleNamespace(logits=self.table[input_ids])


def losses(model, texts):
    log_p = torch.log_softmax(model.table, 1)
    return np.array([-np.mean([float(log_p[ord(a) - 97, ord(b) - 97]) for a, b in zip(t["prompt"] + t["response"], t["response"])]) for t in texts])


members, fresh = records(), records()
for name, model in (("a model that leaks", Pairs(members)), ("a model that says the same of every token", Pairs([]))):
    low, high = losses(model, members), losses(model, fresh)
    wanted = ((low[:, None] < high).mean() + 0.5 * (low[:, None] == high).mean()).item()
    found = evaluate_mia(model, tokenizer, members, fresh)
    seen = found["loss_auroc"]
    print(f"  {name}: expected {wanted:.3f}, seen {seen:.3f}, distinguishability {found['loss_auroc_distinguishability']:.3f}")
    if HAS:
        assert abs(seen - wanted) < 1e-3
    elif name == "a model that leaks":
        assert wanted > 0.9 and abs(seen - (1 - wanted)) < 1e-3, "the area is of the negative loss now"
    else:
        assert wanted == 0.5 and abs(seen - 0.5) > 1e-6, "ties share their ranks now"
PY
"$dir/venv/bin/python" -W ignore attack.py
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile scikit-learn==1.9.1
"$dir/venv/bin/python" -W ignore attack.py
echo "behaviour as described"
