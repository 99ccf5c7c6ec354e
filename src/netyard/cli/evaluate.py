"""``netyard evaluate RUN_DIR [output=FOLDER] [overrides]``: a recorded config, changed as the command line says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from netyard.cli import torch_import
from netyard.cli.arguments import require_given, with_run
from netyard.cli.command import Command, Option
from netyard.config import catalog, schema
from netyard.config.compose import compose
from netyard.errors import ConfigError
from netyard.io import run_log
from netyard.io.atomic import require_folder
from netyard.io.process import is_main_process
from netyard.io.readable import short_path
from netyard.run_directories.directory import RunDir

_OF_A_TEST = ("data", "loss", "task", "trainer", "callbacks", "threads", "seed")


def evaluate(arguments: Sequence[str]) -> int:
    """Test a run's best checkpoint again, and say what its metrics do not."""
    arguments = with_run(arguments, "evaluate")
    options = {key: value for key, _, value in (text.partition("=") for text in arguments) if key in COMMAND.options}
    require_given(options, {"run": "RUN_DIR"}, "evaluate")
    run_dir = RunDir(options["run"])
    run_dir.require()
    output = require_folder(Path(options["output"])) if options.get("output") else None
    run_log.start(None)
    evaluated(run_dir, [text for text in arguments if text.partition("=")[0] not in COMMAND.options], output)
    return 0


def evaluated(run_dir: RunDir, overrides: Sequence[str], output: Path | None) -> dict[str, float]:
    """Test a run's best checkpoint on a changed config, log what is found and return the metrics.

    Args:
        overrides: of the recorded config.
        output: a folder for ``evaluation.json`` and pictures.

    Raises:
        ConfigError: an override of what a test does not look at; see ``inference.evaluate`` for more.
    """
    with torch_import.torch():
        from netyard.inference import assessment
        from netyard.inference import evaluate as testing
        from netyard.training import checkpoint

    recorded, config, choices = checkpoint.read_best(run_dir)
    cfg = OmegaConf.create(config)
    _overlay(cfg, choices, [*overrides])
    schema.check(cfg, choices)
    metrics, task, data = testing.evaluate(cfg, recorded, run_dir)
    told = assessment.assess(task, data, metrics)
    if found := assessment.text(told):
        run_log.log.info("\n%s", found)
    if output is not None and is_main_process():
        for path in assessment.write(told, task, data, output):
            run_log.log.info("wrote %s", short_path(path))
    return metrics


def _overlay(cfg: DictConfig, choices: dict[str, Any], overrides: list[str]) -> None:
    """Change a recorded config as the command line changes a composed one: data=cifar10 data.batch_size=32."""
    parsed = OverridesParser.create().parse_overrides(overrides)
    for override in parsed:
        _require_effect(override.key_or_group)
    for override in parsed:
        if override.key_or_group in catalog.GROUPS:
            fresh, chosen = compose([str(override.input_line)])
            cfg[override.key_or_group] = fresh[override.key_or_group]
            choices[override.key_or_group] = chosen[override.key_or_group]
    for override in parsed:
        if override.key_or_group not in catalog.GROUPS:
            OmegaConf.update(cfg, override.key_or_group, override.value(), force_add=False)
    if any(override.key_or_group.partition(".")[0] == "loss" for override in parsed):
        cfg.task.loss = cfg.loss  # recorded with its interpolations followed


def _require_effect(key: str) -> None:
    """Refuse to change what a test of trained weights does not look at."""
    group, name, *_ = [*key.split("."), ""]
    of_the_run = group == "task" and name in ("", "net", "num_outputs", "optimizer", "scheduler")
    if group not in (*catalog.GROUPS, *schema.GLOBALS) or (group in _OF_A_TEST and not of_the_run):
        return
    raise ConfigError(
        f"{key} cannot be changed in a test: the network comes as it was trained;",
        f"{', '.join(_OF_A_TEST)} can be changed, of the task its settings;",
        f"take {key} out, or train with it.",
    )


COMMAND = Command(
    name="evaluate",
    does="Test the best checkpoint of a run again",
    usage="RUN_DIR [output=FOLDER] [overrides]",
    run=evaluate,
    body=(
        (
            "Tests the best checkpoint again; data=... tests on other data, task.KEY=... in another way. Beside "
            "the metrics it says, where the task has kept it:"
        ),
        (
            "  classification   precision, recall, f1 and support of each class; the confusion matrix, of more "
            "than 20 classes the"
        ),
        (
            "                   pairs that are confused most; the expected calibration error (Guo et al. 2017) "
            "and the 15 bins"
        ),
        "                   behind it; the accuracy's interval (Wilson)",
        (
            "  regression, forecasting   mean error, mae, rmse, r2 and percentiles of predicted minus true, of "
            "each target or step;"
        ),
        "                   intervals of mae and rmse, of a forecast over means of as many windows as overlap",
        "  q_learning       the return's interval over episodes",
        Option("run=RUN_DIR", "the run; RUN_DIR alone says the same"),
        Option(
            "output=FOLDER", "write evaluation.json, confusion.csv, reliability.png and the test's pictures into it"
        ),
    ),
)
