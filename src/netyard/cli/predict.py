"""``netyard predict RUN_DIR [which=last] [input=PATH] [column=NAME] output=FILE``: predictions as a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from netyard.cli import torch_import
from netyard.cli.arguments import with_run
from netyard.cli.command import WHICH_OPTION, Command, Option
from netyard.config.suggest import no_such_option
from netyard.errors import ConfigError
from netyard.io import run_log, table_writer
from netyard.run_directories.directory import RunDir


def predict(arguments: Sequence[str]) -> str:
    """Write the predictions of a run's network for files; see ``inference.predict``."""
    options = dict(text.partition("=")[::2] for text in with_run(arguments, "predict", "input"))
    # Here every option is known: those of a task are in its config, not on this command line.
    for name in options:
        if name not in COMMAND.options:
            raise no_such_option(name, COMMAND.options, "predict")
    # input= without a value is refused as well: it would silently mean the test split.
    for name, text in {"run": "", "output": "", **options}.items():
        if not text:
            raise ConfigError(
                f"{name} was not given;",
                "it needs a run and an output file; without input it predicts the test split of the run's own data;",
                f"type {name}={'FILE.csv' if name == 'output' else 'PATH'}.",
            )
    which, codes = options.get("which", "best"), options.get("codes", "false").lower()
    if codes not in ("true", "false"):
        raise ConfigError(f"codes is {codes};", "it is true or false;", "try codes=true.")
    run_dir, where, output = RunDir(options["run"]), options.get("input"), Path(options["output"]).expanduser()
    run_dir.checkpoint(which)  # refuses another word
    # Before the network is loaded: hours of prediction must not end with an unwritable file.
    table_writer.require_writable(output)
    # Resolved: a link or ./ may lead to the same file.
    if where and output.resolve() == Path(where).expanduser().resolve():
        raise ConfigError(
            f"input and output are the same file, {output};",
            "the table would overwrite the input;",
            f"try output={output.with_stem('predictions')}.",
        )
    run_dir.require()
    run_log.start(None)  # to the console, where files that cannot be read are named
    with torch_import.torch():
        from netyard.inference import predict as predicting

    model = options.get("model")
    return predicting.predict(run_dir, where, output, which, options.get("column"), codes == "true", model)


COMMAND = Command(
    name="predict",
    does="Write the predictions of a trained network for your own files",
    usage="RUN_DIR [PATH] [which=last] [column=NAME] output=FILE",
    run=predict,
    body=(
        Option("run=RUN_DIR", "the run; RUN_DIR alone is enough"),
        WHICH_OPTION,
        Option(
            "input=PATH",
            "what to predict; PATH alone is enough; default: the test split of the run's own data, with the true value "
            "in column 2",
        ),
        Option(
            "output=FILE",
            "a row for each input: its file, or its row number from 0, then the predictions. "
            "FILE.csv, or FILE.jsonl, one object per line, or FILE.parquet (pip install "
            "'netyard[parquet]')",
        ),
        Option(
            "codes=true", "columns code_1, code_2, ... of an autoencoder or a VAE, for netyard generate latent=FILE"
        ),
        Option("column=NAME", "the column of texts of a .csv file; default: that of training"),
        Option(
            "model=NAME", "of a directory of netyard baseline: which of them; default: the best on its validation part"
        ),
        (
            "A network for images reads an image, a folder with all below it, or a pattern ('photos/*.png' in "
            "quotes): the central square, resized to the run's image size, in grayscale or colour. Brightness is "
            "not inverted: the digits data sets are white on black. A file that cannot be read is named and left "
            "out; one batch at a time is held in memory. A network for tables reads a CSV file with the columns of "
            "the training data, by name; others are ignored. A network for texts reads the lines of a file, the "
            "column of texts of a .csv file, or the files of a folder; an empty line has a row without a "
            "prediction. One for time series reads the end of a series."
        ),
        # The columns of the table, by task.
        "  classification   prediction, probability, and probability_CLASS of each class",
        "  regression       prediction, in the target's unit; prediction_1, prediction_2, ... of several",
        "  forecasting      step_1, step_2, ...: the steps after the end of the series; with dates or several series",
        "                   a row for each step, with its date, the series, and the value of each column",
        (
            "  reconstruction   reconstruction_error, the mean squared error: larger for inputs unlike the "
            "training data;"
        ),
        "  anomaly          score, threshold, and anomaly: true if the score is above the threshold",
        (
            "  variational      negative_elbo, in nats, and reconstruction_error, of pixels in [0, 1]; both are "
            "larger for inputs"
        ),
        "                   unlike the training data; vector_quantized: only the latter",
        "  translation      translation; of the test split also source and target. FILE.txt: one line for each input",
    ),
)
