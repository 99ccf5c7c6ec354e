"""One experiment from config to results: seed, data, task, trainer, fit, test the best checkpoint, write it down."""

from __future__ import annotations

import logging
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.loggers import Logger, TensorBoardLogger
from lightning.pytorch.strategies import FSDPStrategy
from omegaconf import DictConfig, OmegaConf, open_dict
from rich.console import Console
from rich.table import Table
from tensorboard.summary.writer import event_file_writer
from torch import nn

from netyard import __version__, plugins
from netyard.callbacks.best_and_last import BestAndLast
from netyard.callbacks.metrics_logger import Curves
from netyard.callbacks.optuna_pruning import Pruning
from netyard.callbacks.sample_quality import SampleScores
from netyard.config import allowlist, catalog, schema
from netyard.config.instantiate import build, build_all
from netyard.errors import ConfigError, Interrupted, PlatformError, Pruned
from netyard.io import run_log
from netyard.io.buffered_writer import Unfailing
from netyard.io.readable import near
from netyard.runs import resume
from netyard.runs.directory import RunDir
from netyard.runs.study import recalled
from netyard.tasks.interfaces import HasOutputs, knows_classes
from netyard.training import checkpoint, lean_loop, performance, run_features
from netyard.training.tensorboard import log_hyperparameters
from netyard.training.threads import one_input

log = logging.getLogger(__name__)


class _Records(event_file_writer.RecordWriter):
    """TensorBoard's own would end the thread that writes curves with the first write that fails, and then the run."""

    def __init__(self, file: Any) -> None:
        super().__init__(Unfailing(os.fsdecode(file.filename)))


event_file_writer.RecordWriter = _Records


def fit(cfg: DictConfig, choices: Mapping[str, Any], run_dir: RunDir) -> float | None:
    """Train, test on the best checkpoint, write the results; returns the objective, the best validation of the run.

    Raises:
        NetyardError: what a user can mend; see ``netyard.errors`` for the kinds.
    """
    began = time.perf_counter()
    run_dir.mark("running")
    run_log.take_over("lightning")
    _require_device(cfg.trainer)
    L.seed_everything(cfg.seed, workers=True, verbose=False)
    data = build(cfg.data)
    config = _with_facts(cfg, data, choices)
    schema.require_outputs(config, choices)
    task = build(config["task"])
    chosen = performance.choose(config, task)
    performance.prepare(chosen, task)
    parameters = count_parameters(task.net)

    resumed = _resumed(run_dir, config, choices) if config["resume"] else None
    logger = _logger(config, run_dir, resumed)
    callbacks = [*build_all(config["callbacks"]), *_pruning(run_dir)]
    best = _equip(callbacks, run_dir, checkpoint.describe(config, choices))
    _appoint(callbacks, config["data"])
    best.unsure_of = _unsure_of(config, choices)
    dry = {"num_sanity_val_steps": 1} if best.unsure_of else {}
    trainer = performance.trainer(
        chosen,
        {**config["trainer"], **dry},
        callbacks=callbacks,
        logger=logger or False,
        plugins=[checkpoint.WholeFileIO(resumed)],
        default_root_dir=str(run_dir.path),
    )
    lean_loop.install(trainer)
    # Deterministic algorithms are wanted, but not that every fresh buffer is filled: a third of a small ResNet's time.
    torch.utils.deterministic.fill_uninitialized_memory = False
    device = _device_name(trainer)
    log.info(
        "%s, %s parameters, on %s with %s", choices["model"], f"{parameters:,}", choices["data"], choices["optimizer"]
    )
    log.info("%s, %s, in %s", device, chosen, near(run_dir.path))

    ckpt_path, resumed = str(resumed[0]) if resumed else None, None  # Lightning is to free it, once it has read it
    fit_began = time.perf_counter()
    try:
        trainer.fit(task, datamodule=data, ckpt_path=ckpt_path)
        run_dir.go_on()  # it had nothing left to train
        fit_ended = time.perf_counter()
        trainer.strategy.barrier()  # rank 0 has written the checkpoint that all of them read
        trainer.fit_loop.epoch_loop._batches_that_stepped += 1  # its points are drawn anew after a kill
        trainer.test(_at_its_best(task, trainer, run_dir), datamodule=data, verbose=False)
        test_ended = time.perf_counter()
    except Interrupted:
        again = " ".join([f"resume={near(run_dir.path)}", *allowlist.flags()])
        log.info("stopped; continue with: %s train.py %s", _here("python"), again)
        raise
    except Pruned:
        so_far = {
            "parameters": parameters,
            "steps": trainer.global_step,
            "objective": {"value": best.best_value},
            "metrics": best.best_metrics,
        }
        log_hyperparameters(logger, config, choices, so_far, run_dir.path)
        raise

    curves = next((each for each in callbacks if isinstance(each, Curves)), None)
    metrics = {**best.best_metrics, **{name: float(value) for name, value in trainer.callback_metrics.items()}}
    results = {
        "model": choices["model"],
        "data": choices["data"],
        "task": choices["task"],
        "optimizer": choices["optimizer"],
        "seed": config["seed"],
        "parameters": parameters,
        "epochs": trainer.current_epoch,
        "steps": trainer.global_step,
        "objective": {"name": best.monitor, "mode": best.mode, "value": best.best_value, "epoch": best.best_epoch},
        "metrics": metrics,
        "throughput": {"train_samples_per_second": round(curves.samples_per_second, 1) if curves else None},
        "seconds": {
            "setup": round(fit_began - began, 3),
            "fit": round(fit_ended - fit_began, 3),
            "test": round(test_ended - fit_ended, 3),
        },
        "best_checkpoint": str(run_dir.best.relative_to(run_dir.path)),
        "environment": environment(device),
    }
    if trainer.is_global_zero:
        log_hyperparameters(logger, config, choices, results, run_dir.path)
        run_dir.write_results(results)
        run_dir.mark("completed")
        _show(f"{choices['model']} on {choices['data']}", results)
        log.info("results     %s", near(run_dir.path / "results.json"))
        log.info("dashboard   %s --logdir %s", _here("tensorboard"), near(run_dir.path))
        again = " ".join([f"run={near(run_dir.path)}", *allowlist.flags()])
        log.info("test again  %s evaluate %s", _here("netyard"), again)
    return best.best_value


def evaluate(cfg: DictConfig, recorded: Mapping[str, Any], run_dir: RunDir) -> tuple[dict[str, float], Any, Any]:
    """Test a run's checkpoint on the data of a config, by the settings of its task; returns metrics, task and data.

    Network, vocabulary and the meaning of columns come from the checkpoint alone.

    Raises:
        ConfigError: the network does not fit the data, or these settings of the task.
        DataError: a network that knows classes would meet others.
    """
    run_log.take_over("lightning")
    _require_device(cfg.trainer)
    L.seed_everything(cfg.seed, workers=True, verbose=False)
    data = build(cfg.data)
    checkpoint.restore_data(data, recorded)
    config = _with_facts(cfg, data, {})
    task = checkpoint.rebuild(recorded, run_dir.best, config["task"])
    _require_fit(task, config["data"], run_dir)
    chosen = performance.choose(config, task)
    performance.prepare(chosen, task)
    if knows_classes(task):
        checkpoint.require_classes(data, recorded)
    scores = _appoint(build_all(config["callbacks"]), config["data"])
    given = {"logger": False, "callbacks": scores, "default_root_dir": str(run_dir.path)}
    trainer = performance.trainer(chosen, config["trainer"], **given)
    trainer.test(task, datamodule=data, verbose=False)
    metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
    _show(str(run_dir.path), {"metrics": metrics})
    return metrics, task, data


def _at_its_best(task: Any, trainer: L.Trainer, run_dir: RunDir) -> Any:
    """The task with the weights of its best epoch: a new one where the devices have shared out the old one's."""
    recorded = checkpoint.read(run_dir.best)
    if isinstance(trainer.strategy, FSDPStrategy):
        return checkpoint.rebuild(recorded, run_dir.best)
    checkpoint.restore(task, recorded)
    return task


def _require_fit(task: Any, data: Mapping[str, Any], run_dir: RunDir) -> None:
    """Try one sample: other data may have another shape, or other classes."""
    reason = ""
    counts = ("num_classes", "num_targets", "num_actions", "target_vocab_size", "vocab_size")
    outputs = next((data[count] for count in counts if data.get(count)), None)
    example = one_input(data)
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


def count_parameters(net: nn.Module) -> int:
    """The trainable numbers of a net, frozen ones included, shared ones once."""
    return sum(parameter.numel() for parameter in net.parameters())


def environment(device: str) -> dict[str, str]:
    """What the results depend on besides the config."""
    return {
        "netyard": __version__,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "lightning": L.__version__,
        "device": device,
        "git": _git_revision(),
        **({"packages": plugins.versions()} if plugins.installed() else {}),
    }


def _with_facts(cfg: DictConfig, data: L.LightningDataModule, choices: Mapping[str, Any]) -> dict[str, Any]:
    """The resolved config, once the data has filled in what only it can tell (the classes of a folder of images)."""
    with open_dict(cfg):
        cfg.data.update(data.facts())
    return schema.resolve(cfg, choices)


def _equip(callbacks: list[L.Callback], run_dir: RunDir, contents: dict[str, Any]) -> BestAndLast:
    """Tell the callbacks that write where to; returns the one that knows the best epoch."""
    for each in callbacks:
        if isinstance(each, Curves):
            each.write_row = run_dir.append_metrics
    best = next((each for each in callbacks if isinstance(each, BestAndLast)), None)
    if best is None:
        raise ConfigError(
            "callbacks has no checkpoint;",
            "the test at the end is of the best checkpoint, so a run needs one;",
            "try callbacks=[default], and leave callbacks.checkpoint in.",
        )
    best.directory, best.contents, best.go_on = run_dir.checkpoints, contents, run_dir.go_on
    return best


def _unsure_of(config: Mapping[str, Any], choices: Mapping[str, Any]) -> dict[str, str]:
    """The metrics that something watches and the task's file does not, each with its key; a dry batch tells of them."""
    watched = {value: key for key, value in reversed([*schema.leaves(config)]) if key.endswith(".monitor")}
    own: dict[str, Any] = {}
    task = str(choices["task"])
    while "monitor" not in own and task:
        own = catalog.option_file("task", task)
        task = next((str(each) for each in own.get("defaults", []) if each != "_self_"), "")
    watched.pop(own.get("monitor"), None)
    return {str(name): key for name, key in watched.items() if not str(name).startswith("train/")}


def _pruning(run_dir: RunDir) -> list[L.Callback]:
    """What reports to the sweep that the run is a job of, where that sweep prunes."""
    study = run_dir.job().get("study")
    if not study:
        return []
    try:
        return [Pruning(**{**study, "storage": recalled(study["storage"], run_dir.path)})]
    except PlatformError as error:
        log.warning("the run is not pruned: %s", error)
        return []


def _appoint(callbacks: list[L.Callback], data: Mapping[str, Any]) -> list[L.Callback]:
    """Give those that score samples the network they ask for, where a run has it; returns them."""
    scores = [each for each in callbacks if isinstance(each, SampleScores)]
    for each in scores:
        if each.features not in ("auto", "inception"):
            each.network = run_features.features_of(each.features, data)
    return list(scores)


def _resumed(
    run_dir: RunDir, config: Mapping[str, Any], choices: Mapping[str, Any]
) -> tuple[Path, dict[str, Any]] | None:
    """Where the newest whole state of a run is, and the state; None if the run ended before there was one.

    Raises:
        CheckpointError: none is whole.
        ConfigError: it would go on as another experiment.
    """
    if not run_dir.begun:
        log.info("%s has saved no state; it begins anew", near(run_dir.path))
        return None
    path, state = checkpoint.find(run_dir.last)
    recorded = dict(zip(("config", "choices"), checkpoint.made_of(state, path), strict=True))
    changes = resume.require_same(recorded, config, choices, run_dir)
    log.info("going on after step %d%s", state["global_step"], f", with {', '.join(changes)}" if changes else "")
    return path, state


def _logger(config: Mapping[str, Any], run_dir: RunDir, resumed: tuple[Path, dict[str, Any]] | None) -> Logger | None:
    node = config["logger"]
    if not node:
        return None
    logger = build(node, save_dir=str(run_dir.path))
    if isinstance(logger, TensorBoardLogger) and config["resume"]:
        # Points that the interrupted run wrote after its last checkpoint are about to be written again.
        logger._kwargs["purge_step"] = resumed[1]["global_step"] + 1 if resumed else 0
    return logger


def _show(title: str, results: Mapping[str, Any]) -> None:
    table = Table("metric", title=title, title_justify="left")
    table.add_column("value", justify="right")
    for name, value in sorted(results["metrics"].items()):
        table.add_row(name, f"{value:.4f}")
    if "objective" in results:
        table.add_row("best epoch", str(results["objective"]["epoch"]))
    console = Console(width=60)
    with console.capture() as text:
        console.print(table)
    log.info("\n".join(line.rstrip() for line in text.get().splitlines()))


def _require_device(trainer: DictConfig) -> None:
    """Never a silent run on the CPU where a GPU was asked for."""
    if trainer.accelerator in ("gpu", "cuda") and not torch.cuda.is_available():
        raise PlatformError(
            f"trainer.accelerator is {trainer.accelerator}, and there is no CUDA device;",
            "trainers without one: auto, cpu, ddp_cpu;",
            "try trainer=cpu.",
        )
    here = torch.cuda.device_count() if trainer.accelerator in ("gpu", "cuda", "auto") else 0
    wanted = trainer.devices
    lacking = wanted > here if isinstance(wanted, int) else any(int(each) >= here for each in _listed(wanted))
    if here and lacking:
        raise PlatformError(
            f"trainer.devices is {wanted}, and the number of CUDA devices here is {here};",
            "a run trains on devices of this machine, numbered from 0;",
            f"try trainer.devices={here}, or -1 for all of them.",
        )
    if not torch.cuda.is_available():
        # Lightning has torch ask the driver's library whether a GPU is there, and an optimizer asks at every step:
        # without one that is as long as the step of a small network.
        os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "0"


def _listed(devices: Any) -> list[int]:
    return list(devices) if OmegaConf.is_list(devices) else []


def _device_name(trainer: L.Trainer) -> str:
    device = trainer.strategy.root_device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return f"{trainer.world_size} x {name}" if trainer.world_size > 1 else name


def _here(program: str) -> str:
    """How to call a program of this environment from here: by name, or by path where it is not activated."""
    beside = Path(sys.executable).parent / program
    return program if shutil.which(program) == str(beside) or not beside.exists() else near(beside)


def _git_revision() -> str:
    """The commit of the code that runs, ``-dirty`` where it was changed; ``unknown`` for an installed package."""
    try:
        answer = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=7", "--exclude=*"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return answer.stdout.strip()
