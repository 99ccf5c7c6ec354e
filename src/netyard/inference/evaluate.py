"""Tests a run's best checkpoint again, on its own data or on others."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import torch
from omegaconf import DictConfig

from netyard.callbacks.attach import attach
from netyard.callbacks.sample_quality import SampleScores
from netyard.config.instantiate import build, build_all
from netyard.errors import ConfigError
from netyard.run_directories.directory import RunDir
from netyard.tasks.interfaces import HasOutputs, depends_on_classes
from netyard.training import checkpoint, performance, process_state, results
from netyard.training.context import RunContext, count_parameters, resolve
from netyard.training.devices import require_device


def evaluate(cfg: DictConfig, recorded: Mapping[str, Any], run_dir: RunDir) -> tuple[dict[str, float], Any, Any]:
    """Test a run's checkpoint on the data of a config, by the settings of its task; returns metrics, task and data.

    Network, vocabulary and the meaning of columns come from the checkpoint alone. The process is afterwards as it was.

    Args:
        cfg: the run's config, with what the user has changed in it.
        recorded: the checkpoint, see ``checkpoint.read``.
        run_dir: the run's directory, which nothing is written to.

    Raises:
        ConfigError: the network does not fit the data, or these settings of the task.
        DataError: the classes of the data are not those of training.
    """
    with process_state.restore_on_exit():
        context = _prepare(cfg, recorded, run_dir)
        # Scores of samples are metrics of the test. Other callbacks only plot, save or log, and are left out.
        scores = [each for each in build_all(context.config["callbacks"]) if isinstance(each, SampleScores)]
        attach(context, scores)
        given = {"logger": False, "callbacks": scores, "default_root_dir": str(run_dir.path)}
        trainer = performance.trainer(context.performance, context.config["trainer"], **given)
        trainer.test(context.task, datamodule=context.datamodule, verbose=False)
        metrics = results.metrics_of(trainer)
        results.log_table(str(run_dir.path), {"metrics": metrics})
        return metrics, context.task, context.datamodule


def _prepare(cfg: DictConfig, recorded: Mapping[str, Any], run_dir: RunDir) -> RunContext:
    """As ``fit.prepare``, with the trained network of a checkpoint."""
    started = time.perf_counter()
    require_device(cfg.trainer)
    process_state.run_settings(cfg.seed)
    datamodule = build(cfg.data)
    checkpoint.restore_data(datamodule, recorded)
    config = resolve(cfg, datamodule, {})
    task: Any = checkpoint.rebuild(recorded, run_dir.best, config["task"])
    _require_fit(task, config["data"], run_dir)
    chosen = performance.choose(config, task)
    performance.prepare(chosen, task)
    if depends_on_classes(task):  # it predicts classes, or is given them
        checkpoint.require_classes(datamodule, recorded)
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
    """Try one sample: other data may have another shape, or other classes."""
    reason = ""
    counts = ("num_classes", "num_targets", "num_actions", "target_vocab_size", "vocab_size")
    outputs = next((data[count] for count in counts if data.get(count)), None)
    example = performance.example_input(data)
    # A task without predictions has no number of outputs that could differ.
    trained = task.num_outputs if isinstance(task, HasOutputs) else outputs
    if outputs and outputs != trained:
        reason = f"it was trained for {trained} outputs, and the data wants {outputs}"
    elif example is not None:
        try:
            with torch.no_grad():
                task(example)
        except (RuntimeError, ValueError, AssertionError, IndexError) as error:
            reason = str(error).splitlines()[0]
    if reason:
        raise ConfigError(
            f"the network of {run_dir.path} does not fit the data: {reason};",
            "data to evaluate on must look like the data it was trained on;",
            "try it without data=.",
        )
