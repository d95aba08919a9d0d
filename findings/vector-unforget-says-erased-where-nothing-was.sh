#!/usr/bin/env bash
# vector-unforget 4.2.0 (QdrantAdapter and ReverseRAGVerifier), qdrant-client 1.20.0 in memory, numpy 2.4.6.
# Guess: delete_by_ids and update_embeddings, called with the identifiers that fetch_embeddings returned, change the store and return True if
#   they did; verify_erasure finds the name in the records that are still there.
# Truth: identifiers come back as text, "7" for 7, which Qdrant refuses; the exception is dropped and True returned. The adapter has no
#   query_text (only those for Pinecone and Weaviate have), and that exception is dropped, too: each question finds nothing.
# Matters: all records stay, word for word and number for number, under "zero_residual_leakage_score 100, is_fully_compliant True", and so
#   before any deletion. Read the store itself: count its points, and look for the name in them.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile numpy==2.4.6 qdrant-client==1.20.0
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps vector-unforget==4.2.0
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version
from uuid import UUID

import numpy as np
from qdrant_client import QdrantClient
from qdrant_client.models import Distance, PointStruct, VectorParams
from vector_unforget import SubspaceProjector
from vector_unforget.adapters import QdrantAdapter
from vector_unforget.verifier import ReverseRAGVerifier

print(*(f"{name} {version(name)}" for name in ("vector-unforget", "qdrant-client", "numpy")))
NAME = "Ada Example"


def store(identifiers):
    """A collection of eight records about one person."""
    client = QdrantClient(":memory:")
    client.create_collection("people", vectors_config=VectorParams(size=16, distance=Distance.COSINE))
    rng = np.random.default_rng(0)
    client.upsert("people", [PointStruct(id=i, vector=rng.normal(size=16).tolist(), payload={"text": f"{NAME}, letter {n}"}) for n, i in enumerate(identifiers)])
    return client


def vectors(client):
    return np.array([point.vector for point in client.scroll("people", limit=100, with_vectors=True)[0]])


for kind, identifiers in (("numbers", range(1, 9)), ("UUIDs", [str(UUID(int=n)) for n in range(1, 9)])):
    client = store(identifiers)
    adapter, before = QdrantAdapter(client, "people"), vectors(client)
    said = ReverseRAGVerifier(adapter).verify_erasure(NAME, set())
    print(f"  identifiers are {kind}; nothing done yet: expected leaks of {NAME!r}, seen {said['leakage_incidents']} in {said['queries_tested']} questions, "
          f"score {said['zero_residual_leakage_score']}, compliant {said['is_fully_compliant']}")
    assert said["is_fully_compliant"] and said["zero_residual_leakage_score"] == 100.0, "the store is asked now"
    held = adapter.fetch_embeddings()
    projected = SubspaceProjector("cpu").project_matrix_orthogonal(np.stack(list(held.values())), before.mean(0))
    updated = adapter.update_embeddings(dict(zip(held, projected, strict=True)))
    moved = float(np.abs(vectors(client) - before).max())
    deleted = adapter.delete_by_ids(list(held))
    left = client.count("people").count
    print(f"    update_embeddings said {updated}: expected other vectors, seen them move by {moved:.3f}; delete_by_ids said {deleted}: expected 0 records, seen {left}")
    assert updated is True and deleted is True
    assert (moved == 0.0 and left == 8) if kind == "numbers" else (moved > 0.01 and left == 0), "numbers are numbers again now"
print("behaviour as described")
PY
