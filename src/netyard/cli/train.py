"""``python train.py`` and ``netyard train``: a run, a sweep, or one of Hydra's flags that print something.

``run_one`` is for Python: it raises errors instead of printing them, and never exits the process. ``train`` wraps it.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobStatus, configure_log, run_job
from hydra.errors import HydraException
from hydra.types import HydraContext, RunMode, TaskFunction
from omegaconf import DictConfig, OmegaConf

from netyard.cli import plugin_words, torch_import, typed_words
from netyard.cli.command import Command
from netyard.cli.error_messages import explain
from netyard.cli.failure import failed
from netyard.config import allowlist, catalog, data_check, device_check, hydra_guard, hydra_internals, schema
from netyard.config.compose import DEFAULT, Sources, choices_of, opened, reading
from netyard.config.overrides import override, value_of
from netyard.errors import ConfigError, DataError, Interrupted, PlatformError, Pruned
from netyard.io import process, redact, run_log
from netyard.io.claim import create_unused, created, remove_if_empty
from netyard.io.process import is_main_process
from netyard.io.readable import typed_in
from netyard.io.version import __version__
from netyard.run_directories import hydra_files, resume
from netyard.run_directories.directory import RunDir
from netyard.sweeps import arguments as sweeping
from netyard.sweeps.runners.hydra import as_single_run
from netyard.training import distributed

# Formatted with the lists of commands and options, which come from the catalogue.
HELP = """\
One experiment: train a network on data, test it, and record the results.

  python train.py                                    an MLP on handwritten digits, in seconds
  python train.py model=resnet50 optimizer=adam      any choice below, any key of it
  python train.py -m model=mlp,lenet5 seed=0,1,2     a sweep over the product
  python train.py resume=RUN_DIR                     resume a run; -m resume=SWEEP_DIR resumes a sweep

Commands, netyard COMMAND --help:
{commands}

Choices, GROUP=OPTION:
{choices}

Keys, key=value (python train.py --cfg job prints all of them with their values):
  seed  threads  tags  diagnostics  resume  trainer.max_epochs  trainer.max_steps  data.batch_size  data.num_workers
  optimizer.lr
  trainer.performance=auto, safe (to the bit) or max (on a GPU bfloat16, compiled)

Keys of a sweep (netyard help docs/sweeps.md explains them):
  launcher.devices  .jobs_per_device  .timeout  .retries  .max_failures  .fail_fast    sweep.keep
  hydra/sweeper=random or optuna: sweep.num_trials  .seed; optuna: .sampler  .pruner  .storage  .objectives

Flags:
  -m, --multirun      a sweep over the values that are separated by commas
  -c, --cfg job       print the config instead of running it (with --resolve: interpolations followed)
  -cd, --config-dir   a folder with options of your own: DIR/model/mine.yaml is model=mine
  --allow-target pkg.mod.Class    let a config name a class outside of netyard; may be repeated, and is needed by
                      every command that builds the run: evaluate, predict, generate, resume
  --version           netyard's
  --info, --shell-completion, --hydra-help           Hydra's own
"""


class AsksForSweep(ConfigError):  # noqa: N818  (an event, not an error)
    """A config file sets ``hydra.mode: MULTIRUN``, although a single run was asked for."""


@dataclass(frozen=True)
class Finished:
    """A run that has ended."""

    path: Path
    objective: float | None = None
    """None if the run was pruned, or had finished before."""
    already: bool = False
    """Whether the run to resume had finished before, so that nothing was done."""


@dataclass(frozen=True)
class Request:
    """A parsed command line of ``train``.

    Raises, when ``known`` is read:
        SystemExit: an unknown flag, with code 2; Hydra's parser has printed the known ones.
    """

    flags: list[str]
    overrides: list[str]

    @functools.cached_property
    def known(self) -> Any:
        """Hydra's flags as attributes; the attribute ``overrides`` has the other words."""
        return hydra_internals.parse_flags([*self.flags, *self.overrides])

    @property
    def sources(self) -> Sources:
        return Sources(self.known.config_dir, self.known.config_path, self.known.config_name or DEFAULT.config_name)

    @property
    def prints(self) -> bool:
        """Whether Hydra is to print something instead of running; two such flags at once are refused by Hydra."""
        asked = self.known.cfg or self.known.info or self.known.hydra_help or self.known.shell_completion
        return bool(asked or self.known.resolve or (self.known.run and self.known.multirun))

    @property
    def sweeps(self) -> bool:
        return bool(self.known.multirun or "hydra.mode=MULTIRUN" in self.overrides)


def train(arguments: Sequence[str]) -> int:
    """Run the command: a run, a sweep, or a flag of Hydra that prints something.

    Raises:
        NetyardError: see ``run_one`` and ``sweep_all``.
    """
    # A rank that Lightning has started must not outlive rank 0, also if that is killed.
    if distributed.started_by_netyard():
        process.end_with_parent()
    if "--version" in arguments:
        print(f"netyard {__version__}")
        return 0
    typed_words.require(arguments, process.train_command())
    plugin_words.require(arguments, process.train_command())
    asked = Request(*sweeping.split(arguments))
    hydra_guard.require_arguments(asked.flags, asked.overrides)
    if asked.prints:
        _print(asked)
    elif asked.sweeps:
        sweep_all(asked, whole_process=True)
    else:
        try:
            done = run_one(asked.known.overrides, asked.sources, whole_process=True)
        except AsksForSweep:  # known only after composing, because a file may set it
            sweep_all(asked, whole_process=True)
        else:
            if done.already:
                print(
                    f"{done.path} is finished already; its results are in {done.path / 'results.json'}; with a larger"
                    " trainer.max_epochs it is continued."
                )
    return 0


Work = Callable[[DictConfig, Mapping[str, Any], RunDir, distributed.RankCommand], float | None]
"""What is done with a checked config in a locked run directory."""


def _fit(cfg: DictConfig, choices: Mapping[str, Any], run_dir: RunDir, ranks: distributed.RankCommand) -> float | None:
    with torch_import.torch():
        from netyard.training import fit

    return fit.fit(cfg, choices, run_dir, ranks).objective


def run_one(
    overrides: Sequence[str], sources: Sources = DEFAULT, whole_process: bool = False, work: Work = _fit
) -> Finished:
    """Compose, check, claim a directory, write ``.hydra/``, train and test: the whole of a single run.

    Args:
        overrides: as they are typed, ``resume=`` included.
        sources: of configs.
        whole_process: the process has no other purpose, so that Hydra's logging may be set up in it.
        work: what is done in the run directory.

    Raises:
        NetyardError: a mistake, a failure or an interruption, with a message for the user. It is recorded in
            ``status.json``, unless training had not started: then the directory is removed.
        Exception: anything else is a bug in netyard.
    """
    create_unused.cache_clear()  # of a run before in this process, whose directory must not be chosen again
    typed = list(overrides)  # for the message, if resume.expand_resume raises
    try:
        typed, finished = resume.expand_resume(overrides, sources)
        if finished is not None:
            return Finished(finished, already=True)
        # Checked before composing, which takes half a second; and by rank 0 only, which creates the directory.
        if not value_of(typed, "resume") and (wanted := value_of(typed, "hydra.run.dir")) and is_main_process():
            RunDir(wanted).refuse_if_taken()
        # Secrets are masked in the recorded overrides of a resumed run, and have to be given again.
        typed = distributed.rank_overrides(redact.drop_masked(sweeping.with_full_names(typed, False)), False)
        hydra_guard.require_arguments(sources.flags, typed)
        return _run(typed, sources, whole_process, work)
    except (Exception, KeyboardInterrupt) as error:
        _take_back()
        stopped = error if isinstance(error, Exception) else Interrupted(signal.SIGINT)
        explained_error = explain(stopped, typed)
        if explained_error is None or explained_error is error:
            raise
        raise explained_error from error


def sweep_all(asked: Request, whole_process: bool = False) -> Path | None:
    """Run a sweep to its end; returns its directory, or None if the sweeper is not one of netyard's.

    Args:
        asked: the arguments.
        whole_process: the process has no other purpose, so that Hydra's logging may stay set up in it.

    Raises:
        NetyardError: see ``sweeps.start.start``.
    """
    from netyard.sweeps.start import start  # not needed by a single run, whose start should be fast

    create_unused.cache_clear()
    flags, overrides, finished = sweeping.expand_resume(asked.flags, asked.known.overrides)
    if finished is not None:
        print(f"{finished} is finished already; its results are in {finished / 'leaderboard.md'}.")
        return finished
    overrides = distributed.rank_overrides(redact.drop_masked(sweeping.with_full_names(overrides, True)), True)
    hydra_guard.require_arguments(flags, overrides)
    if value_of(overrides, "hydra/launcher") in (None, "local", "basic"):  # jobs of others run on other machines
        device_check.check_typed(overrides)
    # Launchers of Hydra that run jobs in this process set up logging too.
    with contextlib.nullcontext() if whole_process else run_log.restore_handlers():
        return start(overrides, launched_task(), Request(flags, overrides).sources, logs=whole_process)


def job(arguments: Sequence[str], threads: int | None) -> int:
    """Run ``train`` as a job of a sweep, in a process forked with torch imported, on ``threads`` CPU threads."""
    if threads:
        import torch

        torch.set_num_threads(threads)  # OMP_NUM_THREADS was read when the parent process imported torch
    return COMMAND(arguments)


def launched_task() -> TaskFunction:
    """The function that launchers of Hydra run as a job. It carries the allowed targets, because they pickle it."""
    return functools.update_wrapper(functools.partial(_launched, allowed=allowlist.allowed()), _launched)


def _run(overrides: list[str], sources: Sources, whole_process: bool, work: Work) -> Finished:
    """``run_one`` for overrides with full names: the steps of ``Hydra.run``, but composing the config only once."""
    with opened(sources) as app:
        try:
            config = hydra.compose(sources.config_name, overrides, return_hydra_config=True)
        except HydraException:
            # A sweep over several values cannot be composed as a run, so that the mode has to be read by itself.
            several = any("," in text or "(" in text for text in overrides)
            if several and hydra_internals.asks_for_sweep(app, sources.config_name, overrides):
                raise AsksForSweep(*_ASKS_FOR_SWEEP) from None
            raise
        if config.hydra.mode == RunMode.MULTIRUN:
            raise AsksForSweep(*_ASKS_FOR_SWEEP)
        if left := sweeping.unused_axes(config.hydra, overrides):
            print(f"{', '.join(left)}: axes of a sweep, which a single run does not vary; a sweep is started with -m.")
        config.hydra.mode = RunMode.RUN
        if "hydra.mode=RUN" not in overrides:
            config.hydra.overrides.hydra.append("hydra.mode=RUN")  # as Hydra records it in .hydra/overrides.yaml
        hydra_guard.defer_hydra_files(config)  # .hydra/ is written atomically, and without passwords
        if whole_process:
            configure_log(config.hydra.hydra_logging, config.hydra.verbose)
            if config.hydra.verbose is True:
                hydra_internals.print_debug_information(app, sources.config_name, overrides)
        callbacks = hydra_internals.callbacks_of(config)
        callbacks.on_run_start(config=config, config_name=sources.config_name)
        # Before Hydra changes the working directory, to which a --config-dir may be relative.
        repeated = [*allowlist.flags(), *sources.flags, *overrides]
        # run_job does not return the directory, and prints to stderr when its error is read: both are kept here.
        places: list[Path] = []
        errors: list[Exception] = []

        def task(cfg: DictConfig) -> float | None:
            places.append(Path(HydraConfig.get().runtime.output_dir))
            try:
                return _job(cfg, repeated, work)
            except Exception as error:
                errors.append(error)
                raise

        with typed_in(Path.cwd()):  # Hydra may change the working directory
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
    "the config sets hydra.mode: MULTIRUN, and a single run was asked for;",
    "this mode makes every run a sweep;",
    "remove it, or start a sweep.",
)


def _launched(cfg: DictConfig, allowed: Sequence[str] = ()) -> float | None:
    """A job in a process of one of Hydra's launchers; returns the objective for the sweeper."""
    allowlist.allow(allowed)
    return _job(cfg, None)


def _job(cfg: DictConfig, repeated: Sequence[str] | None, work: Work = _fit) -> float | None:
    """One run with a composed config: a single run, or a job of one of Hydra's launchers.

    Args:
        repeated: the arguments for the processes that Lightning starts for other devices; None for a job of a
            launcher, whose arguments ``as_single_run`` derives.
    """
    hydra_cfg = HydraConfig.get()
    run_dir = RunDir(hydra_cfg.runtime.output_dir)
    launched = repeated is None
    # Locked until release(): two processes that write into one directory would destroy its checkpoints.
    run_dir.claim(resumed=launched or bool(cfg.resume))
    try:
        hydra_files.write(run_dir, cfg)  # before the checks: a run that failed has its config, too
        run_log.start(run_dir.path)
        with as_single_run(cfg, run_dir) if repeated is None else contextlib.nullcontext(repeated) as arguments:
            schema.check(cfg, choices := choices_of(hydra_cfg))
            device_check.check(cfg.trainer)
            data_check.check(cfg, choices)
            run_dir = distributed.shared_run_dir(run_dir, cfg.trainer)  # all ranks write into the directory of rank 0
            # The other ranks get the directory: by themselves they would choose one by their own clock.
            place = override("hydra.run.dir", run_dir.path.resolve())
            ranks = distributed.RankCommand((*arguments, place), hydra_cfg.runtime.cwd)
            return work(cfg, choices, run_dir, ranks)
    except Pruned as pruned:
        run_dir.set_state("pruned", str(pruned))
        run_log.log.info("%s", pruned)
        return None
    except Exception as error:
        error = distributed.original_error(error, explain)  # not "connection lost" because another rank has failed
        _record(error, run_dir)
        # A mistake before the first step leaves no directory that only says so; a job of a sweep needs the record.
        mistaken = isinstance(explain(error), ConfigError | DataError | PlatformError)
        if mistaken and not (launched or run_dir.has_checkpoint or run_dir.is_sweep_job or cfg.resume):
            run_dir.discard()
        if launched and isinstance(error, Interrupted):
            # As an exit code, from which a launcher can tell an interrupted job from a failed one.
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
    """Write the traceback to the run's log, and the message to ``status.json``."""
    mistake = explain(error)
    run_log.log.debug("the run ended with an error", exc_info=error)
    if not run_dir.path.is_dir():  # deleted by the user, or never created
        return
    with contextlib.suppress(OSError):  # the disk may be full, which is then the error to report
        run_dir.set_state("interrupted" if isinstance(error, Interrupted) else "failed", str(mistake or repr(error)))


def _take_back() -> None:
    """Remove the directories that this process has created and left empty."""
    for path in created():
        remove_if_empty(path)


def _print(asked: Request) -> None:
    """Print what one of Hydra's flags asks for, without building anything or creating a directory."""
    overrides = asked.known.overrides
    if value_of(overrides, "resume"):
        overrides = resume.expand_resume(overrides, asked.sources)[0]
    overrides = redact.drop_masked(sweeping.with_full_names(overrides, asked.sweeps))
    hydra_guard.require_arguments(asked.flags, overrides)
    alone = not (asked.known.multirun or asked.known.run or asked.known.info or asked.known.shell_completion)
    with opened(asked.sources) as app:
        # The real resolver creates the directory of a new run.
        OmegaConf.register_new_resolver("unclaimed", lambda path: path, replace=True)
        if asked.known.cfg and alone and not asked.known.hydra_help:
            hydra_internals.print_config(app, asked.sources.config_name, overrides, asked.known)
            return
        if asked.known.hydra_help:  # composed here first: Hydra would set up logging from an unchecked config
            hydra.compose(None, overrides, return_hydra_config=True)
    # The other flags have no public function: hydra.main reads them from sys.argv.
    flags = [text for text in asked.flags if text not in asked.known.overrides]
    with reading(), _restored():
        OmegaConf.register_new_resolver("unclaimed", lambda path: path, replace=True)
        os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra raises errors instead of printing them and exiting
        sys.argv = [sys.argv[0], *flags, *overrides]
        folder = str(catalog.conf_dir())
        hydra.main(version_base="1.3", config_path=folder, config_name=DEFAULT.config_name)(_launched)()


@contextlib.contextmanager
def _restored() -> Iterator[None]:
    """Restore ``sys.argv`` and the environment afterwards."""
    argv, environment = sys.argv, dict(os.environ)
    try:
        yield
    finally:
        sys.argv = argv
        os.environ.clear()
        os.environ.update(environment)


COMMAND = Command(
    name="train",
    does="Train and test a network, and record the results; python train.py is the same",
    usage="[-m] [GROUP=OPTION ...] [key=value ...]",
    run=train,
    alone=True,
)
