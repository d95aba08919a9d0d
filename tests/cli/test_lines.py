"""The table: line typed, exit code, what is printed where."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gsu_cli.run.configs import conf_dir
from gsu_cli.run.typed_line import quoted

Run = Callable[..., tuple[int, str, str]]

GOOD = [
    ("", "gsu VERB"),
    ("--help", "Start here"),
    ("-h", "Start here"),
    ("help", "Start here"),
    ("help unlearn", "gsu unlearn dataset=mnist forget.class=1"),
    ("unlearn --help", "ascent* | fisher_exact | fisher_surgery"),
    ("unlearn dataset=mnist -h", "Examples"),
    ("--version", "hydra-core"),
    ("unlearn --version", "hydra-core"),
    ("show", "methods: ascent"),
    ("unlearn dataset=mnist", ""),
    ("unlearn dataset=mnist --cfg job", "lr: 0.001"),
    ("unlearn dataset=mnist --cfg job method=fisher_surgery", "budget: 0.01"),
    ("unlearn --cfg job dataset=mnist --package method seed=2", "# @package method"),
    ("unlearn dataset=mnist --cfg=job -p paths --resolve", "output_dir: outputs"),
    ("unlearn dataset=mnist --info defaults", "Defaults List"),
    ("unlearn --info dataset=mnist", "Config search path"),
    ("unlearn --hydra-help", "Hydra"),
    ("unlearn dataset=mnist --run seed=4", ""),
]


@pytest.mark.parametrize(("line", "printed"), GOOD)
def test_lines_that_work(in_process: Run, line: str, printed: str) -> None:
    code, out, err = in_process(*line.split())
    assert (code, err) == (0, "")
    assert printed in out


MISTAKES = [
    (
        "unlern dataset=mnist",
        2,
        "one of train, unlearn, evaluate, audit, reproduce, report, show; found unlern. Did you mean 'unlearn'?",
    ),
    ("help unlern", 2, "Did you mean 'unlearn'?"),
    ("--completion tcsh", 2, "must be one of bash, zsh, fish; found tcsh"),
    ("unlearn", 2, "`dataset` must be given. Choose one of folder, mnist."),
    ("unlearn dataset=mnits", 2, "`dataset` must be one of folder, mnist; found mnits. Did you mean 'mnist'?"),
    ("unlearn dataset=mnist method=fisher_surgey", 2, "found fisher_surgey. Did you mean 'fisher_surgery'?"),
    ("unlearn dataset=mnist methods=ascent", 2, "found methods. Did you mean 'method'?"),
    ("unlearn dataset=mnist method.lrr=1", 2, "found method.lrr. Did you mean 'method.lr'?"),
    ("unlearn dataset=mnist method=fisher_surgery method.buget=1", 2, "Did you mean 'method.budget'?"),
    ("unlearn dataset=mnist lr=1", 2, "found lr. Did you mean 'method.lr'?"),
    ("unlearn dataset=mnist ~method.nope", 2, "found method.nope"),
    ("unlearn dataset=mnist +seed=1", 2, "+ must only add a setting that is not there yet; found +seed"),
    ("unlearn mnist", 2, "must read key=value; found mnist. Did you mean 'dataset=mnist'?"),
    ("--verison", 2, "found --verison. Did you mean '--version'?"),
    ("unlearn dataset=mnist paths", 2, "found paths. Type paths.data_dir=VALUE, paths.measured_dir=VALUE or "),
    ("unlearn help", 2, "must read key=value; found help. Type gsu help unlearn"),
    ("unlearn dataset=mnist seed", 2, "must read key=value; found seed"),
    ("unlearn dataset=mnist method.lr=[1", 2, "must read key=value; found method.lr=[1"),
    ("unlearn dataset=mnist =x", 2, "must read key=value; found =x"),
    ("unlearn dataset=mnist seed = 1", 2, "found =. Leave out the blanks around ="),
    ("unlearn --method ascent", 2, "found --method. Type method=ascent: settings have no dashes."),
    ("unlearn --method=ascent", 2, "found --method. Type method=ascent: settings have no dashes."),
    ("unlearn dataset=MNIST", 2, "found MNIST. Did you mean 'mnist'?"),
    (
        "unlearn dataset=mnist method.lr=1,2",
        2,
        "`method.lr` must be one value unless the line is a sweep; found 1,2. Add -m",
    ),
    ("unlearn dataset=mnist seed=range(3)", 2, "Add -m to the line."),
    ("unlearn dataset=folder", 2, "`dataset.path` must be given. Type dataset.path=VALUE"),
    ("evaluate", 2, "`run` must be given"),
    ("evaluate run=x", 2, "nowhere"),
    ("unlearn --multrun dataset=mnist", 2, "found --multrun. Did you mean '--multirun'?"),
    ("unlearn dataset=mnist --cfg jop", 2, "`--cfg` must be one of job, hydra, all; found jop. Did you mean 'job'?"),
    ("unlearn dataset=mnist --cfg", 2, "`--cfg` must be followed by a value"),
    ("unlearn dataset=mnist -m --cfg job", 2, "must ask for one thing; found --multirun and --cfg"),
    ("unlearn dataset=mnist --resolve", 2, "`--resolve` must come with `--cfg`"),
    ("unlearn -cd nowhere dataset=mnist", 2, "`--config-dir` must name a folder; found nowhere"),
    ("unlearn -cn nope dataset=mnist", 2, "every config that is named must exist; found nope"),
    ("unlearn dataset=mnist do=bad_data", 1, "gsu: `dataset.path` must hold images; found nothing. Choose another."),
    ("unlearn dataset=mnist do=bad_target", 2, "`_target_` must be a class that can be imported; found nowhere.Method"),
    ("unlearn dataset=mnist do=bad_argument", 2, "the arguments of its class; found unexpected keyword argument 'lrr'"),
    ("unlearn dataset=mnist do=wrapped", 1, "gsu: `dataset.path` must hold images; found nothing."),
    ("unlearn dataset=mnist do=disk_full", 1, "the disk must have room for the results; found none left at unlearned"),
    (
        "unlearn dataset=mnist do=exit",
        1,
        "code that a run calls must not end the process; found sys.exit(3), from fake_",
    ),
    ("unlearn dataset=mnist hydra.run.dir=null", 2, "`hydra.run.dir` must have a value; found null. Leave it out."),
    ("unlearn -m seed=1,2 hydra.sweep.dir=null", 2, "`hydra.sweep.dir` must have a value; found null. Leave it out."),
    (
        "unlearn method@other=ascent dataset=mnist",
        2,
        "stand where its group does; found method@other. Type method=CHOICE",
    ),
    ("unlearn dataset=mnist do=disk_full_in_rust", 1, "the disk must have room for the results"),
    ("unlearn dataset=mnist do=interrupt_hidden", 130, "gsu: interrupted. Nothing was written."),
    ("unlearn dataset=mnist do=swallowed", 130, "gsu: interrupted. Nothing was written."),
    ("unlearn dataset=mnist do=interrupt", 130, "gsu: interrupted. Nothing was written."),
    ("unlearn -m dataset=mnist seed=1,1", 2, "the values of a sweep over `seed` must differ; found 1 twice"),
    ("unlearn -m dataset=mnist forget.class=1,01", 2, "must differ; found 1 and 01, which are the same"),
    ("unlearn -m dataset=mnist forget.class=[1,7],[7,1]", 2, "must differ; found [1,7] and [7,1], which are the same"),
    ("unlearn -m dataset=mnist method.lr=1e-3,2,0.001", 2, "must differ; found 0.001 twice"),
    ("unlearn dataset=mnist hydra.run.dir=", 2, "`hydra.run.dir` must name a folder; found ''. Leave it out, and"),
    ("unlearn dataset=mnist paths.output_dir=", 2, "`paths.output_dir` must name a folder; found ''."),
    ("unlearn dataset=mnist paths.output_dir=null", 2, "`paths.output_dir` must name a folder; found null."),
    ("unlearn -m dataset=mnist hydra.sweep.dir=", 2, "`hydra.sweep.dir` must name a folder; found ''."),
    ("unlearn -m dataset=mnist hydra.sweep.subdir=", 2, "`hydra.sweep.subdir` must name a folder; found ''."),
    ("unlearn -m dataset=mnits,mnist", 2, "found mnits. Did you mean 'mnist'?"),
    (
        "unlearn dataset=mnist paths.output_dir=conf/unlearn.yaml/x",
        1,
        "the output folder must be writable; found conf/unlearn",
    ),
    ("unlearn -m dataset=mnist paths.output_dir=conf/unlearn.yaml/x", 1, "the output folder must be writable"),
    ("unlearn dataset=mnist hydra.run.dir=conf/unlearn.yaml/x", 1, "the output folder must be writable"),
]


def test_a_group_that_takes_no_value_is_not_what_was_meant(in_process: Run) -> None:
    code, _, err = in_process("unlearn", "dataset=mnist", "path")
    assert (code, "paths=" in err, "found path" in err) == (2, False, True), err


@pytest.mark.parametrize("key", ["--config-dir", "hydra.searchpath"])
def test_a_config_that_ours_would_hide_is_refused(in_process: Run, tmp_path: Path, key: str) -> None:
    """Hydra looks in gsu's own folder first, so it would be passed over without a word."""
    own = tmp_path / "mine" / "method" / "ascent.yaml"
    own.parent.mkdir(parents=True)
    own.write_text("lr: 7\n", encoding="utf-8")
    place = tmp_path / "it's, well, mine"
    (tmp_path / "mine").rename(place)
    own = place / "method" / "ascent.yaml"
    word = f"{key}={place}" if key.startswith("--") else f"{key}=[{quoted(f'file://{place}')}, pkg://gsu_cli]"
    line = ("unlearn", "dataset=mnist", word, "--cfg", "job")
    code, _, err = in_process(*line)
    assert code == 2
    assert err.startswith(f"gsu: a config below `{key}` must not have the name of one of gsu's own")
    assert f"found {own}" in err
    assert "my_ascent.yaml" in err
    own.write_bytes((conf_dir() / "method" / "ascent.yaml").read_bytes())
    assert in_process(*line)[0] == 0, "a copy hides nothing"
    own.rename(own.with_stem("my_ascent"))
    assert in_process(*line)[0] == 0


def test_a_config_of_ones_own_is_answered_with_the_word_that_finds_it(in_process: Run, tmp_path: Path) -> None:
    own = tmp_path / "it's mine" / "method" / "halfway.yaml"
    own.parent.mkdir(parents=True)
    own.write_text("lr: 7\n", encoding="utf-8")
    code, _, err = in_process("unlearn", "dataset=mnist", "method=halfway")
    assert (code, "found halfway. Type --config-dir 'it'\"'\"'s mine' for the config" in err) == (2, True), err
    own.unlink()
    assert "--config-dir" not in in_process("unlearn", "dataset=mnist", "method=halfway")[2]


def test_a_place_of_configs_that_is_no_folder_is_refused(in_process: Run, tmp_path: Path) -> None:
    """Hydra warned of it with a line of its own source, and went on."""
    code, _, err = in_process("unlearn", "dataset=mnist", f"hydra.searchpath=[file://{tmp_path}/gone]", "--cfg", "job")
    assert (code, err) == (2, f"gsu: `hydra.searchpath` must name folders; found {tmp_path}/gone.\n")


@pytest.mark.parametrize(("line", "code", "sentence"), MISTAKES)
def test_a_mistake_is_one_sentence(in_process: Run, tmp_path: Path, line: str, code: int, sentence: str) -> None:
    found, out, err = in_process(*line.split())
    assert found == code
    assert sentence in err
    assert out == ""
    assert err.startswith("gsu: ")
    assert err.count("\n") == 1, err
    if code in (2, 130):
        assert not [path for path in tmp_path.rglob("outputs/**/*") if path.is_file()], (
            "a line that did nothing wrote something"
        )


@pytest.mark.parametrize("line", ["unlearn dataset=mnist do=defect", "unlearn dataset=mnist do=no_such_key"])
def test_a_defect_keeps_its_traceback(in_process: Run, line: str) -> None:
    code, _, err = in_process(*line.split())
    assert code == 70
    assert "Traceback" in err
    assert "fake_verbs.py" in err
    assert "this is a defect in gsu" in err.splitlines()[-1]


def test_tracebacks_of_mistakes_on_request(in_process: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GSU_FULL_ERROR", "1")
    code, _, err = in_process("unlearn", "dataset=mnist", "do=bad_data")
    assert code == 1
    assert "Traceback" in err
    assert err.splitlines()[-1].startswith("gsu: `dataset.path` must hold images")
