"""Memory that is not enough is one sentence with the settings of the line, whoever notices."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gsu_cli.run.memory import is_out_of_memory, memory_error

TOO_MUCH = """
import torch
from gsu_cli.models.vae.mlp_vae import MlpVae

class Vae(MlpVae):
    def loss(self, x, y, generator):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.50 GiB. GPU 0 has 7.79 GiB in all")

class Method:
    name = "much"
    knob = None

    def __init__(self, retain_images=7):
        self.retain_images = retain_images

    def __call__(self, task):
        raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: not enough memory: you tried to "
                           "allocate 3000000 bytes.")
"""


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("CUDA out of memory. Tried to allocate 20.50 GiB. GPU 0", "the device must have memory for what is asked; "
         "found a need for 22 GB at once. Lower training.batch_size (5), or type device=cpu"),
        ("MPS backend out of memory (MPS allocated: 9 GB). Tried to allocate 64.00 MiB on private pool.", "the device "
         "must have memory for what is asked; found a need for 67 MB more. Lower training.batch_size (5), or type "
         "device=cpu"),
        ("cuDNN error: CUDNN_STATUS_ALLOC_FAILED", "the device must have memory for what is asked; found too little. "
         "Lower training.batch_size (5), or type device=cpu"),
        ("DefaultCPUAllocator: not enough memory: you tried to allocate 4000000000 bytes.", "the machine must have "
         "memory for what is asked; found a need for 4 GB at once. Lower training.batch_size (5) or the number that is "
         "far above its default."),
    ],
)  # fmt: skip
def test_words_of_allocators(said: str, sentence: str) -> None:
    error = RuntimeError(said)
    assert is_out_of_memory(error)
    assert str(memory_error(error, {"training": {"batch_size": 5, "lr": 1.0}})) == sentence
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


@pytest.mark.parametrize(
    "key", ["audit.relearning.batch", "audit.step.retained", "method.n_replay", "method.redirect_size"]
)
def test_what_asks_for_most_is_named_first(key: str) -> None:
    group, name = key.rsplit(".", 1)
    config = {"judge": {"references": 10000}, group: {name: 10**8}, "evaluation": {"samples": 200}}
    found = str(memory_error(MemoryError(), config))
    assert f"Lower {group}.{name} (100000000), judge.references (10000), evaluation.samples (200) or" in found


def test_a_line_that_needs_too_much(type_line: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "much.py").write_text(TOO_MUCH)
    monkeypatch.syspath_prepend(tmp_path)
    digits = ["dataset=mnist", "dataset.download=false"]
    typed = type_line("train", *digits, "model._target_=much.Vae", "hydra.run.dir=t", cwd=tmp_path)
    assert typed.code == 1
    assert typed.err == (
        "gsu: the device must have memory for what is asked; found a need for 22 GB at once. "
        "Lower training.batch_size (256), or type device=cpu\n"
    )
    method = ["method._target_=much.Method", "+method.retain_images=7", "protocol.budget=null"]
    typed = type_line("unlearn", *digits, "forget.class=1", *method, "hydra.run.dir=u", cwd=tmp_path)
    assert typed.code == 1
    assert "must have memory for what is asked; found a need for 3 MB more. Lower " in typed.err
    assert "method.retain_images (7)" in typed.err
    assert "evaluation.samples (10000)" in typed.err
    for folder in ("t", "u"):
        assert json.loads((tmp_path / folder / "record.json").read_text())["status"] == "failed"
