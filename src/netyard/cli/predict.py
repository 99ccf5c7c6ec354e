"""``netyard predict run=RUN_DIR [input=PATH] output=FILE``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from netyard.cli import torch_import
from netyard.config.suggest import no_such_option
from netyard.errors import ConfigError
from netyard.io import run_log, table_writer
from netyard.runs.directory import RunDir

OPTIONS = ("run", "input", "output")


def predict(arguments: Sequence[str]) -> str:
    """Write what a run's network says of files; see ``predicting.predict``."""
    options = dict(text.partition("=")[::2] for text in arguments)
    for name in options:
        if name not in OPTIONS:
            raise no_such_option(name, OPTIONS, "predict")
    for name, text in {"run": "", "output": "", **options}.items():
        if not text:
            raise ConfigError(
                f"{name} was not given;",
                "a prediction wants a run and a table to write; without input it is of the run's own test part;",
                f"type {name}={'FILE.csv' if name == 'output' else 'PATH'}.",
            )
    run_dir, where, output = RunDir(options["run"]), options.get("input"), Path(options["output"]).expanduser()
    table_writer.require_place(output)
    if where and output.resolve() == Path(where).expanduser().resolve():
        raise ConfigError(
            f"input and output are the same file, {output};",
            "what is written would take the place of what is read;",
            f"try output={output.with_stem('predictions')}.",
        )
    run_dir.require()
    run_log.start(None)
    with torch_import.torch():
        from netyard.inference import predict as predicting

    return predicting.predict(run_dir, where, output)
