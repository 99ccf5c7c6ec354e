"""A job in a process of one of Hydra's launchers, with the arguments of a single ``python train.py``."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from netyard.config.overrides import override
from netyard.run_directories import lock
from netyard.run_directories.directory import RunDir
from netyard.sweeps.arguments import hydra_overrides
from netyard.sweeps.ledger import Ledger
from netyard.sweeps.outcome import resumable


@contextlib.contextmanager
def as_single_run(cfg: DictConfig, run_dir: RunDir) -> Iterator[list[str]]:
    """Inside, this process trains one job of the launcher; yields the arguments that would train it as a single run.

    Environment variables for the ranks of this job are restored afterwards. A job that its cluster has stopped and
    restarted is resumed.
    """
    # SLURM requeues a preempted job with its first arguments, which do not say resume=.
    if run_dir.is_sweep_job and not cfg.resume and resumable(run_dir.path):
        cfg.resume = str(run_dir.path)
    environment = dict(os.environ)
    try:
        yield arguments(cfg, run_dir)
    finally:
        _restore_environment(environment)


def require_ended(ledger: Ledger) -> None:
    """Raises:
    PlatformError: a job that a killed driver started is still running.
    """
    # The driver's lock is free by now, but jobs of a cluster live on without their driver.
    for job in ledger.jobs:
        if job.state == "running":
            lock.refuse_if_held(ledger.place(job))


def arguments(cfg: DictConfig, run_dir: RunDir) -> list[str]:
    """The arguments of ``train.py`` that train this job alone, in the directory that the sweep chose."""
    hydra_cfg: Any = HydraConfig.get()
    # HydraConfig records the search path, from which --config-dir is recovered.
    folders = [each.path for each in hydra_cfg.runtime.config_sources if each.provider == "command-line"]
    flags = [*(f"--config-dir={folder}" for folder in folders), *hydra_overrides(hydra_cfg)]
    if cfg.resume:  # the run directory has the other overrides
        return [*flags, override("resume", run_dir.path)]
    task: Any = OmegaConf.to_container(hydra_cfg.overrides.task)
    return [*flags, *task, override("hydra.run.dir", run_dir.path)]


def _restore_environment(environment: dict[str, str]) -> None:
    """Undo the variables that Lightning set for the ranks of this job: the same process may run another job next."""
    for name in set(os.environ) - set(environment):
        del os.environ[name]
    os.environ.update(environment)
