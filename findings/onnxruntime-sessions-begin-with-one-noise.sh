#!/usr/bin/env bash
# onnxruntime 1.32.0 (InferenceSession and set_seed) on graphs with RandomNormal and RandomNormalLike, onnx 1.23.2.
# Guess: noise without a seed is fresh everywhere (the operator's page: one is generated where none is given), and set_seed
#   sets the seed of what is run afterwards, as in numpy and torch.
# Truth: the seed is chosen once a process. Every session, of whatever file, begins with the same noise, and so does every
#   random node: RandomNormal and RandomNormalLike of one shape draw one and the same sample in their sessions. set_seed
#   reaches sessions that are made after it only; one that stands goes on as if nothing had been said.
# Matters: "five seeds" as five sessions in one process are one sample counted five times, with an interval of width zero;
#   original and unlearned generator are compared at the same noise in one process and at other noise in two; setting the seed
#   before each of several runs of a session repeats nothing. Call set_seed before each session, or pass noise as an input.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0
cat > noise.py <<'PY'
import sys
from importlib.metadata import version

import numpy as np
import onnxruntime
from onnx import TensorProto, checker, helper, numpy_helper

quiet = onnxruntime.SessionOptions()
quiet.log_severity_level = 3
N = 1000


def graph(node, factor):
    """``factor`` times the noise of one node: another file for every factor."""
    weights = {"like": np.zeros(N, np.float32), "factor": np.full(1, factor, np.float32)}
    nodes = [node, helper.make_node("Mul", ["z", "factor"], ["y"])]
    out = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [N])]
    whole = helper.make_graph(nodes, "noise", [], out, [numpy_helper.from_array(v, k) for k, v in weights.items()])
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    checker.check_model(model, full_check=True)
    return model.SerializeToString()


plain, like = helper.make_node("RandomNormal", [], ["z"], shape=[N]), helper.make_node("RandomNormalLike", ["like"], ["z"])
files = {(name, f): graph(node, f) for name, node in (("RandomNormal", plain), ("RandomNormalLike", like)) for f in (1, 2, 3)}
sample = lambda session: session.run(None, {})[0]
start = lambda key: onnxruntime.InferenceSession(files[key], quiet)
if "one" in sys.argv:
    print(repr(float(sample(start(("RandomNormal", 1)))[0])))
    sys.exit()

print("onnxruntime", version("onnxruntime"), "onnx", version("onnx"))
first = {key: sample(start(key)) / key[1] for key in files}
different = {tuple(np.round(x[:20], 4)) for x in first.values()}
print(f"  six files, a session each: expected 6 different samples, seen {len(different)}")
session = start(("RandomNormal", 1))
a, b = sample(session), sample(session)
print(f"  two calls of one session: correlation {np.corrcoef(a, b)[0, 1]:+.3f} (fresh noise)")
means = [sample(start(("RandomNormal", 1))).mean() for _ in range(5)]
print(f"  means of five sessions: expected to spread by {N ** -0.5:.3f}, seen {np.std(means):.3f}")
onnxruntime.set_seed(1)
once = sample(session)
onnxruntime.set_seed(1)
again = sample(session)
print(f"  set_seed(1) before two calls of one session: expected the same noise, seen {'the same' if (once == again).all() else 'two'}")
made = []
for _ in range(2):
    onnxruntime.set_seed(1)
    made.append(sample(start(("RandomNormal", 1))))
print(f"  set_seed(1) before two new sessions: {'the same' if (made[0] == made[1]).all() else 'two'}")
assert len(different) == 1 and max(means) == min(means), "sessions have noise of their own now"
assert abs(np.corrcoef(a, b)[0, 1]) < 0.2 and (once != again).any() and (made[0] == made[1]).all()
PY
one=$("$dir/venv/bin/python" -W ignore noise.py one); other=$("$dir/venv/bin/python" -W ignore noise.py one)
"$dir/venv/bin/python" -W ignore noise.py
echo "  two processes: $one and $other"
[ "$one" != "$other" ]
echo "behaviour as described"
