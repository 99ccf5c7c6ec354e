"""``netyard generate run=RUN_DIR [option=value ...] [output=FILE]``."""

from __future__ import annotations

from collections.abc import Sequence

from netyard.cli import torch_import
from netyard.cli.arguments import require_given
from netyard.io import run_log
from netyard.runs.directory import RunDir


def generate(arguments: Sequence[str]) -> str:
    """What a run's network made, or where it is; see ``generating.generate``."""
    options = dict(text.partition("=")[::2] for text in arguments)
    require_given(options, {"run": "RUN_DIR"}, "generate")
    run_dir, output = RunDir(options.pop("run")), options.pop("output", None)
    run_dir.require()
    run_log.start(None)
    with torch_import.torch():
        from netyard.inference import generate as generating

    return generating.generate(run_dir, options, output)
