"""A class named on the line that cannot be had: what is wrong, and what is there instead."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from gsu_cli.errors import UsageError
from gsu_cli.verbs.build import build
from gsu_cli.verbs.own_target import why_not


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_vae_x.py").write_text(
        "import json\nclass MyVae:\n    class Inner: ...\nclass Other: ...\n"
        "class Needs:\n    def __init__(self, lr, scope=1): ...\n"
    )
    (tmp_path / "own_broken_x.py").write_text("def f(:\n")
    (tmp_path / "own_lacking_x.py").write_text("import no_such_module_x\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.mark.parametrize(
    ("target", "parts"),
    [
        (
            "own_vae_x.MyVea",
            ("must name a class in own_vae_x", "MyVea, among MyVae, Other, Needs", "Did you mean 'MyVae'?"),
        ),
        ("own_vae_x.sub.MyVae", ("must name a class in own_vae_x; found sub",)),
        ("own_veo_x.MyVae", ("working directory or installed", "own_vae_x.py", "Did you mean 'own_vae_x'?")),
        ("zzz.MyVae", ("no zzz in", "Start gsu in the folder of zzz.py")),
        ("MyVae", ("must be module.Class; found MyVae", "model._target_=own_vae_x.MyVae")),
        ("own_broken_x.MyVae", ("SyntaxError in own_broken_x", "own_broken_x.py, line 1")),
        ("own_lacking_x.MyVae", ("ModuleNotFoundError in own_lacking_x: No module named 'no_such_module_x'",)),
        ("own_vae_x.", ("must be module.Class",)),
    ],
)
def test_why_not(target: str, parts: tuple[str, ...]) -> None:
    message = str(why_not(target, "model"))
    for part in parts:
        assert part in message
    assert "\n" not in message


@pytest.mark.parametrize("target", ["own_vae_x.MyVae", "own_vae_x.MyVae.Inner", "gsu_cli.models.vae.mlp_vae.MlpVae"])
def test_what_is_there(target: str) -> None:
    assert why_not(target, "model") is None


def test_an_option_without_a_default_that_is_lacking_is_named_as_it_is_typed() -> None:
    with pytest.raises(UsageError) as refused:
        build(OmegaConf.create({"_target_": "own_vae_x.Needs", "scope": 2}), key="method")
    assert str(refused.value).endswith("that has no default; found no lr. Type method.lr=VALUE")
