"""Test a checkpoint of a finished run again, on its own data or on other data."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Mapping
from typing import Any

import torch
from omegaconf import DictConfig

from netyard.callbacks.attach import attach
from netyard.callbacks.sample_quality import SampleScores
from netyard.config.instantiate import build, build_all
from netyard.errors import ConfigError, first_line
from netyard.inference.tested_files import TestedFiles
from netyard.run_directories.directory import RunDir
from netyard.tasks.interfaces import HasOutputs, depends_on_classes
from netyard.training import checkpoint, performance, process_state, results, trainer_arguments
from netyard.training.context import RunContext, count_parameters, resolve
from netyard.training.devices import require_device
from netyard.training.diagnosis import predicted_class

log = logging.getLogger(__name__)


def evaluate(
    cfg: DictConfig, recorded: Mapping[str, Any], run_dir: RunDir, which: str = "best", typed: Collection[str] = ()
) -> tuple[dict[str, float], Any, Any]:
    """Test a checkpoint on the data of ``cfg``, with its task settings; returns metrics, task and datamodule.

    Network, vocabulary and column statistics come from the checkpoint only. Threads, flags and loggers of the process
    are restored afterwards.

    Args:
        cfg: the run's config with the user's changes.
        recorded: the checkpoint, see ``checkpoint.read``.
        run_dir: the run's directory; nothing is written to it.
        which: the name of the checkpoint in it, for messages.
        typed: the keys that the user has changed. Of files that are given by them all samples are tested.

    Raises:
        ConfigError: the network does not fit the data or the task settings.
        DataError: the classes of the data differ from those of training.
    """
    with process_state.restore_on_exit():
        context = _prepare(cfg, recorded, run_dir, which, typed)
        # SampleScores computes test metrics. Other callbacks only plot, save or log, and are left out.
        scores = [each for each in build_all(context.config.get("callbacks")) if isinstance(each, SampleScores)]
        attach(context, scores)
        arguments = {"logger": False, "callbacks": scores, "default_root_dir": str(run_dir.path)}
        settings = trainer_arguments.arguments({**context.config["trainer"], "profiler": None}, run_dir)
        trainer = performance.trainer(context.performance, settings, **arguments)
        # verbose=False: Lightning's table is printed to standard output; ours below goes to the log.
        trainer.test(context.task, datamodule=context.datamodule, verbose=False)
        metrics = results.metrics_of(trainer)
        if (name := predicted_class(context.task, context.datamodule)) is not None:
            log.warning(
                "class %s is predicted for every test sample, although they are of several classes; the accuracy is the"
                " share of that class",
                name,
            )
        results.log_table(str(run_dir.path), {"metrics": metrics})
        return metrics, context.task, context.datamodule


def _prepare(
    cfg: DictConfig, recorded: Mapping[str, Any], run_dir: RunDir, which: str, typed: Collection[str]
) -> RunContext:
    """Build data and task like ``fit.prepare``, but with the trained network of a checkpoint."""
    started = time.perf_counter()
    require_device(cfg.trainer)
    trainer_arguments.require_precision(cfg.trainer, resumed=True)
    process_state.run_settings(cfg.seed)
    given = TestedFiles.of(cfg, recorded, typed)
    datamodule = build(cfg.data)
    # Before the data are read for ``resolve``: vocabulary and columns of the checkpoint are used, not learned again.
    checkpoint.restore_data(datamodule, recorded)
    given.apply(datamodule)
    config = resolve(cfg, datamodule, {})
    task: Any = checkpoint.rebuild(recorded, run_dir.checkpoint(which), config["task"])
    _require_fit(task, config["data"], run_dir)
    chosen = performance.choose(config, task)
    performance.prepare(chosen, task)
    # Also if the numbers of classes agree: with other names or another order, the accuracy would be meaningless.
    if depends_on_classes(task):
        checkpoint.require_classes(datamodule, recorded)
    given.prepare(datamodule)
    return RunContext(
        config=config,
        choices=recorded["netyard"]["choices"],
        run_dir=run_dir,
        datamodule=datamodule,
        task=task,
        performance=chosen,
        parameters=count_parameters(task.net),
        started=started,
    )


def _require_fit(task: Any, data: Mapping[str, Any], run_dir: RunDir) -> None:
    """Compare the numbers of outputs and pass one sample through the network.

    Raises:
        ConfigError: other data have another shape, or another number of classes or targets.
    """
    reason = ""
    # The first key that the data set has: tokens of the target precede those of the source, which the network reads.
    counts = ("num_classes", "num_labels", "num_targets", "num_actions", "target_vocab_size", "vocab_size")
    outputs = next((data[count] for count in counts if data.get(count)), None)
    example = performance.example_input(data)
    # A task without predictions has no number of outputs that could differ.
    trained = task.num_outputs if isinstance(task, HasOutputs) else outputs
    if outputs and outputs != trained:
        reason = f"it was trained for {trained} outputs, and the data need {outputs}"
    elif example is not None:
        try:
            with torch.no_grad():
                task(example)
        # What layers raise for a wrong shape: torch RuntimeError, timm AssertionError, an embedding IndexError.
        except (RuntimeError, ValueError, AssertionError, IndexError) as error:
            reason = first_line(error)
    if reason:
        raise ConfigError(
            f"the network of {run_dir.path} does not fit the data: {reason};",
            "shape and classes must be those of the data it was trained on;",
            "try it without data=.",
        )
