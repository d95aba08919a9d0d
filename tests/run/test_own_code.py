"""Code of one's own, by its content: what decides what a class does, and nothing that only lies beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from gsu_cli.models.vae.mlp_vae import MlpVae
from gsu_cli.run.checkpoints import save_checkpoint
from gsu_cli.run.own_code import class_path, classes_in, of_config, own_code, targets, versions

CLASS = "own_code_lab.inner.fade.Fade"
FILES = {
    "inner/fade.py": "import torch, json\nfrom . import shared\nfrom own_code_lab.other import far\nimport own_alone\n",
    "inner/shared.py": "from ..deep import x as y\n",
    "deep.py": "x = 1\n",
    "other/far.py": "",
    "beside.py": "",
    "__init__.py": "",
}
FOUND = {
    "own_alone (own_alone.py)",
    "own_code_lab (__init__.py)",
    "own_code_lab.deep (deep.py)",
    "own_code_lab.inner.fade (fade.py)",
    "own_code_lab.inner.shared (shared.py)",
    "own_code_lab.other.far (far.py)",
}


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in FILES.items():
        path = tmp_path / "own_code_lab" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (tmp_path / "own_alone.py").write_text("", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path / "own_code_lab"


def test_the_files_that_decide_what_a_class_does(lab: Path) -> None:
    before = own_code([CLASS])
    assert set(before) == FOUND
    (lab / "beside.py").write_text("changed = True", encoding="utf-8")
    assert own_code([CLASS]) == before
    (lab / "deep.py").write_text("x = 2\n", encoding="utf-8")
    (changed,) = before.items() - own_code([CLASS]).items()
    assert changed[0] == "own_code_lab.deep (deep.py)"
    (lab / "inner/fade.py").write_text("this does not parse", encoding="utf-8")
    assert set(own_code([CLASS])) == {"own_code_lab (__init__.py)", "own_code_lab.inner.fade (fade.py)"}


def test_of_an_installed_package_its_version() -> None:
    assert own_code(["numpy.random.Generator"]).keys() == {"numpy"}


def test_names_in_configs_and_in_files(tmp_path: Path, lab: Path) -> None:
    config = {"method": {"_target_": CLASS}, "judge": {"a": {"_target_": "gsu_cli.a.B"}}, "x": [{"_target_": "c.D"}]}
    assert targets(config) == [CLASS, "gsu_cli.a.B", "c.D"]
    assert of_config(config) == {"code": own_code([CLASS])}
    assert of_config({"method": {"_target_": "gsu_cli.methods.ascent.Ascent"}}) == {}
    before = versions([CLASS])
    assert {top: version[:5] for top, version in before.items()} == {"own_alone": "code ", "own_code_lab": "code "}
    (lab / "deep.py").write_text("x = 2\n", encoding="utf-8")
    after = versions([CLASS])
    assert before["own_alone"] == after["own_alone"]
    assert before["own_code_lab"] != after["own_code_lab"]
    model = MlpVae(shape=(1, 2, 2), latent_dim=1, hidden=(2,))
    save_checkpoint(tmp_path / "model.safetensors", model, about={})
    torch.save({}, tmp_path / "other.pt")
    at = [str(tmp_path / name) for name in ("model.safetensors", "other.pt", "gone", ".")]
    assert classes_in(at) == [class_path(model)] * 2
