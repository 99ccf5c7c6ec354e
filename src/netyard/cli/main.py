"""The command line: ``train.py`` and the subcommands of ``netyard``.

Knows Hydra; torch stays asleep until a run begins.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from netyard import plugins
from netyard.cli import doctor, evaluate, export, generate, new, predict, rerun, runs, torch_import
from netyard.cli import help as help_texts
from netyard.cli import list as listing
from netyard.cli.arguments import asks_for_help
from netyard.cli.command import Command
from netyard.cli.error_messages import explain
from netyard.config import allowlist, catalog, hydra_guard, schema
from netyard.config.compose import choices_of, compose, prepare
from netyard.config.overrides import value_of
from netyard.config.suggest import did_you_mean
from netyard.errors import ConfigError, DataError, Interrupted, PlatformError, Pruned
from netyard.io import process, redact, run_log
from netyard.io.atomic import write_atomically
from netyard.io.claim import claimed, remove_if_empty, unclaimed
from netyard.io.process import is_main_process
from netyard.io.readable import near
from netyard.runs import resume
from netyard.runs.directory import RunDir, outputs
from netyard.sweeps import arguments as sweeping
from netyard.sweeps.runners import hydra as guests
from netyard.training import distributed


def _save_masked(cfg: DictConfig, filename: str, output_dir: Path) -> None:
    """As Hydra writes ``.hydra/``, without passwords, and of a run that is resumed only once it goes on."""
    alone, run_dir = HydraConfig.get().mode == RunMode.RUN, RunDir(HydraConfig.get().runtime.output_dir)
    if filename == "config.yaml" and alone:
        run_dir.claim(resumed=bool(cfg.resume))
    path, text = output_dir / filename, redact.yaml_of(cfg)
    if alone and run_dir.status():
        run_dir.hold_back(path, text)
    else:
        write_atomically(path, text, sync=False)


# Here, for a launcher's processes know nothing of us but that they import this module to find the job.
hydra_guard.install(_save_masked)


def main(arguments: Sequence[str] | None = None) -> int:
    """``netyard COMMAND ...``; returns the exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    run_log.speak_anywhere()
    commands = _commands()
    if not arguments or arguments[0] in ("-h", "--help"):
        print("netyard COMMAND ...\n")
        for name, each in commands.items():
            print(f"  {name:10} {each.does}")
        print("\nnetyard COMMAND --help says more.")
        return 0
    name, *rest = arguments
    if name not in commands:
        mistake = ConfigError(
            f"there is no command '{name}';",
            did_you_mean(name, commands) or f"commands are {', '.join(commands)};",
            "netyard --help prints them.",
        )
        return _failed(mistake, rest)
    command = commands[name]
    if command.help and (asks_for_help(rest) or not (rest or command.alone)):
        print(command.help)
        return 0 if rest else ConfigError.exit_code
    if name in ("train", "rerun"):
        enter_by_door()
    plugins.warn()
    try:
        said = command.run(rest if name == "train" else allowlist.taken(rest))
        if not isinstance(said, int):
            print(said)
        sys.stdout.flush()
        return said if isinstance(said, int) else 0
    except BrokenPipeError:  # netyard list | head
        run_log.fall_silent(sys.stdout)
        return 0
    except Exception as error:
        return _failed(error, rest)


def _commands() -> dict[str, Command]:
    def complete(arguments: list[str]) -> int:
        from netyard.cli import completion

        return completion.completion(arguments, _commands(), train)

    def compare(arguments: list[str]) -> str:
        from netyard.cli import report

        return report.report(arguments, _defaults)

    def repeat(arguments: list[str]) -> int:
        allowed = allowlist.flags()  # before train takes its own
        return rerun.rerun(arguments, compose, lambda words: train([*allowed, *words]))

    return {
        "train": Command("Train a network, test it, write the results down; `python train.py` is the same.", train),
        "evaluate": Command(
            "Test the best checkpoint of a run again: run=RUN_DIR [output=FOLDER] [overrides].",
            lambda arguments: evaluate.evaluate(arguments, compose),
            help_texts.EVALUATE,
        ),
        "predict": Command(
            "Say of files of your own what a trained network says: run=RUN_DIR input=PATH output=FILE.csv|.jsonl|...",
            predict.predict,
            help_texts.PREDICT,
        ),
        "generate": Command(
            "Let a trained network make something: run=RUN_DIR [prompt=TEXT temperature=0.8 top_k=20 output=FILE ...].",
            generate.generate,
            help_texts.GENERATE,
        ),
        "export": Command(
            "Write a trained network as a file for other programs: run=RUN_DIR format=onnx|pt2|state_dict|safetensors.",
            export.export,
            help_texts.EXPORT,
        ),
        "report": Command(
            "Compare runs: DIR... [output=FOLDER format=md|csv metric=NAME plots=true].",
            compare,
            help_texts.REPORT,
        ),
        "rerun": Command(
            "Train once more as a run was trained, and say whether the metrics are equal: RUN_DIR [overrides].",
            repeat,
            help_texts.RERUN,
        ),
        "runs": Command(
            "List runs, newest first: [FOLDER...] [model=resnet* state=failed jobs=true sort=age|size|objective].",
            runs.runs,
            help_texts.RUNS,
            alone=True,
        ),
        "doctor": Command(
            "Look for what is missing on this machine and broken among its runs: [FOLDER...] [hashes=false].",
            doctor.doctor,
            help_texts.DOCTOR,
            alone=True,
        ),
        "list": Command(
            "Print what can be chosen: list [models|data|optimizers|...] [glob...] [max_parameters=10M].", listing.show
        ),
        "new": Command("Write a package that extends netyard, to begin with: NAME.", new.new, help_texts.NEW),
        "completion": Command(
            "Print a script that completes the command line: bash|zsh|fish.", complete, help_texts.COMPLETION
        ),
    }


def train(arguments: Sequence[str] | None = None) -> int:
    """Train a network, test it, write the results down; `python train.py` is the same."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    run_log.speak_anywhere()
    if distributed.of_lightning():
        process.end_with_parent()
    plugins.warn()
    try:
        if asks_for_help(arguments):
            print(help_texts.TRAIN.format(choices=listing.overview()))
            return 0
        arguments = allowlist.taken(arguments)
    except ConfigError as error:
        return _failed(error, arguments)
    flags, overrides = sweeping.split(arguments)
    if "hydra.mode=MULTIRUN" in overrides:
        flags.append("-m")
    many = bool({*sweeping.MULTIRUN} & {*flags})
    unclaimed.cache_clear()
    try:
        if resumed := value_of(overrides, "resume"):
            if many and resumed == "auto":
                more, overrides, resumed = _sought_sweep(overrides)
                flags += more
            elif many:
                more, overrides = sweeping.split(sweeping.continued(Path(resumed), overrides))
                flags += more
            elif resumed == "auto":
                overrides, resumed = _sought(overrides)
            else:
                overrides = resume.continued(RunDir(resumed), overrides)
            if not overrides:
                results = Path(resumed) / ("leaderboard.md" if many else "results.json")
                print(f"{resumed} is finished already; its results are in {results}.")
                return 0
        elif not many and (wanted := value_of(overrides, "hydra.run.dir")) and is_main_process():
            RunDir(wanted).refuse_if_taken()
        overrides = distributed.placed(redact.unmasked(sweeping.spelled_out(overrides, many)), many)
        hydra_guard.require_arguments(flags, overrides)
        # Hydra reads sys.argv, and so do the processes that Lightning starts for the other devices. Flags go first:
        # Hydra 1.3 does not find them behind overrides.
        sys.argv = [sys.argv[0], *flags, *overrides]
        prepare()
        hydra.main(version_base="1.3", config_path=str(catalog.conf_dir()), config_name="train")(_allowing())()
        sys.stdout.flush()
        return 0
    except BrokenPipeError:  # python train.py --cfg job | head
        run_log.fall_silent(sys.stdout)
        return 0
    except (Exception, KeyboardInterrupt) as error:
        for path in claimed():
            remove_if_empty(path)
        return _failed(error if isinstance(error, Exception) else Interrupted(signal.SIGINT), overrides)
    finally:
        run_log.stop()


def job(arguments: Sequence[str], threads: int | None) -> int:
    """``train`` in a process that was forked with torch imported, as a job of a sweep, on so many CPU threads."""
    if threads:
        import torch

        torch.set_num_threads(threads)
    enter_by_door()
    return train(arguments)


def enter_by_door() -> None:
    """From now on the processes that Lightning starts for a run's other devices begin at ``netyard.cli.rank``.

    It starts the program it finds running, and gives it the overrides alone: right for ``train.py``, for nothing else.
    """
    sys.modules["__main__"].__spec__ = importlib.util.find_spec("netyard.cli.rank")


def _defaults(overrides: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """As ``compose``, as a plain mapping with its interpolations as they are written."""
    cfg, choices = compose(overrides)
    return OmegaConf.to_container(cfg), choices  # type: ignore[return-value]


def _allowing() -> Callable[[DictConfig], float | None]:
    """``_job``, and what the user has allowed: a launcher pickles both for its own processes."""
    return functools.update_wrapper(functools.partial(_job, allowed=allowlist.allowed()), _job)


def _job(cfg: DictConfig, allowed: Sequence[str] = ()) -> float | None:
    """One run, as Hydra starts it: alone, or as a job of a sweep. Returns the objective for the sweeper."""
    allowlist.allow(allowed)
    hydra_cfg = HydraConfig.get()
    run_dir = RunDir(hydra_cfg.runtime.output_dir)
    launched = hydra_cfg.mode == RunMode.MULTIRUN  # by a launcher of Hydra's
    run_dir.claim(resumed=launched or bool(cfg.resume))
    if not launched:  # Hydra has read its arguments; the processes that Lightning starts repeat them
        sys.argv = [sys.argv[0], *allowlist.flags(), *sys.argv[1:]]
    run_log.start(run_dir.path)
    try:
        with guests.as_one_run(cfg, run_dir) if launched else contextlib.nullcontext():
            schema.check(cfg, choices := choices_of(hydra_cfg))
            run_dir = distributed.gathered(run_dir, cfg.trainer)
            with torch_import.torch():
                from netyard.training import fit

            distributed.end_with_words()
            return fit.fit(cfg, choices, run_dir)
    except Pruned as pruned:
        run_dir.mark("pruned", str(pruned))
        run_log.log.info("%s", pruned)
        return None
    except Exception as error:
        error = distributed.first_cause(error, explain)
        _record(error, run_dir)
        if launched and not isinstance(error, Interrupted):
            raise error
        ours = isinstance(explain(error), ConfigError | DataError | PlatformError)
        if ours and not (run_dir.begun or run_dir.swept or cfg.resume):
            run_dir.discard()
        raise SystemExit(_failed(error, hydra_cfg.overrides.task)) from None
    except (KeyboardInterrupt, SystemExit):  # Ctrl-C outside of training, which Lightning turns into the latter
        stopped = Interrupted(signal.SIGINT)
        _record(stopped, run_dir)
        if launched:
            raise  # the code tells submitit whether to start the job again
        raise SystemExit(_failed(stopped, hydra_cfg.overrides.task)) from None
    finally:
        run_dir.release()
        run_log.stop()


def _record(error: Exception, run_dir: RunDir) -> None:
    """The whole story goes to the run's log, its first line to ``status.json``."""
    mistake = explain(error)
    run_log.log.debug("the run ended with an error", exc_info=error)
    if not run_dir.path.is_dir():
        return
    with contextlib.suppress(OSError):  # a full disk may be what it is about
        run_dir.mark("interrupted" if isinstance(error, Interrupted) else "failed", str(mistake or repr(error)))


_MEASURING = ("debug=lr_finder", "debug=batch_size")  # which ask for no traceback


def _failed(error: Exception, overrides: Sequence[str]) -> int:
    """Say on one line what went wrong, or, where the fault is ours, everything; returns the exit code."""
    mistake = explain(error, overrides)
    if not is_main_process():
        distributed.let_the_first_speak()
        return mistake.exit_code if mistake else 1
    debugs = any(text.startswith("debug=") and text not in _MEASURING for text in overrides)
    if mistake is None or mistake.shows_traceback or debugs:
        print(redact.text("".join(traceback.format_exception(error))), end="", file=sys.stderr)
    if mistake is None:
        print("error: a bug in netyard, not in your command; please report it with the lines above.", file=sys.stderr)
        return 1
    prefix = "" if isinstance(mistake, Interrupted) else "error: "
    print(redact.text(f"{prefix}{mistake}"), file=sys.stderr)
    return mistake.exit_code


def _sought(overrides: list[str]) -> tuple[list[str], str]:
    """What ``resume=auto`` stands for: the overrides that go on with a run, and its path; or of a new one."""
    plain = [text for text in overrides if not text.startswith("resume=")]
    of_the_run = [text for text in plain if not text.startswith("hydra.")]
    if (found := resume.sought(plain, compose(of_the_run)[0])) is None:
        print("resume=auto: no run of this configuration has saved a state; a new one begins.")
        return plain, ""
    print(f"resume=auto: {near(found)}")
    return resume.continued(RunDir(found), [text for text in plain if text.startswith("hydra.")]), str(found)


def _sought_sweep(overrides: list[str]) -> tuple[list[str], list[str], str]:
    """As ``_sought``, with the flags that the sweep was started with: the newest one of the same command."""
    plain = [text for text in overrides if not text.startswith("resume=")]
    folder = value_of(plain, "hydra.sweep.dir")
    if folder is not None:
        found = Path(folder) if (Path(folder) / "sweep.json").is_file() else None
    else:
        found = sweeping.newest(sweeping.spelled_out(plain, True), outputs())
    if found is None:
        print("resume=auto: no sweep was started by this command; a new one begins.")
        return [], plain, ""
    print(f"resume=auto: {near(found)}")
    flags, overrides = sweeping.split(sweeping.continued(found, []))
    return flags, overrides, str(found)
