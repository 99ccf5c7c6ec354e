"""``netyard evaluate RUN_DIR [which=last] [output=FOLDER] [overrides]``: test a network again, also on other data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from netyard.cli import torch_import
from netyard.cli.arguments import require_given, with_run
from netyard.cli.command import WHICH_OPTION, Command, Option
from netyard.config import catalog, device_check, schema
from netyard.config.compose import compose
from netyard.errors import ConfigError
from netyard.io import run_log
from netyard.io.atomic import require_folder
from netyard.io.process import is_main_process
from netyard.io.readable import short_path
from netyard.run_directories.directory import RunDir

# Groups and keys that a test of trained weights depends on.
_OF_A_TEST = ("data", "loss", "task", "trainer", "callbacks", "threads", "seed")


def evaluate(arguments: Sequence[str]) -> int:
    """Test the best or the last checkpoint of a run, and print metrics of each class or target besides."""
    arguments = with_run(arguments, "evaluate")
    options = {key: value for key, _, value in (text.partition("=") for text in arguments) if key in COMMAND.options}
    require_given(options, {"run": "RUN_DIR"}, "evaluate")
    run_dir, which = RunDir(options["run"]), options.get("which", "best")
    run_dir.checkpoint(which)  # refuses another word, before torch is imported
    run_dir.require()
    # Checked now: a test that takes an hour must not end with an unwritable folder.
    output = require_folder(Path(options["output"])) if options.get("output") else None
    run_log.start(None)  # to the console only: the run's own log stays as it is
    overrides = [text for text in arguments if text.partition("=")[0] not in COMMAND.options]
    device_check.check_typed(overrides)
    evaluated(run_dir, overrides, output, which)
    return 0


def evaluated(run_dir: RunDir, overrides: Sequence[str], output: Path | None, which: str = "best") -> dict[str, float]:
    """Test a checkpoint of a run with a changed config; logs the assessment and returns the metrics.

    Args:
        overrides: changes of the recorded config.
        output: the folder for ``evaluation.json`` and figures.
        which: ``best`` or ``last``.

    Raises:
        ConfigError: an override has no effect on a test; see ``inference.evaluate`` for others.
    """
    with torch_import.torch():
        from netyard.inference import assessment
        from netyard.inference import evaluate as testing
        from netyard.training import checkpoint, preprocessing

    # The config in the checkpoint, not in .hydra/: it belongs to these weights, after any resume.
    recorded, config, choices = checkpoint.read_of(run_dir, which)
    cfg = OmegaConf.create(config)
    typed = _overlay(cfg, choices, [*overrides])
    if "data" in typed:
        preprocessing.keep(cfg, config, checkpoint.data_state(recorded), typed)
    schema.check(cfg, choices, trained=True)  # the same ranges as in training
    metrics, task, data = testing.evaluate(cfg, recorded, run_dir, which, typed)
    assessed = assessment.assess(task, data, metrics)
    if found := assessment.text(assessed):
        run_log.log.info("\n%s", found)
    if output is not None and is_main_process():
        for path in assessment.write(assessed, task, data, output):
            run_log.log.info("wrote %s", short_path(path))
    return metrics


def _overlay(cfg: DictConfig, choices: dict[str, Any], overrides: list[str]) -> set[str]:
    """Apply overrides to a recorded config in place, as Hydra applies them: data=cifar10 data.batch_size=32.

    Returns the groups and keys that were changed.
    """
    parsed = OverridesParser.create().parse_overrides(overrides)
    # Not by composing the run's overrides again: defaults may have changed since, and the checkpoint's config counts.
    for override in parsed:
        _require_effect(override.key_or_group)
    # Whole groups first, so that `data.batch_size=32 data=cifar10` works in either order, as in Hydra.
    for override in parsed:
        if override.key_or_group in catalog.GROUPS:
            # The other groups of this composition are defaults, and are not used.
            fresh, chosen = compose([str(override.input_line)])
            cfg[override.key_or_group] = fresh[override.key_or_group]
            choices[override.key_or_group] = chosen[override.key_or_group]
    for override in parsed:
        if override.key_or_group not in catalog.GROUPS:
            OmegaConf.update(cfg, override.key_or_group, override.value(), force_add=False)
    if any(override.key_or_group.partition(".")[0] == "loss" for override in parsed):
        cfg.task.loss = cfg.loss  # a copy, because the recorded config is resolved and has no ${loss} any more
    return {override.key_or_group for override in parsed}


def _require_effect(key: str) -> None:
    """Refuse an override that cannot change the result of testing trained weights."""
    group, name, *_ = [*key.split("."), ""]
    # The task as a whole, and its parts that only training uses, are the run's.
    of_the_run = group == "task" and name in ("", "net", "num_outputs", "optimizer", "scheduler")
    if group not in (*catalog.GROUPS, *schema.GLOBALS) or (group in _OF_A_TEST and not of_the_run):
        return
    raise ConfigError(
        f"{key} cannot be changed in a test: the network is the trained one;",
        f"{', '.join(_OF_A_TEST)} can be changed, and settings of the task;",
        f"take {key} out, or train with it.",
    )


COMMAND = Command(
    name="evaluate",
    does="Test a trained network again, on the run's data or on other data",
    usage="RUN_DIR [which=last] [output=FOLDER] [overrides]",
    run=evaluate,
    body=(
        (
            "Tests the network again; data=... tests on other data, data.path=FILE or data.root=FOLDER on all rows or "
            "images of your own, task.KEY=... with other settings. Besides the metrics it prints, by task:"
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
        Option("run=RUN_DIR", "the run; RUN_DIR alone is enough"),
        WHICH_OPTION,
        Option(
            "output=FOLDER", "write evaluation.json, confusion.csv, reliability.png and the test's pictures into it"
        ),
    ),
)
