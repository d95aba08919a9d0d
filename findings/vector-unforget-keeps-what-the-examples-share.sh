#!/usr/bin/env bash
# vector-unforget 4.2.0 (SubspaceProjector.compute_concept_subspace and project_matrix_multisubspace), numpy 2.4.6.
# Guess: "embedding variations of the same concept" span the subspace of the concept; vectors projected onto its complement have nothing
#   left in the direction that these examples share. With one example the direction is that example.
# Truth: the mean of the examples is taken away before the decomposition. What they share is in no basis vector: those are the differences
#   between the phrasings. With one example nothing is left to decompose, and the first coordinate is returned, whatever the concept.
# Matters: records of the forgotten concept keep their likeness to it, higher than before once they are normalised, and a search for it finds
#   them all; what was removed is how they were worded. Pass the mean of the examples to project_matrix_orthogonal, which removes it.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile numpy==2.4.6
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps vector-unforget==4.2.0
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
from vector_unforget import SubspaceProjector

print(*(f"{name} {version(name)}" for name in ("vector-unforget", "numpy")))
rng = np.random.default_rng(0)
SIZE, RECORDS = 64, 200


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


concept, wordings = unit(rng.normal(size=SIZE)), unit(rng.normal(size=(3, SIZE)))


def about(n):
    """Embeddings of n texts on the concept, each worded in its own mixture of three ways."""
    return unit(concept + 0.4 * rng.normal(size=(n, 3)) @ wordings + 0.02 * rng.normal(size=(n, SIZE))).astype(np.float32)


def found(vectors, others):
    """Share of these records among the nearest to the concept, as many as there are of them."""
    likeness = np.concatenate([vectors, others]) @ concept
    return float((np.argsort(-likeness)[: len(vectors)] < len(vectors)).mean())


examples, records, others = about(20), about(RECORDS), unit(rng.normal(size=(2_000, SIZE))).astype(np.float32)
projector = SubspaceProjector(device="cpu")
before = float((records @ concept).mean())
print(f"  likeness (cosine) of {RECORDS} records with their concept: {before:.3f}, found by a search {found(records, others):.2f}")
for rank in (1, 2, 3):
    basis, _ = projector.compute_concept_subspace(examples, rank=rank)
    kept = projector.project_matrix_multisubspace(records, basis)
    share = float(np.square(basis @ unit(examples.mean(0))).sum())
    print(f"  rank {rank}, expected a likeness near 0 and share 1 of the examples' mean in the subspace; seen likeness {(kept @ concept).mean():.3f}, "
          f"share {share:.3f}, found by a search {found(kept, others):.2f}")
    assert share < 0.2 and (kept @ concept).mean() > before, "what the examples share is removed now"
    assert found(kept, others) == 1.0
gone = projector.project_matrix_orthogonal(records, examples.mean(0))
print(f"  with the mean of the examples and project_matrix_orthogonal: likeness {(gone @ concept).mean():.3f}, found by a search {found(gone, others):.2f}")
assert abs((gone @ concept).mean()) < 0.2 and found(gone, others) < 0.6
basis, _ = projector.compute_concept_subspace(concept)
print(f"  one example: expected that direction, seen a cosine of {float(abs(basis @ concept)[0]):.3f} with it; the basis vector is coordinate {int(np.abs(basis).argmax())} alone")
assert np.isclose(np.abs(basis).max(), 1.0) and float(abs(basis @ concept)[0]) < 0.5
print("behaviour as described")
PY
