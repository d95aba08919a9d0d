"""State dicts that gsu did not write: tensors alone, every name accounted for."""

from __future__ import annotations

import argparse
import pickle
import shlex
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hydra.core.override_parser.overrides_parser import OverridesParser
from safetensors.torch import save_file
from torch import nn

from gsu_cli.errors import CheckpointError
from gsu_cli.run.import_rename import renamed
from gsu_cli.run.import_weights import load_into, read_foreign


class Nasty:
    def __reduce__(self):
        return (print, ("code ran",))


def compiled(module: nn.Module) -> nn.Module:
    """Named as `torch.compile` names it, which takes two seconds to begin; test_given_models.py holds it to that."""
    return nn.ModuleDict({"_orig_mod": module})


def net() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))


@pytest.mark.parametrize("kind", ["zip", "old", "safetensors"])
def test_every_kind_of_file(tmp_path: Path, kind: str) -> None:
    one, other, path = net(), net(), tmp_path / "weights"
    if kind == "safetensors":
        save_file(one.state_dict(), path)
    else:
        torch.save(one.state_dict(), path, _use_new_zipfile_serialization=kind == "zip")
    load_into(other, read_foreign(path).tensors, path)
    assert all(torch.equal(v, other.state_dict()[k]) for k, v in one.state_dict().items())


@pytest.mark.parametrize("kind", ["zip", "plain"])
def test_code_is_never_run(tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "nasty.pt"
    if kind == "zip":
        torch.save({"weight": torch.ones(1), "more": Nasty()}, path)
    else:
        path.write_bytes(pickle.dumps(Nasty(), protocol=2))
    with pytest.raises(CheckpointError, match="nothing that could run code"):
        read_foreign(path)
    assert "code ran" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({}, "found nothing"),
        ({"epoch": 3}, "epoch: int"),
        (torch.ones(2), "a Tensor"),
        ({"model": {"w": torch.ones(1)}, "step": 1}, "checkpoint.entry=model"),
        ({"state": {0: {"step": torch.ones(1)}}, "param_groups": []}, "the state of an optimizer in .*Save it with"),
    ],
)
def test_what_is_no_state_dict(tmp_path: Path, content: object, said: str) -> None:
    torch.save(content, tmp_path / "x.pt")
    with pytest.raises(CheckpointError, match=said):
        read_foreign(tmp_path / "x.pt")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and so on", b"hello"])
def test_damaged_files(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.pt").write_bytes(content)
    with pytest.raises(CheckpointError) as e:
        read_foreign(tmp_path / "x.pt")
    assert "\n" not in str(e.value)


def test_a_file_of_another_library_is_named_and_not_to_be_copied_again(tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(b"\x08\x07" + b"x" * 99)
    with pytest.raises(CheckpointError, match=r"found an ONNX graph: .*x\.onnx\. Name a file of weights"):
        read_foreign(tmp_path / "x.onnx")


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="existing file"):
        read_foreign(tmp_path / "x.pt")


def test_entries_lead_to_the_state_dict(tmp_path: Path) -> None:
    torch.save({"ema": {"shadow": {"w": torch.ones(1)}}}, tmp_path / "x.pt")
    assert list(read_foreign(tmp_path / "x.pt", entry="ema.shadow").tensors) == ["w"]


def test_an_entry_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    """A checkpoint whose average was never kept, say."""
    torch.save({"net": {"raw": {"w": torch.ones(1)}}, "step": 1}, tmp_path / "x.pt")
    with pytest.raises(CheckpointError) as e:
        read_foreign(tmp_path / "x.pt", entry="ema")
    assert str(e.value).endswith("; found no ema among net, step. Type checkpoint.entry=net.raw")


def test_the_longest_beginning_wins_whatever_the_order() -> None:
    tensors = {"a.b.w": torch.ones(1), "a.w": torch.ones(1)}
    for rename in ({"a.": "x.", "a.b.": "y."}, {"a.b.": "y.", "a.": "x."}):
        assert list(renamed(tensors, rename)) == ["y.w", "x.w"]


def test_renaming_accounts_for_everything() -> None:
    tensors = {"a.w": torch.ones(1), "b.w": torch.ones(1)}
    with pytest.raises(CheckpointError, match="two called a.w"):
        renamed(tensors, {"b.": "a."})
    with pytest.raises(CheckpointError, match="c., with which none of a.w, b.w begins"):
        renamed(tensors, {"c.": "d."})


def test_names_and_shapes_must_match_both_ways() -> None:
    tensors = {**net().state_dict(), "2.weight": torch.ones(1), "0.weight": torch.ones(3, 3)}
    del tensors["0.bias"]
    with pytest.raises(CheckpointError) as e:
        load_into(net(), tensors, Path("x.pt"))
    for part in ("missing: 0.bias", "not of the class: 2.weight", r"0.weight (3, 3) for (3, 2)"):
        assert part in str(e.value)


def typed(line: str) -> dict[str, str | None]:
    """What Hydra makes of a proposed word, after the shell."""
    (word,) = shlex.split(line)
    value = OverridesParser.create().parse_override(word).value()
    return {str(k): v for k, v in value.items()}


PREFIXES = [
    ("stripping", "vae.", "", {}),
    ("adding", "", "net.", {}),
    ("adding before numbers", "", "net.inner.", {}),
    ("changing", "theirs.fc.", "", {}),
    ("stripping beside others", "vae.", "", {"loss.weight": torch.ones(3), "loss.bias": torch.ones(1)}),
]


class Named(nn.Module):
    """The parts of `net` below a name."""

    def __init__(self, prefix: str) -> None:
        super().__init__()
        self.inner: nn.Module = net()
        if prefix:
            place, last = self, prefix.rstrip(".").split(".")
            for name in last[:-1]:
                place.add_module(name, nn.Module())
                place = place.get_submodule(name)
            del self.inner
            place.add_module(last[-1], net())


@pytest.mark.parametrize(("what", "theirs", "ours", "more"), PREFIXES, ids=[case[0] for case in PREFIXES])
def test_one_beginning_between_names_is_proposed_as_a_word_that_does_it(
    tmp_path: Path, what: str, theirs: str, ours: str, more: dict[str, torch.Tensor]
) -> None:
    state = net().state_dict()
    path = tmp_path / "x.pt"
    torch.save({**{theirs + k: v for k, v in state.items()}, **more}, path)
    model = Named(ours) if ours else net()
    with pytest.raises(CheckpointError) as e:
        load_into(model, read_foreign(path).tensors, path)
    assert "This fits: " in str(e.value)
    rename = typed(str(e.value).split("This fits: ")[1].removesuffix("."))
    rename = {
        f"{int(float(k))}." if k.replace(".", "").isdigit() else k: v for k, v in rename.items()
    }  # as the verb does
    load_into(model, read_foreign(path, rename=rename).tensors, path)
    assert all(torch.equal(v, state[k.removeprefix(ours)]) for k, v in model.state_dict().items())


def test_a_proposal_keeps_what_was_typed(tmp_path: Path) -> None:
    path, state = tmp_path / "x.pt", net().state_dict()
    torch.save({**{f"vae.{k}": v for k, v in state.items() if k[0] == "0"}, **{k: v for k, v in state.items()
               if k[0] == "1"}, "head.w": torch.ones(1)}, path)  # fmt: skip
    first: dict[str, str | None] = {"head.": None}
    with pytest.raises(CheckpointError) as e:
        load_into(net(), read_foreign(path, rename=first).tensors, path, rename=first)
    rename = typed(str(e.value).split("This fits: ")[1].removesuffix("."))
    assert rename == {"head.": None, "vae.": ""}
    load_into(net(), read_foreign(path, rename=rename).tensors, path)


def test_where_nothing_fits_nothing_is_proposed() -> None:
    other = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)).state_dict()
    with pytest.raises(CheckpointError, match=r"checkpoint.rename=\{old.:new.\}"):
        load_into(net(), {f"x.{k}": v for k, v in other.items()}, Path("x.pt"))


@pytest.mark.parametrize(
    "wrapped",
    [
        compiled,
        nn.DataParallel,
        lambda m: nn.DataParallel(compiled(m)),
        lambda m: nn.Sequential(compiled(m[0]), m[1]),
        torch.optim.swa_utils.AveragedModel,
        lambda m: nn.Sequential(nn.ModuleDict({"_checkpoint_wrapped_module": m[0]}), m[1]),
        lambda m: nn.ModuleDict({"_fsdp_wrapped_module": m}),
    ],
    ids=["compile", "DataParallel", "both", "one part compiled", "AveragedModel", "recomputed", "FSDP"],
)
def test_wrappers_need_no_word(tmp_path: Path, wrapped: Callable[[nn.Module], nn.Module]) -> None:
    one, other, path = net(), net(), tmp_path / "x.pt"
    torch.save(wrapped(one).state_dict(), path)
    found = read_foreign(path, own=other.state_dict())
    assert set(found.dropped) <= {"n_averaged"}
    load_into(other, found.tensors, path)
    assert all(torch.equal(v, other.state_dict()[k]) for k, v in one.state_dict().items())


def test_beginnings_may_be_those_without_the_wrapper(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    torch.save({"module.a.w": torch.ones(1)}, path)
    assert list(read_foreign(path, rename={"a.": "b."}).tensors) == ["b.w"]
    assert list(read_foreign(path, rename={"module.a.": "b."}).tensors) == ["b.w"]


def test_averages_below_an_entry_come_with_their_counter(tmp_path: Path) -> None:
    one, path = net(), tmp_path / "x.pt"
    torch.save({"model": net().state_dict(), "ema": torch.optim.swa_utils.AveragedModel(one).state_dict()}, path)
    found = read_foreign(path, entry="ema", own=one.state_dict())
    assert (found.dropped, found.beside) == (("n_averaged",), ("model",))


@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning", "ignore:.*torch.jit:DeprecationWarning")
def test_a_program_is_no_state_dict(tmp_path: Path) -> None:
    torch.jit.trace(nn.Linear(2, 2), torch.zeros(1, 2)).save(tmp_path / "x.pt")
    with pytest.raises(CheckpointError, match=r"a TorchScript program in .*jit.load\(path\).state_dict"):
        read_foreign(tmp_path / "x.pt")


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_newer_pickle_is_read_or_refused_without_a_warning(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "weights.pt"
    torch.save({"w": torch.ones(2)}, path, pickle_protocol=protocol)
    path.with_name("plain.pt").write_bytes(pickle.dumps(Nasty(), protocol=protocol))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if protocol <= 3:
            assert read_foreign(path).tensors["w"].tolist() == [1.0, 1.0]
        else:  # nothing in it could run code
            with pytest.raises(
                CheckpointError, match="must be a pickle that torch reads.*Save it without pickle_protocol"
            ):
                read_foreign(path)
        with pytest.raises(CheckpointError, match="tensors and nothing that could run code"):
            read_foreign(path.with_name("plain.pt"))


def test_what_the_class_has_no_place_for_can_be_left_out_by_the_words_proposed(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    torch.save({**net().state_dict(), "probe.weight": torch.ones(3)}, path)
    with pytest.raises(CheckpointError, match="not of the class: probe.weight") as e:
        load_into(net(), read_foreign(path).tensors, path)
    rename = typed(str(e.value).split("right without: ")[1].removesuffix("."))
    load_into(net(), read_foreign(path, rename=rename).tensors, path)


def test_variances_are_not_below_zero() -> None:
    state = net().state_dict()
    with pytest.raises(CheckpointError, match="-1 in 1.running_var"):
        load_into(net(), {**state, "1.running_var": -state["1.running_var"]}, Path("x.pt"))


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(3, 3), nn.Linear(3, 3)
        self.b.weight = self.a.weight


def test_tied_tensors_need_not_be_in_the_file_and_may_not_differ() -> None:
    state = dict(Tied().state_dict())
    lone = {k: v for k, v in state.items() if k != "b.weight"}
    model = Tied()
    assert load_into(model, lone, Path("x.pt")).filled == {"b.weight": "tied to a.weight"}
    assert torch.equal(model.b.weight, state["a.weight"])
    with pytest.raises(CheckpointError, match=r"a.weight and b.weight, which differ"):
        load_into(Tied(), {**state, "b.weight": state["b.weight"] + 1}, Path("x.pt"))


def test_batchnorms_counter_alone_may_be_missing() -> None:
    state = {k: v for k, v in net().state_dict().items() if "num_batches" not in k}
    assert list(load_into(net(), state, Path("x.pt")).filled) == ["1.num_batches_tracked"]
    del state["1.running_mean"]
    with pytest.raises(CheckpointError, match="1.running_mean"):
        load_into(net(), state, Path("x.pt"))


@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
@pytest.mark.parametrize("old_file", [True, False])
def test_both_spellings_of_weight_normalisation(old_file: bool) -> None:
    def old() -> nn.Module:
        return nn.Sequential(nn.utils.weight_norm(nn.Linear(2, 3)))

    def new() -> nn.Module:
        return nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(2, 3)))

    theirs, ours = (old(), new()) if old_file else (new(), old())
    load_into(ours, theirs.state_dict(), Path("x.pt"))
    x = torch.randn(4, 2)
    assert torch.equal(theirs(x), ours(x))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (torch.ones(3, 2, dtype=torch.int64), r"`0.weight` must hold floating numbers; found int64"),
        (torch.ones(3, 2, dtype=torch.uint8), r"`0.weight` must hold floating numbers; found uint8"),
        (torch.ones(3, 2, dtype=torch.bool), r"`0.weight` must hold floating numbers; found bool"),
        (torch.ones(3, 2, dtype=torch.complex64), r"`0.weight` must hold floating numbers; found complex64"),
        (torch.ones(3, 2).to_sparse(), r"found 0.weight sparse_coo in x.pt. Save it again with tensor.to_dense\(\)"),
        (torch.full((3, 2), torch.nan), r"found nan in 0.weight"),
        (torch.full((3, 2), -torch.inf), r"found inf in 0.weight"),
        (torch.full((3, 2), torch.inf, dtype=torch.float16), r"inf in 0.weight .*65,504 when saved as float16"),
        (torch.full((3, 2), torch.nan, dtype=torch.bfloat16), r"nan in 0.weight"),
        (torch.full((3, 2), 1e300, dtype=torch.float64), r"fit into float32; found 1e\+300 in 0.weight"),
    ],
)
def test_what_a_copy_would_change_in_silence(value: torch.Tensor, said: str) -> None:
    with pytest.raises(CheckpointError, match=said):
        load_into(net(), {**net().state_dict(), "0.weight": value}, Path("x.pt"))


def test_counters_hold_whole_numbers_and_halves_are_widened() -> None:
    state = dict(net().state_dict())
    with pytest.raises(CheckpointError, match=r"`1.num_batches_tracked` must hold whole numbers; found float32"):
        load_into(net(), {**state, "1.num_batches_tracked": torch.tensor(1.0)}, Path("x.pt"))
    model = net()
    done = load_into(model, {k: v.half() if v.is_floating_point() else v for k, v in state.items()}, Path("x.pt"))
    assert done.converted == ("float16 to float32",)
    assert torch.equal(model[0].weight, state["0.weight"].half().float())  # type: ignore[index]


def test_a_refused_pickle_names_what_it_holds(tmp_path: Path) -> None:
    things = {"weight": torch.ones(1), "args": argparse.Namespace(lr=1), "net": net(), "more": Nasty()}
    for name, how in {
        "zip": lambda p: torch.save(things, p),
        "old": lambda p: torch.save(things, p, _use_new_zipfile_serialization=False),
        "plain": lambda p: p.write_bytes(pickle.dumps(things, protocol=4)),
    }.items():
        path = tmp_path / f"{name}.pt"
        how(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch, about protocols
            with pytest.raises(CheckpointError) as e:
                read_foreign(path)
        for part in ("argparse.Namespace", "torch.nn.modules.linear.Linear", "print"):
            assert part in str(e.value), name
        assert "OrderedDict" not in str(e.value)


def ema(shape: int = 3) -> dict[str, object]:
    """As ema-pytorch saves it: both models and counters, flat."""
    state = nn.Linear(2, shape).state_dict()
    raw = {f"online_model.{k}": v + 1 for k, v in state.items()}
    return {**raw, **{f"ema_model.{k}": v for k, v in state.items()}, "step": torch.tensor(3)}


def test_entries_reach_into_flat_names(tmp_path: Path) -> None:
    torch.save(ema(), tmp_path / "x.pt")
    found = read_foreign(tmp_path / "x.pt", entry="ema_model")
    assert list(found.tensors) == ["weight", "bias"]
    assert found.dropped == ("online_model.weight", "online_model.bias", "step")
    assert found.beside == ("online_model",)
    with pytest.raises(CheckpointError) as e:
        load_into(nn.Linear(2, 3), read_foreign(tmp_path / "x.pt").tensors, tmp_path / "x.pt")
    assert "checkpoint.entry=online_model or checkpoint.entry=ema_model" in str(e.value)


def test_renaming_can_drop(tmp_path: Path) -> None:
    torch.save(ema(), tmp_path / "x.pt")
    found = read_foreign(tmp_path / "x.pt", rename={"online_model.": None, "step": None, "ema_model.": ""})
    assert list(found.tensors) == ["weight", "bias"]
    assert found.dropped == ("online_model.weight", "online_model.bias", "step")
    assert found.beside == ("online_model",)


@pytest.mark.parametrize(
    ("content", "entry", "beside"),
    [
        ({"model": {"w": torch.ones(2)}, "ema": {"w": torch.zeros(2)}}, "model", ("ema",)),
        ({"model": {"w": torch.ones(2)}, "ema": {"shadow": {"w": torch.zeros(2)}}}, "model", ("ema.shadow",)),
        ({"model": {"w": torch.ones(2)}, "ema": {"shadow_params": [torch.zeros(2)]}}, "model", ("ema.shadow_params",)),
        ({"model": {"w": torch.ones(2)}, "other": {"w": torch.zeros(3)}}, "model", ()),
        ({"model": {"w": torch.ones(2)}, "optimizer": {"state": {0: {"exp_avg": torch.ones(2)}}}}, "model", ()),
        ({"state_dict": {"w": torch.ones(2)}, "epoch": 1, "state_dict_ema": {"w": torch.ones(2)}}, None,
         ("state_dict_ema",)),
        ({"state_dict": {"w": torch.ones(2)}, "pytorch-lightning_version": "2.5", "loops": {}}, None, ()),
        ({"ema.shadow": {"w": torch.ones(2)}, "ema": {"shadow": 3}}, "ema.shadow", ()),
    ],
)  # fmt: skip
def test_siblings_of_the_same_shapes_are_known(
    tmp_path: Path, content: object, entry: str | None, beside: tuple[str, ...]
) -> None:
    torch.save(content, tmp_path / "x.pt")
    found = read_foreign(tmp_path / "x.pt", entry=entry)
    assert list(found.tensors) == ["w"]
    assert found.beside == beside


def test_parts_saved_apart_are_joined(tmp_path: Path) -> None:
    model = nn.ModuleDict({"encoder": nn.Linear(2, 3), "decoder": nn.Linear(3, 2)})
    parts: dict[str, object] = {k: m.state_dict() for k, m in model.items()}
    torch.save({**parts, "epoch": 3, "critic": nn.Linear(1, 1).state_dict()}, tmp_path / "x.pt")
    found = read_foreign(tmp_path / "x.pt", own=model.state_dict())
    assert found.tensors.keys() == model.state_dict().keys()
    assert found.dropped == ("critic.weight", "critic.bias")
    with pytest.raises(CheckpointError, match="checkpoint.entry=encoder or decoder or critic"):
        read_foreign(tmp_path / "x.pt", own=net().state_dict())


def test_parts_saved_apart_whose_names_differ_are_answered_with_the_words_that_join_them(tmp_path: Path) -> None:
    """Either of the entries that were named holds half of the model."""
    model = nn.ModuleDict({"fc": nn.Linear(2, 3), "decoder": nn.Linear(3, 2)})
    parts = {"encoder": {f"fc.{k}": v for k, v in model["fc"].state_dict().items()}}
    torch.save({**parts, "decoder": model["decoder"].state_dict()}, tmp_path / "x.pt")
    with pytest.raises(CheckpointError) as refused:
        read_foreign(tmp_path / "x.pt", own=model.state_dict())
    assert "This fits: 'checkpoint.rename={encoder.:\"\"}'" in str(refused.value)
    found = read_foreign(tmp_path / "x.pt", rename={"encoder.": ""}, own=model.state_dict())
    assert found.tensors.keys() == model.state_dict().keys()


def test_of_several_entries_those_that_fit_the_class_are_offered(tmp_path: Path) -> None:
    state = net().state_dict()
    torch.save({"net": state, "opt": {"state": {0: {"exp_avg": state["0.weight"]}}}}, tmp_path / "x.pt")
    with pytest.raises(CheckpointError, match=r"checkpoint\.entry=net$"):
        read_foreign(tmp_path / "x.pt", own=state)


def test_averages_without_names_are_answered_with_what_can_be_done(tmp_path: Path) -> None:
    """As diffusers and torch_ema keep them: there is no model in the file whose state dict could be saved."""
    torch.save({"decay": 0.9, "shadow_params": list(net().state_dict().values())}, tmp_path / "x.pt")
    with pytest.raises(CheckpointError, match="shadow_params has no names: copy it into the model's parameters"):
        read_foreign(tmp_path / "x.pt", own=net().state_dict())


def test_arrays_of_numpy_are_named_as_such(tmp_path: Path) -> None:
    torch.save({k: v.numpy() for k, v in net().state_dict().items()}, tmp_path / "x.pt")
    with pytest.raises(CheckpointError, match=r"torch.from_numpy\(a\) of each array"):
        read_foreign(tmp_path / "x.pt")


def test_only_entries_of_tensors_are_offered(tmp_path: Path) -> None:
    torch.save({"nets": {"vae": {"w": torch.ones(1)}, "note": "x"}, "optim": {"state": {0: {"m": torch.ones(1)}}},
                "hyper": {"lr": 0.1}}, tmp_path / "x.pt")  # fmt: skip
    with pytest.raises(CheckpointError, match=r"checkpoint.entry=nets.vae$"):
        read_foreign(tmp_path / "x.pt")
