"""The colours of figures and pages, for light and dark readers: each has a name, which is a variable of the style."""

from __future__ import annotations

LIGHT = {
    "paper": "#ffffff", "rule": "#d0d7de", "ink": "#1b1f24", "muted": "#57606a",
    "c0": "#1f5fbf", "c1": "#b3440a", "c2": "#1a7f37", "c3": "#8250df",
    "c4": "#bf3989", "c5": "#6b5900", "c6": "#0a7a8a", "c7": "#4f5b66",
}  # fmt: skip
DARK = {
    "paper": "#0d1117", "rule": "#3d444d", "ink": "#e6edf3", "muted": "#a3adb8",
    "c0": "#79b8ff", "c1": "#ffab70", "c2": "#7ee787", "c3": "#d2a8ff",
    "c4": "#ff9bce", "c5": "#e3c341", "c6": "#56d4dd", "c7": "#b1bac4",
}  # fmt: skip


def style() -> str:
    """The variables of both, for a style sheet; the reader's own choice decides."""
    light, dark = (" ".join(f"--{name}: {value};" for name, value in each.items()) for each in (LIGHT, DARK))
    return (
        f":root {{ color-scheme: light dark; {light} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n"
    )
