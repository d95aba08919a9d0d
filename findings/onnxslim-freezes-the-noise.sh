#!/usr/bin/env bash
# onnxslim 0.1.98 (slim, as the command `onnxslim in.onnx out.onnx` calls it), onnx 1.23.2, onnxruntime 1.32.0.
# Guess: slimming a graph leaves what it computes, so a generator that draws its own noise goes on drawing it.
# Truth: a node is folded when all of its inputs are constants. RandomNormal and RandomUniform have no inputs, those of
#   RandomNormalLike and Bernoulli are often constants: each is run once, and its sample becomes a weight of the file. Only
#   nodes that depend on an input of the graph stay random.
# Matters: a decoder or a sampler with its noise inside returns one batch of images for ever, with no word. Shares of a class
#   among 10,000 samples are then those of that one batch. Give the noise to the graph as an input, or leave the file as it
#   was exported.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0 onnxslim==0.1.98
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
import onnxruntime
import onnxslim
from onnx import TensorProto, checker, helper, numpy_helper

print(*(f"{name} {version(name)}" for name in ("onnxslim", "onnx", "onnxruntime")))
quiet = onnxruntime.SessionOptions()
quiet.log_severity_level = 3
decoder = np.random.default_rng(0).normal(size=(4, 9)).astype(np.float32)


def generator(noise, inputs=()):
    """Images of 3 x 3 pixels from two latents: noise, then one layer."""
    layer = [helper.make_node("MatMul", ["z", "W"], ["logits"]), helper.make_node("Sigmoid", ["logits"], ["images"])]
    weights = {"W": decoder, "half": np.full((2, 4), 0.5, np.float32)}
    graph = helper.make_graph(
        [*noise, *layer], "generator", list(inputs), [helper.make_tensor_value_info("images", TensorProto.FLOAT, [2, 9])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    checker.check_model(model, full_check=True)
    return model


def different(model, feed=None, calls=50):
    """How many different batches so many calls of one session give."""
    session = onnxruntime.InferenceSession(model.SerializeToString(), quiet)
    return len({session.run(None, feed or {})[0].tobytes() for _ in range(calls)})


like = helper.make_tensor_value_info("like", TensorProto.FLOAT, [2, 4])
given = {"like": np.zeros((2, 4), np.float32)}
cases = {
    "RandomNormal": (generator([helper.make_node("RandomNormal", [], ["z"], shape=[2, 4])]), {}),
    "RandomUniform": (generator([helper.make_node("RandomUniform", [], ["z"], shape=[2, 4])]), {}),
    "RandomNormalLike a weight": (generator([helper.make_node("RandomNormalLike", ["half"], ["z"])]), {}),
    "Bernoulli of a weight": (generator([helper.make_node("Bernoulli", ["half"], ["z"])]), {}),
    "RandomNormalLike an input": (generator([helper.make_node("RandomNormalLike", ["like"], ["z"])], [like]), given),
}
for name, (model, feed) in cases.items():
    slim = onnxslim.slim(model)
    before, after = different(model, feed), different(slim, feed)
    kinds = [node.op_type for node in slim.graph.node]
    print(f"  {name}: different batches in 50 calls: {before} before, expected {before} after, seen {after}; left are {kinds}")
    assert before > 20
    if feed:
        assert after > 20 and kinds[0] == "RandomNormalLike"
    else:
        assert after == 1 and not any(k.startswith("Random") or k == "Bernoulli" for k in kinds), "noise is kept now"
print("behaviour as described")
PY
