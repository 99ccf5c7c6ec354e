"""``netyard predict RUN_DIR [input=PATH] output=FILE``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from netyard.cli import torch_import
from netyard.cli.arguments import with_run
from netyard.cli.command import Command, Option
from netyard.config.suggest import no_such_option
from netyard.errors import ConfigError
from netyard.io import run_log, table_writer
from netyard.run_directories.directory import RunDir


def predict(arguments: Sequence[str]) -> str:
    """Write what a run's network says of files; see ``predicting.predict``."""
    options = dict(text.partition("=")[::2] for text in with_run(arguments, "predict"))
    for name in options:
        if name not in COMMAND.options:
            raise no_such_option(name, COMMAND.options, "predict")
    for name, text in {"run": "", "output": "", **options}.items():
        if not text:
            raise ConfigError(
                f"{name} was not given;",
                "a prediction wants a run and a table to write; without input it is of the run's own test part;",
                f"type {name}={'FILE.csv' if name == 'output' else 'PATH'}.",
            )
    run_dir, where, output = RunDir(options["run"]), options.get("input"), Path(options["output"]).expanduser()
    table_writer.require_writable(output)
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


COMMAND = Command(
    name="predict",
    does="Write what a trained network says of files of your own",
    usage="RUN_DIR [input=PATH] output=FILE",
    run=predict,
    body=(
        Option("run=RUN_DIR", "the run; RUN_DIR alone says the same"),
        Option(
            "input=PATH",
            "what to predict; left out: the test part of the run's own data, with what is true in column 2",
        ),
        Option(
            "output=FILE",
            "a row for each input: its file, or its row's number from 0, then what the task "
            "says. FILE.csv, or FILE.jsonl, an object a line, or FILE.parquet (pip install "
            "'netyard[parquet]')",
        ),
        (
            "A network of pictures reads a picture, a folder with all below it, or a pattern ('photos/*.png' in "
            "quotes): the central square, at the run's size, in its greys or colours. White stays white: digits, "
            "which train so, are white on black. A file that cannot be read is named and left out; memory holds "
            "one batch of them. A network of a table reads a CSV file that has the columns of training, by name; "
            "others are passed over. A network of texts reads the lines of a file, or of a .csv file the column "
            "of texts; one of a series, a series' end."
        ),
        "  classification   prediction, probability, and probability_CLASS of each class",
        "  regression       prediction, in the target's unit; prediction_1, prediction_2, ... of several",
        "  forecasting      step_1, step_2, ...: the steps after the end",
        (
            "  reconstruction   reconstruction_error, the mean square of what was lost: the larger, the less "
            "like training;"
        ),
        "                   of a run with task.anomaly_class the same number is the anomaly_score",
        (
            "  variational      negative_elbo, in nats, and reconstruction_error, of pixels in [0, 1]; both are "
            "larger the less"
        ),
        "                   an input is like those of training; of vector_quantized the latter alone",
    ),
)
