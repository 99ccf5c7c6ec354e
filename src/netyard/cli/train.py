"""``python train.py`` and ``netyard train``: a run, a sweep, or one of Hydra's flags that print.

``run_one`` is a run without a command line: it raises, prints no error and ends no process. ``train`` wraps it.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobStatus, configure_log, run_job
from hydra.errors import HydraException
from hydra.types import HydraContext, RunMode, TaskFunction
from omegaconf import DictConfig, OmegaConf

from netyard.cli import torch_import
from netyard.cli.command import Command
from netyard.cli.error_messages import explain
from netyard.cli.failure import failed
from netyard.config import allowlist, catalog, hydra_guard, hydra_internals, schema
from netyard.config.compose import DEFAULT, Sources, choices_of, opened, reading
from netyard.config.overrides import override, value_of
from netyard.errors import ConfigError, DataError, Interrupted, PlatformError, Pruned
from netyard.io import process, redact, run_log
from netyard.io.claim import create_unused, created, remove_if_empty
from netyard.io.process import is_main_process
from netyard.io.version import __version__
from netyard.run_directories import hydra_files, resume
from netyard.run_directories.directory import RunDir
from netyard.sweeps import arguments as sweeping
from netyard.sweeps.runners.hydra import as_one_run
from netyard.training import distributed

HELP = """\
One experiment: a network, trained on data, tested, written down.

  python train.py                                    an MLP on handwritten digits, in seconds
  python train.py model=resnet50 optimizer=adam      any choice below, any key of it
  python train.py -m model=mlp,lenet5 seed=0,1,2     a sweep over the product
  python train.py resume=RUN_DIR                     go on where a run stopped; -m resume=SWEEP_DIR a sweep

Commands, netyard COMMAND --help:
{commands}

Choices, GROUP=OPTION:
{choices}

Keys, key=value (python train.py --cfg job prints all of them with their values):
  seed  threads  tags  resume  trainer.max_epochs  trainer.max_steps  data.batch_size  data.num_workers  optimizer.lr
  trainer.performance=auto, safe (to the bit) or max (on a GPU bfloat16, compiled)

Keys of a sweep (docs/sweeps.md explains them):
  launcher.devices  .jobs_per_device  .timeout  .retries  .max_failures  .fail_fast    sweep.keep
  hydra/sweeper=random or optuna: sweep.num_trials  .seed; optuna: .sampler  .pruner  .storage  .objectives

Flags:
  -m, --multirun      a sweep over the values that are separated by commas
  -c, --cfg job       print the config instead of running it (with --resolve: interpolations followed)
  -cd, --config-dir   a folder with options of your own: DIR/model/mine.yaml is model=mine
  --allow-target pkg.mod.Class    let a config have this built, which is none of netyard's; may be repeated, and goes
                      with every command that builds a run: evaluate, predict, generate, resume
  --version           netyard's
  --info, --shell-completion, --hydra-help           Hydra's own
"""


class AsksForSweep(ConfigError):  # noqa: N818  (an event, not an error)
    """A file among the configs says ``hydra.mode: MULTIRUN``, where one run was asked for."""


@dataclass(frozen=True)
class Finished:
    """A run that has come to its end."""

    path: Path
    objective: float | None = None
    """None of a run that was pruned, or that had been finished before."""
    already: bool = False
    """Whether the run that was to be continued had been finished before, so that nothing was done."""


@dataclass(frozen=True)
class Request:
    """A command line of ``train``, taken apart.

    Raises, when it is read:
        SystemExit: a flag that there is not, with code 2; Hydra's parser has printed which there are.
    """

    flags: list[str]
    overrides: list[str]

    @functools.cached_property
    def known(self) -> Any:
        """Hydra's flags; behind ``overrides`` whatever is none."""
        return hydra_internals.parse_flags([*self.flags, *self.overrides])

    @property
    def sources(self) -> Sources:
        return Sources(self.known.config_dir, self.known.config_path, self.known.config_name or DEFAULT.config_name)

    @property
    def prints(self) -> bool:
        """Whether Hydra is to print something, and no run to begin; two orders at once are Hydra's to refuse."""
        asked = self.known.cfg or self.known.info or self.known.hydra_help or self.known.shell_completion
        return bool(asked or self.known.resolve or (self.known.run and self.known.multirun))

    @property
    def sweeps(self) -> bool:
        return bool(self.known.multirun or "hydra.mode=MULTIRUN" in self.overrides)


def train(arguments: Sequence[str]) -> int:
    """What the command does: a run, a sweep, or what Hydra prints.

    Raises:
        NetyardError: see ``run_one`` and ``sweep_all``.
    """
    if distributed.started_by_netyard():
        process.end_with_parent()
    if "--version" in arguments:
        print(f"netyard {__version__}")
        return 0
    asked = Request(*sweeping.split(arguments))
    hydra_guard.require_arguments(asked.flags, asked.overrides)
    if asked.prints:
        _print(asked)
    elif asked.sweeps:
        sweep_all(asked)
    else:
        try:
            done = run_one(asked.known.overrides, asked.sources, whole_process=True)
        except AsksForSweep:
            sweep_all(asked)
        else:
            if done.already:
                print(f"{done.path} is finished already; its results are in {done.path / 'results.json'}.")
    return 0


def run_one(overrides: Sequence[str], sources: Sources = DEFAULT, whole_process: bool = False) -> Finished:
    """Compose, check, claim a directory, write ``.hydra/``, train and test: what ``python train.py`` does of a run.

    Args:
        overrides: as they are typed, ``resume=`` included.
        sources: of configs.
        whole_process: this process is there for the run alone, and Hydra's logging is set up in it.

    Raises:
        NetyardError: a mistake, a failure or an interruption, as it is told to a user; ``status.json`` of a run that
            has begun says it, and nothing is left of one that has not.
        Exception: any other is a bug of netyard's.
    """
    create_unused.cache_clear()
    typed = list(overrides)
    try:
        typed, finished = resume.expand_resume(overrides, sources)
        if finished is not None:
            return Finished(finished, already=True)
        if not value_of(typed, "resume") and (wanted := value_of(typed, "hydra.run.dir")) and is_main_process():
            RunDir(wanted).refuse_if_taken()
        typed = distributed.rank_overrides(redact.drop_masked(sweeping.spelled_out(typed, False)), False)
        hydra_guard.require_arguments(sources.flags, typed)
        return _run(typed, sources, whole_process)
    except (Exception, KeyboardInterrupt) as error:
        _take_back()
        stopped = error if isinstance(error, Exception) else Interrupted(signal.SIGINT)
        told = explain(stopped, typed)
        if told is None or told is error:
            raise
        raise told from error


def sweep_all(asked: Request) -> Path | None:
    """Run a sweep to its end; returns its directory, None where the sweeper is none of netyard's.

    Raises:
        NetyardError: see ``sweeps.start.start``.
    """
    from netyard.sweeps.start import start

    create_unused.cache_clear()
    flags, overrides, finished = sweeping.resolved(asked.flags, asked.known.overrides)
    if finished is not None:
        print(f"{finished} is finished already; its results are in {finished / 'leaderboard.md'}.")
        return finished
    overrides = distributed.rank_overrides(redact.drop_masked(sweeping.spelled_out(overrides, True)), True)
    hydra_guard.require_arguments(flags, overrides)
    return start(overrides, launched_task(), Request(flags, overrides).sources, logs=True)


def job(arguments: Sequence[str], threads: int | None) -> int:
    """``train`` in a process that was forked with torch imported, as a job of a sweep, on so many CPU threads."""
    if threads:
        import torch

        torch.set_num_threads(threads)
    return COMMAND(arguments)


def launched_task() -> TaskFunction:
    """What a launcher of Hydra's plugins runs as a job, and what the user has allowed: it pickles both."""
    return functools.update_wrapper(functools.partial(_launched, allowed=allowlist.allowed()), _launched)


def _run(overrides: list[str], sources: Sources, whole_process: bool) -> Finished:
    """``run_one`` of overrides that are spelled out; the steps of ``Hydra.run``, which composes nothing twice here."""
    with opened(sources) as app:
        try:
            config = hydra.compose(sources.config_name, overrides, return_hydra_config=True)
        except HydraException:
            several = any("," in text or "(" in text for text in overrides)
            if several and hydra_internals.asks_for_sweep(app, sources.config_name, overrides):
                raise AsksForSweep(*_ASKS_FOR_SWEEP) from None
            raise
        if config.hydra.mode == RunMode.MULTIRUN:
            raise AsksForSweep(*_ASKS_FOR_SWEEP)
        config.hydra.mode = RunMode.RUN
        if "hydra.mode=RUN" not in overrides:
            config.hydra.overrides.hydra.append("hydra.mode=RUN")  # as Hydra notes it
        hydra_guard.leave_files_to_us(config)
        if whole_process:
            configure_log(config.hydra.hydra_logging, config.hydra.verbose)
            if config.hydra.verbose is True:
                hydra_internals.print_debug_information(app, sources.config_name, overrides)
        callbacks = hydra_internals.callbacks_of(config)
        callbacks.on_run_start(config=config, config_name=sources.config_name)
        places: list[Path] = []
        errors: list[Exception] = []

        def task(cfg: DictConfig) -> float | None:
            places.append(Path(HydraConfig.get().runtime.output_dir))
            try:
                return _job(cfg, [*allowlist.flags(), *sources.flags, *overrides])
            except Exception as error:
                errors.append(error)
                raise

        done = run_job(
            task,
            config,
            job_dir_key="hydra.run.dir",
            job_subdir_key=None,
            hydra_context=HydraContext(app.config_loader, callbacks),
            configure_logging=whole_process,
        )
        callbacks.on_run_end(config=config, config_name=sources.config_name, job_return=done)
        if done.status == JobStatus.FAILED:
            raise errors[0]
        return Finished(places[0], done.return_value)


_ASKS_FOR_SWEEP = (
    "the config says hydra.mode: MULTIRUN, and one run was asked for;",
    "it makes a sweep of every run;",
    "take it out, or start a sweep.",
)


def _launched(cfg: DictConfig, allowed: Sequence[str] = ()) -> float | None:
    """A job in a process of a launcher of Hydra's plugins; returns the objective for the sweeper."""
    allowlist.allow(allowed)
    return _job(cfg, None)


def _job(cfg: DictConfig, repeated: Sequence[str] | None) -> float | None:
    """One run, of the config that Hydra has composed for it: alone, or as a job of a launcher of Hydra's plugins.

    Args:
        repeated: the arguments of the processes that Lightning starts for a run's other devices; None of a
            launcher's job, whose own tell them.
    """
    hydra_cfg = HydraConfig.get()
    run_dir = RunDir(hydra_cfg.runtime.output_dir)
    launched = repeated is None
    run_dir.claim(resumed=launched or bool(cfg.resume))
    try:
        hydra_files.write(run_dir, cfg)
        run_log.start(run_dir.path)
        with as_one_run(cfg, run_dir) if repeated is None else contextlib.nullcontext(repeated) as arguments:
            schema.check(cfg, choices := choices_of(hydra_cfg))
            run_dir = distributed.shared_run_dir(run_dir, cfg.trainer)
            with torch_import.torch():
                from netyard.training import fit

            place = override("hydra.run.dir", run_dir.path.resolve())
            ranks = distributed.RankCommand((*arguments, place), hydra_cfg.runtime.cwd)
            return fit.fit(cfg, choices, run_dir, ranks).objective
    except Pruned as pruned:
        run_dir.set_state("pruned", str(pruned))
        run_log.log.info("%s", pruned)
        return None
    except Exception as error:
        error = distributed.original_error(error, explain)
        _record(error, run_dir)
        ours = isinstance(explain(error), ConfigError | DataError | PlatformError)
        if ours and not (launched or run_dir.has_checkpoint or run_dir.is_sweep_job or cfg.resume):
            run_dir.discard()
        if launched and isinstance(error, Interrupted):
            raise SystemExit(failed(error, hydra_cfg.overrides.task)) from None
        raise error
    except (KeyboardInterrupt, SystemExit):  # Ctrl-C outside of training, which Lightning turns into the latter
        stopped = Interrupted(signal.SIGINT)
        _record(stopped, run_dir)
        if launched:
            raise  # the code tells submitit whether to start the job again
        raise stopped from None
    finally:
        run_dir.release()
        run_log.stop()


def _record(error: Exception, run_dir: RunDir) -> None:
    """The whole error goes to the run's log, its first line to ``status.json``."""
    mistake = explain(error)
    run_log.log.debug("the run ended with an error", exc_info=error)
    if not run_dir.path.is_dir():
        return
    with contextlib.suppress(OSError):  # a full disk may be what it is about
        run_dir.set_state("interrupted" if isinstance(error, Interrupted) else "failed", str(mistake or repr(error)))


def _take_back() -> None:
    """Remove the directories that this process has made for itself, and written nothing into."""
    for path in created():
        remove_if_empty(path)


def _print(asked: Request) -> None:
    """Have Hydra print what its flags are for: nothing is built, and no directory made."""
    overrides = asked.known.overrides
    if value_of(overrides, "resume"):
        overrides = resume.expand_resume(overrides, asked.sources)[0]
    overrides = redact.drop_masked(sweeping.spelled_out(overrides, asked.sweeps))
    hydra_guard.require_arguments(asked.flags, overrides)
    alone = not (asked.known.multirun or asked.known.run or asked.known.info or asked.known.shell_completion)
    with opened(asked.sources) as app:
        OmegaConf.register_new_resolver("unclaimed", lambda path: path, replace=True)
        if asked.known.cfg and alone and not asked.known.hydra_help:
            hydra_internals.print_config(app, asked.sources.config_name, overrides, asked.known)
            return
        if asked.known.hydra_help:  # which sets up logging by the config
            hydra.compose(None, overrides, return_hydra_config=True)
    flags = [text for text in asked.flags if text not in asked.known.overrides]
    with reading(), _restored():
        OmegaConf.register_new_resolver("unclaimed", lambda path: path, replace=True)
        os.environ["HYDRA_FULL_ERROR"] = "1"  # errors reach us whole, and are explained
        sys.argv = [sys.argv[0], *flags, *overrides]
        folder = str(catalog.conf_dir())
        hydra.main(version_base="1.3", config_path=folder, config_name=DEFAULT.config_name)(_launched)()


@contextlib.contextmanager
def _restored() -> Iterator[None]:
    """What is set inside of ``sys.argv`` and of the environment is undone."""
    argv, environment = sys.argv, dict(os.environ)
    try:
        yield
    finally:
        sys.argv = argv
        os.environ.clear()
        os.environ.update(environment)


COMMAND = Command(
    name="train",
    does="Train a network, test it, write the results down; python train.py is the same",
    usage="[-m] [GROUP=OPTION ...] [key=value ...]",
    run=train,
    alone=True,
)
