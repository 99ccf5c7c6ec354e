"""One experiment from config to results, in five stages: prepare, assemble, train, test, record.

``prepare`` turns the config into one frozen ``RunContext``: data, task, how the network is run, and the state that a
resumed run continues from. ``assemble`` gives that context to the callbacks and the logger and builds Lightning's
Trainer with them. ``train`` and ``test`` are one call of the Trainer each. ``record`` writes the results.
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
from netyard.config import schema
from netyard.config.instantiate import build, build_all
from netyard.errors import ConfigError, Interrupted, PlatformError, Pruned
from netyard.io.readable import short_path
from netyard.run_directories import resume
from netyard.run_directories.directory import RunDir
from netyard.run_directories.study import trusted_url
from netyard.training import checkpoint, lean_loop, performance, process_state, rank_processes, results
from netyard.training.context import RunContext, count_parameters, resolve
from netyard.training.devices import device_name, require_device
from netyard.training.distributed import RankCommand
from netyard.training.lightning_internals import advance_log_step
from netyard.training.results import FinishedRun
from netyard.training.tensorboard import log_hyperparameters

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Assembly:
    """Everything of a run that acts: what ``assemble`` builds from a context."""

    trainer: L.Trainer
    logger: Logger | None
    best: BestAndLast
    """The callback that saves checkpoints and keeps track of the best epoch."""
    ranks: contextlib.AbstractContextManager[Any]
    """Watches the other processes of a distributed run; a null context for any other run."""
    device: str


def fit(
    cfg: DictConfig, choices: Mapping[str, Any], run_dir: RunDir, rank_command: RankCommand | None = None
) -> FinishedRun:
    """Train, test on the best checkpoint, write the results. The process is afterwards as it was before.

    Args:
        cfg: a checked config; the facts of the data are added to it.
        choices: the option of each group.
        run_dir: where the run writes; claimed by the caller.
        rank_command: starts the other processes of a distributed run. Without it Lightning starts the running
            program once more for each.

    Raises:
        Interrupted: a signal stopped the run, which can be resumed.
        Pruned: the sweep's pruner ended it.
        NetyardError: a fault that a user can fix; see ``netyard.errors`` for the kinds.
    """
    with process_state.restore_on_exit():
        context = prepare(cfg, choices, run_dir)
        assembly = assemble(context, rank_command)
        with assembly.ranks, _endings(context, assembly):
            fitted = train(context, assembly)
            tested = test(context, assembly)
        seconds = {"setup": fitted.began - context.began, "fit": fitted.seconds, "test": tested.seconds}
        return record(context, assembly, seconds)


def prepare(cfg: DictConfig, choices: Mapping[str, Any], run_dir: RunDir) -> RunContext:
    """Seed, build data and task, choose how the network is run, and find the state that a resumed run continues from.

    The order is part of a run's results: weights are drawn right after the seed is set and the data built.
    """
    began = time.perf_counter()
    run_dir.set_state("running")
    # First of all: a missing GPU must be found before data are read.
    require_device(cfg.trainer)
    process_state.run_settings(cfg.seed)
    datamodule = build(cfg.data)
    config = resolve(cfg, datamodule, choices)
    schema.require_outputs(config, choices)
    task = build(config["task"])  # draws the initial weights; nothing may draw between the seed and this
    chosen = performance.choose(config, task)
    performance.prepare(chosen, task)
    found = _state_to_resume(run_dir, config, choices) if config["resume"] else None
    step = found[1]["global_step"] if found else 0
    return RunContext(
        config=config,
        choices=choices,
        run_dir=run_dir,
        datamodule=datamodule,
        task=task,
        performance=chosen,
        parameters=count_parameters(task.net),
        began=began,
        resumed_from=found[0] if found else None,
        resumed_step=step if config["resume"] else None,
        checkpoint_io=checkpoint.WholeFileIO(found),
    )


def assemble(context: RunContext, rank_command: RankCommand | None = None) -> Assembly:
    """Build logger, callbacks and Trainer, and attach to the context those that have ``attach``."""
    node = context.config["logger"]
    logger = build(node, save_dir=str(context.run_dir.path)) if node else None
    callbacks = [*build_all(context.config["callbacks"]), *_pruning(context.run_dir)]
    best = next((each for each in callbacks if isinstance(each, BestAndLast)), None)
    if best is None:
        raise ConfigError(
            "callbacks has no checkpoint;",
            "the test at the end is of the best checkpoint, so a run needs one;",
            "try callbacks=[default], and leave callbacks.checkpoint in.",
        )
    attach(context, [*callbacks, logger])
    environment = rank_processes.cluster_environment(rank_command)
    trainer = performance.trainer(
        context.performance,
        # One batch of validation before training shows whether a metric exists that only the user has named.
        {**context.config["trainer"], **({"num_sanity_val_steps": 1} if context.unchecked_metrics else {})},
        callbacks=callbacks,
        logger=logger or False,
        plugins=[context.checkpoint_io, *([environment] if environment else [])],
        default_root_dir=str(context.run_dir.path),
    )
    lean_loop.install(trainer)
    process_state.disable_memory_filling()
    device = device_name(trainer)
    results.log_start(context, device)
    return Assembly(trainer, logger, best, environment or contextlib.nullcontext(), device)


@dataclass(frozen=True)
class Timing:
    """When a stage began, by ``time.perf_counter()``, and how long it took."""

    began: float
    seconds: float


def train(context: RunContext, assembly: Assembly) -> Timing:
    """Train to the end, from the state that the run is resumed from if there is one."""
    began = time.perf_counter()
    path = str(context.resumed_from) if context.resumed_from else None
    assembly.trainer.fit(context.task, datamodule=context.datamodule, ckpt_path=path)
    context.run_dir.confirm_resume()  # a resumed run with nothing left to train has run no callback that does this
    return Timing(began, time.perf_counter() - began)


def test(context: RunContext, assembly: Assembly) -> Timing:
    """Test the weights of the best epoch."""
    began = time.perf_counter()
    trainer = assembly.trainer
    trainer.strategy.barrier()  # the first process has written the checkpoint that all of them read
    # A run that is killed during its test repeats it after a resume: its points must lie behind the saved step.
    advance_log_step(trainer)
    trainer.test(_with_best_weights(context, trainer), datamodule=context.datamodule, verbose=False)
    return Timing(began, time.perf_counter() - began)


def record(context: RunContext, assembly: Assembly, seconds: Mapping[str, float]) -> FinishedRun:
    """Write ``results.json``, the HPARAMS row and the state of the run, and print the table."""
    found = results.collect(context, assembly.trainer, assembly.best, seconds, assembly.device)
    if assembly.trainer.is_global_zero:
        log_hyperparameters(assembly.logger, context.config, context.choices, found, context.run_dir.path)
        context.run_dir.write_results(found)
        context.run_dir.set_state("completed")
        results.log_finish(context, found)
    return FinishedRun(context, found)


@contextlib.contextmanager
def _endings(context: RunContext, assembly: Assembly) -> Iterator[None]:
    """Log the command that resumes a run stopped by a signal; write the HPARAMS row of a pruned run."""
    try:
        yield
    except Interrupted:
        results.log_stopped(context.run_dir)
        raise
    except Pruned:
        so_far = results.collect_pruned(context, assembly.trainer, assembly.best)
        log_hyperparameters(assembly.logger, context.config, context.choices, so_far, context.run_dir.path)
        raise


def _state_to_resume(
    run_dir: RunDir, config: Mapping[str, Any], choices: Mapping[str, Any]
) -> tuple[Path, dict[str, Any]] | None:
    """Path and content of a run's newest intact checkpoint; None if the run ended before its first.

    Raises:
        CheckpointError: none is intact.
        ConfigError: the config differs from the recorded one in more than a resume may change.
    """
    if not run_dir.has_checkpoint:
        log.info("%s has saved no checkpoint; it starts from the beginning", short_path(run_dir.path))
        return None
    path, state = checkpoint.find(run_dir.last)
    recorded = dict(zip(("config", "choices"), checkpoint.config_and_choices(state, path), strict=True))
    changes = resume.require_same(recorded, config, choices, run_dir)
    log.info("resuming after step %d%s", state["global_step"], f", with {', '.join(changes)}" if changes else "")
    return path, state


def _pruning(run_dir: RunDir) -> list[L.Callback]:
    """The pruning callback of a job whose sweep prunes; else none."""
    study = run_dir.job().get("study")
    if not study:
        return []
    try:
        return [Pruning(**{**study, "storage": trusted_url(study["storage"], run_dir.path)})]
    except PlatformError as error:
        # The study's database cannot be reached. A job can train without it, and only loses the early end.
        log.warning("the run is not pruned: %s", error)
        return []


def _with_best_weights(context: RunContext, trainer: L.Trainer) -> L.LightningModule:
    """The task with the weights of its best epoch; a new task under FSDP."""
    recorded = checkpoint.read(context.run_dir.best)
    # FSDP has sharded the parameters of the trained task, and a full state dict does not load into shards.
    if isinstance(trainer.strategy, FSDPStrategy):
        return checkpoint.rebuild(recorded, context.run_dir.best)
    checkpoint.restore(context.task, recorded)
    return context.task
