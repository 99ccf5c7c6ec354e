"""Run one experiment from config to results, in five stages: prepare, assemble, train, test, record.

``fit`` at the top is the whole story; each stage is one function below it:

1. ``prepare``: seed, build data and task (the LightningModule with the network), find the checkpoint to resume from.
2. ``assemble``: build logger, callbacks and Lightning's ``Trainer``.
3. ``train``: one call of ``Trainer.fit``.
4. ``test``: one call of ``Trainer.test``, with the weights of the best epoch.
5. ``record``: write ``results.json`` and print the table of metrics.

``prepare`` returns a frozen ``RunContext`` (config, data, task, run directory) that every later stage reads;
``assemble`` returns an ``Assembly`` (the Trainer and what belongs to it).
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.loggers import Logger
from lightning.pytorch.strategies import FSDPStrategy
from omegaconf import DictConfig

from netyard.callbacks.attach import attach
from netyard.callbacks.best_and_last import BestAndLast
from netyard.callbacks.optuna_pruning import Pruning
from netyard.config import by_task, schema
from netyard.config.instantiate import build, build_all
from netyard.errors import ConfigError, DataError, Interrupted, PlatformError, Pruned
from netyard.io.readable import short_path
from netyard.ranges.constraint import written
from netyard.run_directories import resume
from netyard.run_directories.directory import RunDir
from netyard.run_directories.study import trusted_url
from netyard.tasks.interfaces import FollowsSchedules, GuessesTarget, has_split
from netyard.training import (
    absent_splits,
    baseline_results,
    checkpoint,
    data_summary,
    diagnosis,
    lean_loop,
    performance,
    preprocessing,
    process_state,
    rank_processes,
    results,
    trainer_arguments,
)
from netyard.training.context import RunContext, count_parameters, keep_facts, resolve
from netyard.training.devices import device_name, require_device
from netyard.training.distributed import RankCommand
from netyard.training.lightning_internals import log_at_optimizer_steps
from netyard.training.matching import check_data
from netyard.training.results import FinishedRun
from netyard.training.tensorboard import begin_results, log_baselines, log_hyperparameters

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Assembly:
    """The Trainer of a run, with its logger, its checkpoint callback and its other processes."""

    trainer: L.Trainer
    logger: Logger | None
    best: BestAndLast
    """The callback that saves checkpoints and keeps track of the best epoch."""
    ranks: contextlib.AbstractContextManager[Any]
    """Watches the other processes of a distributed run; a null context for any other run."""
    device: str
    """The name of the device, for the log and ``results.json``."""


def fit(
    cfg: DictConfig, choices: Mapping[str, Any], run_dir: RunDir, rank_command: RankCommand | None = None
) -> FinishedRun:
    """Train, test the best checkpoint and write the results; process-wide settings are restored at the end.

    Args:
        cfg: a checked config. Values that are only known once the data is read (``num_classes``, ...) are added to it.
        choices: the chosen option of each config group, ``{"model": "resnet18", "data": "cifar10", ...}``.
        run_dir: the run directory, locked by the caller.
        rank_command: starts the other processes of a distributed run. Without it Lightning starts the running
            program once more for each.

    Raises:
        Interrupted: a signal stopped the run; it can be resumed.
        Pruned: the pruner of the sweep stopped the run early.
        NetyardError: an error that the user can fix; see ``netyard.errors`` for the kinds.
    """
    # Threads, deterministic mode and environment variables are restored: a notebook may train several times.
    with process_state.restore_on_exit():
        context = prepare(cfg, choices, run_dir)
        assembly = assemble(context, rank_command)
        with assembly.ranks, _report_early_stop(context, assembly):
            fit_time = train(context, assembly)
            seconds = {"setup": fit_time.start - context.started, "fit": fit_time.seconds}
            if context.config["trainer"]["max_epochs"] == 0:
                _validate_untrained(context, assembly)
            if trainer_arguments.time_limit(assembly.trainer) and assembly.best.best_epoch is None:
                return record(context, assembly, seconds)  # nothing was validated, so there is no best checkpoint
            # Configs of earlier versions have no trainer.test.
            if not has_split(context.datamodule, "test") or not context.config["trainer"].get("test", True):
                assembly.trainer.strategy.barrier()
                _task_with_best_weights(context, assembly.trainer)
                return record(context, assembly, seconds)
            try:
                test_time = test(context, assembly)
            except DataError:
                # A test sample cannot be read. What was trained and validated is kept, and can be tested again.
                record_untested(context, assembly, seconds)
                raise
        return record(context, assembly, {**seconds, "test": test_time.seconds})


# Stage 1


def prepare(cfg: DictConfig, choices: Mapping[str, Any], run_dir: RunDir) -> RunContext:
    """Seed, build data and task, choose threads and precision, and read the checkpoint of a resumed run.

    The order of these steps is part of a run's results: the initial weights are drawn from the random number generator
    right after it is seeded and the data is built.
    """
    started = time.perf_counter()
    run_dir.set_state("running")
    # First of all: a missing GPU must be reported before minutes are spent on reading data.
    require_device(cfg.trainer)
    trainer_arguments.require_precision(cfg.trainer, bool(cfg.resume))
    process_state.run_settings(cfg.seed)
    # Before the data are built, which get the mean, std, filter and crop that pretrained weights were made for.
    path, state = (_read_checkpoint(run_dir) if cfg.resume else None) or (None, {})
    recorded = checkpoint.config_and_choices(state, path) if path else None
    if recorded:
        by_task.keep(cfg, recorded[0])
    prepared = preprocessing.apply(cfg, run_dir, recorded[0] if recorded else None)
    if recorded:
        keep_facts(cfg, recorded[0]["data"])
    datamodule = build(cfg.data)
    # A new mapping of plain types: no interpolations, and with the facts of the data (number of classes, input shape).
    config = resolve(cfg, datamodule, choices)
    # Does this task fit the kind of target that the data turned out to have?
    correction = datamodule.target_correction if isinstance(datamodule, GuessesTarget) else ""
    schema.require_outputs(config, choices, correction)
    # Before the Trainer is built: a changed config is refused before anything is written.
    if recorded:
        _require_same(recorded, config, choices, run_dir, state)
    else:
        checkpoint.require_pretrained(config["model"].get("pretrained"))
    # Draws the initial weights; nothing may draw between the seed and this. A checkpoint has all weights: those that a
    # resumed run was started with may be gone.
    task = build((checkpoint.without_pretrained(config) if recorded else config)["task"])
    if recorded and config["trainer"].get("schedule") == "keep" and isinstance(task, FollowsSchedules):
        task.schedule_steps = _planned_steps(state, run_dir)
    check_data(task, datamodule)
    chosen = performance.choose(config, task)
    performance.prepare(chosen, task)
    # Reads the data, and hashes them: it draws no random numbers, so that the seeded generators stay as they are.
    summary = data_summary.summary_of(datamodule)
    if summary and (remarks := data_summary.remarks_of(task, datamodule)):
        summary["remarks"] = [*summary.get("remarks", []), *remarks]
    absent_splits.require_unmonitored(config, datamodule, in_sweep=bool(run_dir.job()))
    if prepared:
        summary["preprocessing"] = prepared.record()
    return RunContext(
        config=config,
        choices=choices,
        run_dir=run_dir,
        datamodule=datamodule,
        task=task,
        performance=chosen,
        parameters=count_parameters(task.net),
        started=started,
        data_summary=summary,
        resumed_from=path,
        resumed_step=state.get("global_step", 0) if config["resume"] else None,
        # Lightning reads the file again in Trainer.fit; this hands out what was read already.
        checkpoint_io=checkpoint.WholeFileIO((path, state) if path else None),
    )


def _read_checkpoint(run_dir: RunDir) -> tuple[Path, dict[str, Any]] | None:
    """Return path and content of a run's newest intact checkpoint; None if the run ended before its first save.

    Raises:
        CheckpointError: no checkpoint is intact.
    """
    if run_dir.has_checkpoint:
        return checkpoint.find(run_dir.last)
    log.info("%s has saved no checkpoint; it starts from the beginning", short_path(run_dir.path))
    return None


def _require_same(
    recorded: tuple[dict[str, Any], dict[str, Any]],
    config: Mapping[str, Any],
    choices: Mapping[str, Any],
    run_dir: RunDir,
    state: Mapping[str, Any],
) -> None:
    """Refuse a resume with another config; log what differs and may.

    Raises:
        ConfigError: the config differs from the recorded one in a key that a resume must not change.
    """
    old = {"config": recorded[0], "choices": recorded[1]}
    changes = resume.require_same(old, config, choices, run_dir)
    log.info("resuming after step %d%s", state["global_step"], f", with {', '.join(changes)}" if changes else "")


def _planned_steps(state: Mapping[str, Any], run_dir: RunDir) -> float:
    """Return the number of steps that the schedules of a run were planned for."""
    if "schedule_steps" not in state:
        raise ConfigError(
            f"trainer.schedule=keep cannot be kept: {short_path(run_dir.path)} is a run of an earlier version;",
            "such a run has not recorded the length that its schedules were planned for;",
            "try trainer.schedule=stretch, or the former trainer.max_epochs.",
        )
    return float(state["schedule_steps"])


# Stage 2


def assemble(context: RunContext, rank_command: RankCommand | None = None) -> Assembly:
    """Build logger, callbacks and Trainer. Those that have a method ``attach`` get the context through it.

    Raises:
        ConfigError: the config has no checkpoint callback.
    """
    node = context.config["logger"]
    logger = build(node, save_dir=str(context.run_dir.path)) if node else None
    own = [*build_all(context.config.get("callbacks")), *_pruning_callbacks(context.run_dir)]
    callbacks = trainer_arguments.callbacks(context.config["trainer"], own)
    best = next((each for each in callbacks if isinstance(each, BestAndLast)), None)
    if best is None:
        raise ConfigError(
            "callbacks has no checkpoint;",
            "the test at the end is of the best checkpoint, so a run needs one;",
            "try callbacks=[default], and leave callbacks.checkpoint in.",
        )
    attach(context, [*callbacks, logger])
    environment = rank_processes.cluster_environment(rank_command)  # None for a run of one process
    settings = trainer_arguments.arguments(context.config["trainer"], context.run_dir)
    if not has_split(context.datamodule, "val"):
        settings |= {"limit_val_batches": 0, "num_sanity_val_steps": 0}
    elif context.unchecked_metrics:
        # One validation batch before training: a misspelled monitor is found now, not after the first epoch.
        settings["num_sanity_val_steps"] = settings["num_sanity_val_steps"] or 1
    trainer = performance.trainer(
        context.performance,
        settings,
        callbacks=callbacks,
        logger=logger or False,  # None would make Lightning create a logger of its own
        plugins=[context.checkpoint_io, *([environment] if environment else [])],
        default_root_dir=str(context.run_dir.path),
    )
    trainer_arguments.validate_whole(trainer)
    lean_loop.install(trainer)
    log_at_optimizer_steps(trainer)
    # The Trainer has switched torch to deterministic algorithms, which fill each new buffer unless this is off.
    process_state.disable_memory_filling()
    device = device_name(trainer)
    results.log_start(context, device)
    return Assembly(trainer, logger, best, environment or contextlib.nullcontext(), device)


def _pruning_callbacks(run_dir: RunDir) -> list[L.Callback]:
    """Return the pruning callback for a job of a sweep with a pruner; otherwise no callback."""
    study = run_dir.job().get("study")
    if not study:
        return []
    try:
        return [Pruning(**{**study, "storage": trusted_url(study["storage"], run_dir.path)})]
    except PlatformError as error:
        # The database of the Optuna study cannot be reached. The job trains without it, only never stops early.
        log.warning("the run is not pruned: %s", error)
        return []


# Stages 3 and 4


@dataclass(frozen=True)
class Timing:
    """When a stage started, by ``time.perf_counter()``, and how many seconds it took."""

    start: float
    seconds: float


def train(context: RunContext, assembly: Assembly) -> Timing:
    """Train until ``trainer.max_epochs`` (or until a callback stops), from the checkpoint of a resumed run if any."""
    start = time.perf_counter()
    path = str(context.resumed_from) if context.resumed_from else None
    with trainer_arguments.explained(context.config["trainer"]):
        assembly.trainer.fit(context.task, datamodule=context.datamodule, ckpt_path=path)
    # The checkpoint callback does this on_train_start, which Lightning skips if nothing is left to train.
    context.run_dir.confirm_resume()
    return Timing(start, time.perf_counter() - start)


def _validate_untrained(context: RunContext, assembly: Assembly) -> None:
    """Save and validate a network that is not trained (``trainer.max_epochs=0``): the test is of it as it is."""
    best, trainer = assembly.best, assembly.trainer
    best.save(trainer, best=True)
    if has_split(context.datamodule, "val"):
        trainer.validate(context.task, datamodule=context.datamodule, verbose=False)
        best.keep_untrained(results.metrics_of(trainer))


def test(context: RunContext, assembly: Assembly) -> Timing:
    """Test the weights of the best epoch."""
    start = time.perf_counter()
    trainer = assembly.trainer
    # Only rank 0 writes best.ckpt, and every rank reads it below: wait until it is written.
    trainer.strategy.barrier()
    begin_results(assembly.logger)
    trainer.test(_task_with_best_weights(context, trainer), datamodule=context.datamodule, verbose=False)
    return Timing(start, time.perf_counter() - start)


def _task_with_best_weights(context: RunContext, trainer: L.Trainer) -> L.LightningModule:
    """Return the task with the weights of its best epoch; under FSDP this is a new task."""
    recorded = checkpoint.read(context.run_dir.best)
    # FSDP has split each parameter among the processes, and a full state dict does not load into the pieces.
    if isinstance(trainer.strategy, FSDPStrategy):
        return checkpoint.rebuild(recorded, context.run_dir.best)
    checkpoint.restore(context.task, recorded)
    return context.task


# Stage 5


def record(context: RunContext, assembly: Assembly, seconds: Mapping[str, float]) -> FinishedRun:
    """Write ``results.json``, the row of TensorBoard's HPARAMS tab and the run's state, and print the table."""
    # On every rank: collecting reads metrics only, and each rank returns the same results to its caller.
    content = results.collect(context, assembly.trainer, assembly.best, seconds, assembly.device)
    if "test" not in seconds:  # the metrics of the Trainer are those of the last epoch
        content["metrics"] = dict(assembly.best.best_metrics)
    if assembly.trainer.is_global_zero:
        # The state comes after the results: a run that says "completed" always has a results.json.
        context.run_dir.write_results(content)
        # After the results are on the disk, for they may take seconds.
        if compared := baseline_results.compare(context, assembly.trainer, content["metrics"]):
            content |= compared.record()
        if said := diagnosis.found(context, assembly.trainer, content):
            content["diagnostics"] = said
        if compared or said:
            context.run_dir.write_results(content)
        if compared:
            log_baselines(assembly.logger, baseline_results.columns(compared, content), content["steps"])
        log_hyperparameters(assembly.logger, context.config, context.choices, content, context.run_dir.path)
        limit = trainer_arguments.time_limit(assembly.trainer)
        # Jobs of a sweep have the same time each, and are compared by what they reach in it.
        if limit is not None and not context.run_dir.is_sweep_job:
            reason = f"trainer.max_time={written(context.config['trainer']['max_time'])} is over"
            context.run_dir.set_state("interrupted", f"{reason} at step {content['steps']}; resume= continues the run")
        else:
            context.run_dir.set_state("completed")
        results.log_finish(context, content, compared)
        trainer_arguments.log_profiles(assembly.trainer, context.run_dir.path)
        if limit is not None:
            log.info("the time is over (trainer.max_time)")
            if not context.run_dir.is_sweep_job:
                results.log_stopped(context.run_dir)
    return FinishedRun(context, content)


def record_untested(context: RunContext, assembly: Assembly, seconds: Mapping[str, float]) -> None:
    """Write ``results.json`` of a run whose test failed: metrics of the validation only."""
    if assembly.trainer.is_global_zero:
        content = results.collect(context, assembly.trainer, assembly.best, seconds, assembly.device)
        content["metrics"] = dict(assembly.best.best_metrics)
        context.run_dir.write_results(content)
        results.log_untested(context.run_dir)


@contextlib.contextmanager
def _report_early_stop(context: RunContext, assembly: Assembly) -> Iterator[None]:
    """Log the command that resumes a run stopped by a signal; write the HPARAMS row of a pruned run."""
    try:
        yield
    except Interrupted:
        results.log_stopped(context.run_dir)
        raise
    except Pruned:
        # Pruned jobs appear in the HPARAMS tab too: it shows which values were given up early.
        so_far = results.collect_pruned(context, assembly.trainer, assembly.best)
        log_hyperparameters(assembly.logger, context.config, context.choices, so_far, context.run_dir.path)
        raise
