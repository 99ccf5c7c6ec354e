"""Start a sweep from a sweeper's configuration: search space, checks, ledger, locks, driver."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import TaskFunction
from omegaconf import DictConfig, OmegaConf

from netyard.config import environment_variables, flatten, hydra_guard, hydra_internals
from netyard.config.compose import DEFAULT, Sources, opened
from netyard.errors import ConfigError, Interrupted
from netyard.io.atomic import write_atomically
from netyard.sweeps import arguments as command
from netyard.sweeps import outcome
from netyard.sweeps.driver import Driver, signals_raise, stopped
from netyard.sweeps.ledger import Job, Ledger, Locks, refuse_if_taken
from netyard.sweeps.runners import hydra
from netyard.sweeps.runners.batches import Batches
from netyard.sweeps.search.grid import Grid, Random, Search
from netyard.sweeps.search.space import Space

SUBDIR = "${hydra:job.num}"  # as conf/train.yaml has it


def start(overrides: Sequence[str], task: TaskFunction, sources: Sources = DEFAULT, logs: bool = False) -> Path | None:
    """Start the sweep of these overrides, ``arguments.resolved`` and ``with_full_names``, and run it to its end.

    Args:
        overrides: of the sweep, its sweeper and launcher.
        task: the function that Hydra's launchers run as a job; importable by name, because they pickle it.
        sources: of configs.
        logs: set up Hydra's logging, which replaces the handlers of this process.

    Returns:
        The sweep's directory; None if the sweeper is not one of netyard's.

    Raises:
        HydraException, OmegaConfBaseException: an override that Hydra refuses.
        ConfigError: see ``hydra_guard.require_hydra``; otherwise see ``sweep``.
    """
    # Before composing: composition alone may import a package (pkg://) or follow a resolver.
    hydra_guard.require_arguments(sources.flags, overrides)
    with opened(sources) as app, command.record_start([*sources.flags, *overrides]):
        found = hydra_internals.multirun(app, sources.config_name, task, overrides, logs)
    return found if isinstance(found, Path) else None  # other sweepers return what they like


def sweep(sweeper: Any, arguments: Sequence[str], report: Callable[[Path], str]) -> Path:
    """Run the sweep of a sweeper of ``hydra_plugins.netyard``; see ``driver.Driver`` for what it raises.

    Returns:
        Its directory.

    Args:
        sweeper: with its launcher and configuration.
        arguments: the overrides of the command line, as Hydra passes them.
        report: the sweep's directory -> the text to print at its end.
    """
    config, loader = sweeper.config, sweeper.hydra_context.config_loader
    space = Space.parse(OverridesParser.create(config_loader=loader), **sweeper.swept, arguments=arguments)
    folder = Path(str(config.hydra.sweep.dir)).resolve()
    # Every check before the first file is written: a refused command leaves no directory.
    _require_numbered(config)
    if not sweeper.resume:
        refuse_if_taken(folder)
    first = _first_job(space, config, loader)
    if not _has_other_environment(sweeper.launcher):
        _require_environment(space, first)
    objectives = _objectives(sweeper.objectives, first)
    folder.mkdir(parents=True, exist_ok=True)
    locks = Locks(folder)
    try:
        if not sweeper.resume:
            refuse_if_taken(folder)  # again: another sweep may have begun and ended here meanwhile
        # Under the lock: another driver could write the ledger between reading and resuming it.
        ledger = _ledger(sweeper, space, objectives, folder)
        with _recorded(ledger):
            search: Search = sweeper.search(space, ledger.objectives, folder)
            if sweeper.resume:
                search.restore(ledger.jobs)
            else:
                search.require_room()
            _list_all_jobs(search, ledger)
            ledger.write()  # before torch is imported, which may take long on a busy machine
            runner = _runner(sweeper, search, locks)
        failure_policy = getattr(sweeper.launcher, "failure_policy", {})  # only netyard's own launcher has one

        def ended(place: Path) -> str:
            return "\n\n".join(filter(None, [search.remark(), report(place)]))

        driver = Driver(ledger, search, keep=sweeper.keep, report=ended, **failure_policy)
        with contextlib.closing(runner):
            driver.announce()
            driver.run(runner)
        return folder
    finally:
        locks.release()
        _remove_if_not_started(folder)


@contextlib.contextmanager
def _recorded(ledger: Ledger) -> Iterator[None]:
    """Inside, a sweep is started: a kill leaves one that can be resumed, a signal interrupts it, a refusal undoes it.

    Raises:
        Interrupted: Ctrl-C or SIGTERM.
    """
    before = (ledger.state, ledger.ended) if ledger.started else None
    ledger.begin()
    try:
        with signals_raise():
            yield
    except (Interrupted, KeyboardInterrupt) as event:
        raise stopped(ledger, event) from None
    except Exception:
        if before:
            ledger.state, ledger.ended = before
            ledger.write()
        else:
            (ledger.folder / "sweep.json").unlink(missing_ok=True)
        raise


def _runner(sweeper: Any, search: Search, locks: Locks) -> Any:
    """The runner of the jobs: the processes of netyard's launcher, or an adapter of another launcher of Hydra."""
    launcher, size = sweeper.launcher, sweeper.batch_size
    if hasattr(launcher, "pool"):  # hydra_plugins.netyard.launcher
        return launcher.pool(inherit=[locks.shared])
    if size is None and not isinstance(search, Grid | Random):
        size = 1  # a learning search needs results before it chooses the next job
    # By the name of its module: a plugin that is not installed cannot be imported for isinstance.
    plugin = type(launcher).__module__.partition(".")[2]
    if plugin.startswith("hydra_submitit_launcher"):
        from netyard.sweeps.runners.slurm import Submitted

        return Submitted(launcher, size)
    if plugin.startswith("hydra_ray_launcher"):
        from netyard.sweeps.runners.ray import OnRay

        return OnRay(launcher, size)
    return Batches(launcher, size)


def _remove_if_not_started(folder: Path) -> None:
    """Delete the files of a sweep that was refused before its first job."""
    if not (folder / "sweep.json").exists():
        for name in ("multirun.yaml", ".driver.lock", ".jobs.lock"):
            (folder / name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            folder.rmdir()


def _ledger(sweeper: Any, space: Space, objectives: list[dict[str, str]], folder: Path) -> Ledger:
    if sweeper.resume:
        ledger = Ledger.read(folder)
        ledger.require_same(space.describe())
        hydra.require_ended(ledger)
        outcome.settle_running(ledger)  # after require_ended: a running job must not be declared failed
        return ledger
    write_atomically(folder / "multirun.yaml", hydra_internals.masked_yaml(sweeper.config))
    name = str(sweeper.config.hydra.runtime.choices["hydra/sweeper"])
    return Ledger(folder, command.start_arguments(), name, space.describe(), list(space.axes), objectives)


def _list_all_jobs(search: Search, ledger: Ledger) -> None:
    """Add all jobs to the ledger at once, if the search does not depend on results."""
    if not isinstance(search, Grid | Random):
        return
    while overrides := search.ask(len(ledger.jobs)):
        ledger.jobs.append(Job(len(ledger.jobs), overrides))


def _first_job(space: Space, config: DictConfig, loader: Any) -> DictConfig:
    """The config of any one job of the space."""
    job = space.sample(random.Random(0))
    return loader.load_sweep_config(config, [*job, "hydra.run.dir=."])


def _require_numbered(config: DictConfig) -> None:
    """Raises:
    ConfigError: the jobs are to be in folders of other names.
    """
    subdir = OmegaConf.to_container(config.hydra.sweep, resolve=False)["subdir"]  # type: ignore[call-overload,index]
    if subdir != SUBDIR:
        raise ConfigError(
            f"hydra.sweep.subdir is {subdir};",
            "the folder of a job is its number, by which a sweep is resumed;",
            "leave it out, or try hydra.sweep.dir=DIR.",
        )


def _has_other_environment(launcher: Any) -> bool:
    """Whether jobs run with variables that this process does not have, as those of a cluster's queue."""
    return type(launcher).__module__.startswith(("hydra_plugins.hydra_submitit", "hydra_plugins.hydra_ray"))


def _require_environment(space: Space, job: DictConfig) -> None:
    """Raises:
    ConfigError: a variable of the environment is not set, which would be the error of each job.
    """
    config: Any = OmegaConf.to_container(job, resolve=False)
    values = [value for key, node in config.items() if key != "hydra" for _, value in flatten.leaves(node, str(key))]
    environment_variables.require(map(str, [*values, *space.texts]))


def _objectives(wanted: Sequence[str] | None, job: DictConfig) -> list[dict[str, str]]:
    """``[val/accuracy:max, parameters:min]``, or what the task of a job monitors."""
    if not wanted:
        return [{"name": str(job.task.monitor), "mode": str(job.task.mode)}]
    objectives = []
    for text in wanted:
        name, _, mode = str(text).rpartition(":")  # from the right: the name of a metric may contain a colon
        if mode not in ("min", "max") or not name:
            raise ConfigError(
                f"objective '{text}' has no direction;",
                "objectives are numbers of results.json with their direction, NAME:min or NAME:max;",
                "try hydra.sweeper.objectives='[val/accuracy:max,parameters:min]'.",
            )
        objectives.append({"name": name, "mode": mode})
    return objectives
