"""What other programs call a setting, ``epochs`` or ``gpu``, and the name that it has here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gsu_cli.cli.app import App
from gsu_cli.cli.suggestions import of_other_choices
from gsu_cli.run.groups import settings_of


class Entry(NamedTuple):
    """Words of other programs, the settings that they may stand for, the likelier first, or a sentence of its own."""

    words: str
    settings: tuple[str, ...] = ()
    sentence: str = ""


THREADS = "Set the environment variable OMP_NUM_THREADS={value} before the line, for the threads of a run. "
AT_ONCE = "Type -m and hydra/launcher=joblib hydra.launcher.n_jobs={value} for runs of a sweep at once. "
SILENT = "Add >/dev/null to the line: warnings still show, and the run's folder holds what it found. "
CHOSEN = ("dataset", "method", "model")  # whose own options go before what the word means elsewhere: dataset.n
COMMON = (
    Entry("threads n_threads num_threads nthreads cpus n_cpus num_cpus cores", ("workers",), THREADS),
    Entry("workers num_workers n_workers jobs n_jobs parallel processes", ("workers",), AT_ONCE),
    Entry("gpu gpus cuda use_cuda use_gpu accelerator", ("device",)),
    Entry("verbose debug verbosity log_level loglevel", ("hydra.verbose",), "Type hydra.verbose=true. "),
    Entry("quiet silent", ("stdout",), SILENT),
    Entry(
        "out output outdir out_dir save_dir save_path logdir log_dir", ("output", "hydra.run.dir", "paths.output_dir")
    ),
    Entry("name run_name exp_name tag", ("title", "hydra.run.dir")),
    Entry("epochs n_epochs num_epochs max_epochs", ("training.epochs", "method.epochs")),
    Entry("lr learning_rate", ("training.lr", "method.lr")),
    Entry("batch_size batch bs batchsize", ("training.batch_size", "method.batch_size")),
    Entry("n samples n_samples num_samples", ("evaluation.samples", "images", "last")),
    Entry("model_path weights ckpt", ("checkpoint.path",)),
    Entry("random_seed random_state rng", ("seed",)),
)


def in_other_words(name: str, keys: Sequence[str], app: App) -> str:
    """A hint at the setting that many programs call ``name``; empty for any other word, or where nothing is like it.

    Args:
        name: as it was typed, ``epochs``.
        keys: that the line has.
        app: the line.
    """
    entry = next((m for m in COMMON if name in m.words.split()), None)
    if entry is None or (name != "name" and any(f"{group}.{name}" in keys for group in CHOSEN)):
        return ""
    value = next((word.partition("=")[2] for word in app.overrides if word.lstrip("+~").startswith(f"{name}=")), "")
    runs = "seed" in settings_of(app.verb, app.conf_dir)  # a listing or a page claims no folder and computes little
    number = value if value.isdigit() else "N"
    if entry.sentence == THREADS and runs:  # what has workers too is no less computed on threads
        return THREADS.format(value=number)
    for setting in entry.settings:
        if setting in keys or (setting == "hydra.run.dir" and runs):
            return f"Here it is {setting}: " + _typed(setting, value)
    if entry.sentence and (runs or entry.settings[0] == "hydra.verbose"):
        return entry.sentence.format(value=number)
    of_choices = [(setting, of_other_choices(setting, app)) for setting in entry.settings]
    said = [f"Here it is {setting}. {hint}" for setting, hint in of_choices if hint]
    trains = f"`gsu train` has {entry.settings[0]}. " if entry.settings[0].startswith("training.") else ""
    return said[0] if said else trains


def _typed(setting: str, value: str) -> str:
    if setting == "device":
        return "type device=cuda, or device=cpu; auto takes an accelerator where torch finds one. "
    return f"type {setting}={value or 'VALUE'}. "
