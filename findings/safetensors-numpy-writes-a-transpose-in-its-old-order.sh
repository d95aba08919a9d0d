#!/usr/bin/env bash
# safetensors 0.8.0 (safetensors.numpy.save, save_file), numpy 2.4.6; scikit-learn 1.9.1 for arrays as they come.
# Guess: an array is saved by its values; one whose memory is laid out otherwise is copied first (0.7 did), or refused, as torch's
#   save_file refuses it.
# Truth: since 0.8.0 shape and type are written beside the bytes as they lie in memory. Of a transpose, or any array in Fortran
#   order, the numbers are all there and in other places: shape, type, mean and spread are right. Nothing is said. (Reported
#   as issue 825 of safetensors.)
# Matters: weights brought over from another framework are transposed on the way as a rule, and directions that scikit-learn
#   has fitted (PCA, LDA, logistic regression) come in Fortran order by themselves: a labeller saved that way guesses. Call
#   np.ascontiguousarray first. A bias, a square identity or a constant shows nothing in a test.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile safetensors==0.8.0 numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
from safetensors.numpy import load, load_file, save, save_file
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

print(*(f"{name} {version(name)}" for name in ("safetensors", "numpy", "scikit-learn")))
kernel = np.random.default_rng(0).normal(size=(64, 10)).astype(np.float32)  # (in, out), as Keras and Flax keep it
back = load(save({"weight": kernel.T}))["weight"]
print(f"  a transpose: shape {back.shape} for {kernel.T.shape}, mean {back.mean():.4f} for {kernel.mean():.4f}, "
      f"expected 100% of its numbers in place, seen {(back == kernel.T).mean():.1%}")
assert back.shape == kernel.T.shape and np.array_equal(np.sort(back, None), np.sort(kernel, None))
assert (back == kernel.T).mean() < 0.05, "layouts are kept, or refused, now"
assert np.array_equal(load(save({"weight": np.ascontiguousarray(kernel.T)}))["weight"], kernel.T)

images, digit = load_digits(return_X_y=True)
pca = PCA(16, svd_solver="full").fit(images)
parts = {"mean": pca.mean_, "components": pca.components_}
save_file(parts, "pca.safetensors")
read = load_file("pca.safetensors")


def nearest(mean, components):
    """Share of the digits that a nearest-centroid vote in these directions names rightly."""
    z = (images - mean) @ components.T
    centres = np.stack([z[digit == k].mean(0) for k in range(10)])
    return (((z[:, None] - centres) ** 2).sum(2).argmin(1) == digit).mean()


def kept(mean, components):
    """Share of the variance that is left after projecting on the directions and back."""
    centred = images - mean
    return 1 - ((centred - centred @ components.T @ components) ** 2).sum() / (centred**2).sum()


fitted, again = kept(**parts), kept(**read)
gram = np.abs(read["components"] @ read["components"].T - np.eye(16)).max()
print(f"  directions of PCA, C order: {pca.components_.flags.c_contiguous}: variance kept {fitted:.3f}, read back {again:.3f}; "
      f"off orthonormal by {gram:.2f}; a vote in them is right on {nearest(**parts):.1%} and {nearest(**read):.1%}")
assert not pca.components_.flags.c_contiguous and fitted > 0.8 and again < fitted - 0.3
print("behaviour as described")
PY
