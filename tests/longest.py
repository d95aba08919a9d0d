"""Files that take longest begin first, so that no worker waits at the end while another has one of them to itself."""

from __future__ import annotations

from typing import Any

LONGEST = (
    "methods/test_families.py", "methods/test_fisher_surgery_attributes.py", "e2e/test_unlearn.py",
    "docs/test_docs.py", "test_devices.py", "e2e/test_attributes.py", "e2e/test_audit.py", "e2e/test_train.py",
    "conf/test_configs.py", "models/test_unet2d.py", "solvers/test_own_drift.py", "training/test_training.py",
    "unlearning/test_shared.py", "docs/test_results.py", "audit/test_influence.py",
    "ranks/test_same_for_every_number.py", "docs/test_own_model.py", "e2e/test_demo.py", "e2e/test_bad_input.py",
    "models/test_libraries.py", "solvers/test_denoiser_surgery.py", "solvers/test_leverage_denoiser.py",
    "e2e/test_reproduce.py", "conf/test_settings.py", "data/test_avatars.py", "cli/test_sweeps.py",
    "cli/test_signals.py", "cli/test_launchers.py", "cli/test_startup.py", "solvers/test_pilot.py",
    "e2e/test_method_options.py", "e2e/test_diffusion.py", "e2e/test_odd_lines.py", "e2e/test_report.py",
    "methods/test_siss.py", "methods/test_moon.py", "methods/test_esd.py", "methods/test_erasediff.py",
    "docs/test_site.py",
)  # fmt: skip
"""Of five seconds of CPU and more, by what they took once; others follow as they were collected."""


def longest_first(items: list[Any]) -> None:
    """Orders tests by file, and leaves those of a file as they are."""
    place = {f"tests/{name}": k for k, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.nodeid.partition("::")[0], len(place)))
