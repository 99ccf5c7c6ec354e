"""The command line: ``train.py`` and the subcommands of ``netyard``.

Knows Hydra; torch stays asleep until a run begins.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from netyard import catalog, journal, listing, schema
from netyard.errors import CheckpointError, ConfigError, DataError, Interrupted, PlatformError, SweepError
from netyard.explain import did_you_mean, explain
from netyard.files import require_table
from netyard.rundir import RunDir, claimed, is_main_process, remove_if_empty, unclaimed

HELP = """\
One experiment: a network, trained on data, tested, written down.

  python train.py                                    an MLP on handwritten digits, in seconds
  python train.py model=resnet50 optimizer=adam      any choice below, any key of it
  python train.py -m model=mlp,lenet5 seed=0,1,2     a sweep over the product
  python train.py resume=RUN_DIR                     go on where a run stopped
  netyard evaluate run=RUN_DIR                       test its best checkpoint again
  netyard predict run=RUN_DIR input=PATH output=FILE.csv    what it says of your own files
  netyard generate run=RUN_DIR prompt=TEXT           let it write
  netyard list models 'resnet*'                      what can be chosen

Choices, GROUP=OPTION:
{choices}

Keys, key=value (python train.py --cfg job prints all of them with their values):
  seed  threads  tags  resume  trainer.max_epochs  trainer.max_steps  data.batch_size  data.num_workers  optimizer.lr

Flags:
  -m, --multirun      a sweep over the values that are separated by commas
  -c, --cfg job       print the config instead of running it (with --resolve: interpolations followed)
  -cd, --config-dir   a folder with options of your own: DIR/model/mine.yaml is model=mine
  --info, --shell-completion, --hydra-help           Hydra's own
"""

GENERATE_HELP = """\
netyard generate run=RUN_DIR [option=value ...] [output=FILE]

A language model goes on from a prompt (model=lstm data=python_source):
  prompt=TEXT      what to go on from; the vocabulary must know it
  temperature=1.0  below 1 the likely becomes likelier, 0 takes the likeliest each time
  top_k=0          draw from the k likeliest tokens only; 0 from all
  length=300       tokens to write
  seed=0           the same seed writes the same text
A translation answers one sentence (model=seq2seq):
  prompt=TEXT      the sentence
  beam_size=1      sentences kept alive in beam search; 1 is greedy
A VAE or a GAN draws (model=vae, model=gan); output=FILE.png, FILE.pt, or a folder:
  count=64         pictures
  class=3          of one class, if the net was told classes
  seed=0           the same seed draws the same pictures
An agent plays greedily (model=dqn); output=FILE.gif, or a folder:
  episodes=1       how many
  first=0          the number of the first: each has a beginning of its own
  every=2          steps from one frame to the next"""

PREDICT_HELP = """\
netyard predict run=RUN_DIR [input=PATH] output=FILE.csv

  input=PATH       what to predict; left out: the test part of the run's own data, with what is true in column 2
  output=FILE.csv  a row for each input: its file, or its row's number from 0, then what the task says
A network of pictures reads a picture, a folder with all below it, or a pattern ('photos/*.png' in quotes): the central
square, at the run's size, in its greys or colours. White stays white: digits, which train so, are white on black.
A file that cannot be read is named and left out.
A network of a table reads a CSV file that has the columns of training, by name; others are passed over.
A network of texts reads the lines of a file, or of a .csv file the column of texts; one of a series, a series' end.
  classification   prediction, probability, and probability_CLASS of each class
  regression       prediction, in the target's unit; prediction_1, prediction_2, ... of several
  forecasting      step_1, step_2, ...: the steps after the end
  reconstruction   reconstruction_error, the mean square of what was lost: the larger, the less like training;
                   of a run with task.anomaly_class the same number is the anomaly_score
  variational      negative_elbo, in nats, and reconstruction_error, of pixels in [0, 1]; both are larger the less
                   an input is like those of training; of vector_quantized the latter alone"""


def main(arguments: Sequence[str] | None = None) -> int:
    """``netyard COMMAND ...``; returns the exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    commands: dict[str, Callable[[list[str]], int]] = {
        "train": train,
        "evaluate": evaluate,
        "predict": predict,
        "generate": generate,
        "list": listing.show,
    }
    if not arguments or arguments[0] in ("-h", "--help"):
        print("netyard COMMAND ...\n")
        for name, run in commands.items():
            print(f"  {name:10} {(run.__doc__ or '').splitlines()[0]}")
        print("\nnetyard COMMAND --help says more.")
        return 0
    command, *rest = arguments
    if command not in commands:
        mistake = ConfigError(
            f"there is no command '{command}';",
            did_you_mean(command, commands) or f"commands are {', '.join(commands)};",
            "netyard --help prints them.",
        )
        return _failed(mistake, rest)
    try:
        return commands[command](rest)
    except Exception as error:
        return _failed(error, rest)


def train(arguments: Sequence[str] | None = None) -> int:
    """Train a network, test it, write the results down; `python train.py` is the same."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if "--help" in arguments or "-h" in arguments:
        print(HELP.format(choices=listing.overview()))
        return 0
    overrides = [text for text in arguments if _is_override(text)]
    flags = [text for text in arguments if not _is_override(text)]
    _FAILED_JOBS.clear()
    unclaimed.cache_clear()
    try:
        if resumed := _value(overrides, "resume"):
            overrides = _continued(RunDir(resumed), overrides)
            if not overrides:
                print(f"{resumed} is finished already; its results are in {Path(resumed) / 'results.json'}.")
                return 0
        elif (wanted := _value(overrides, "hydra.run.dir")) and is_main_process():
            RunDir(wanted).refuse_if_taken()
        # Hydra reads sys.argv, and so do the processes that Lightning starts for the other devices. Flags go first:
        # Hydra 1.3 does not find them behind overrides.
        sys.argv = [sys.argv[0], *flags, *overrides]
        _prepare()
        hydra.main(version_base="1.3", config_path=str(catalog.conf_dir()), config_name="train")(_job)()
        return 0
    except Exception as error:
        for path in claimed():
            remove_if_empty(path)
        return _failed(error, overrides)
    finally:
        journal.stop()


def evaluate(arguments: Sequence[str]) -> int:
    """Test the best checkpoint of a run again: run=RUN_DIR [overrides]."""
    arguments = list(arguments)
    path = _value(arguments, "run")
    if path is None or {"-h", "--help"} & {*arguments}:
        print(
            "netyard evaluate run=RUN_DIR [overrides]\n\nTests the best checkpoint again; data=... tests on other data."
        )
        return 0 if {"-h", "--help"} & {*arguments} else ConfigError.exit_code
    run_dir = RunDir(path)
    run_dir.require()
    journal.start(None)
    from netyard import checkpoint, run

    recorded = checkpoint.read(run_dir.best)
    config, choices = checkpoint.made_of(recorded, run_dir.best)
    cfg = OmegaConf.create(config)
    _overlay(cfg, choices, [text for text in arguments if not text.startswith("run=")])
    schema.check(cfg, choices)
    run.evaluate(cfg, recorded, run_dir)
    return 0


def predict(arguments: Sequence[str]) -> int:
    """Say of files of your own what a trained network says: run=RUN_DIR input=PATH output=FILE.csv."""
    if not arguments or {"-h", "--help"} & {*arguments}:
        print(PREDICT_HELP)
        return 0 if arguments else ConfigError.exit_code
    options, known = dict(text.partition("=")[::2] for text in arguments), ("run", "input", "output")
    for name in options:
        if name not in known:
            raise ConfigError(
                f"there is no option '{name}';",
                did_you_mean(name, known) or f"options are {', '.join(known)};",
                "netyard predict --help explains them.",
            )
    for name, text in {"run": "", "output": "", **options}.items():
        if not text:
            raise ConfigError(
                f"{name} was not given;",
                "a prediction wants a run and a table to write; without input it is of the run's own test part;",
                f"type {name}={'FILE.csv' if name == 'output' else 'PATH'}.",
            )
    run_dir, where, output = RunDir(options["run"]), options.get("input"), Path(options["output"]).expanduser()
    require_table(output)
    if where and output.resolve() == Path(where).expanduser().resolve():
        raise ConfigError(
            f"input and output are the same file, {output};",
            "what is written would take the place of what is read;",
            f"try output={output.with_name('predictions.csv')}.",
        )
    run_dir.require()
    journal.start(None)
    from netyard import predicting

    print(predicting.predict(run_dir, where, output))
    return 0


def generate(arguments: Sequence[str]) -> int:
    """Let a trained network make something: run=RUN_DIR [prompt=TEXT temperature=0.8 top_k=20 output=FILE ...]."""
    options = dict(text.partition("=")[::2] for text in arguments if not text.startswith("-"))
    if "run" not in options or {"-h", "--help"} & {*arguments}:
        print(GENERATE_HELP)
        return 0 if {"-h", "--help"} & {*arguments} else ConfigError.exit_code
    run_dir, output = RunDir(options.pop("run")), options.pop("output", None)
    run_dir.require()
    journal.start(None)
    from netyard import generating

    print(generating.generate(run_dir, options, output))
    return 0


def compose(overrides: Sequence[str]) -> tuple[DictConfig, dict[str, Any]]:
    """What ``python train.py`` would make of these overrides: the config, and the option of each group."""
    _prepare()
    GlobalHydra.instance().clear()
    with hydra.initialize_config_dir(version_base="1.3", config_dir=str(catalog.conf_dir())):
        cfg = hydra.compose("train", list(overrides), return_hydra_config=True)
    choices = _choices(cfg.hydra)
    OmegaConf.set_struct(cfg, False)
    del cfg["hydra"]
    return cfg, choices


def _overlay(cfg: DictConfig, choices: dict[str, Any], overrides: list[str]) -> None:
    """Change a recorded config as the command line changes a composed one: data=cifar10 data.batch_size=32."""
    parsed = OverridesParser.create().parse_overrides(overrides)
    for override in parsed:
        if override.key_or_group in catalog.GROUPS:
            fresh, chosen = compose([str(override.input_line)])
            cfg[override.key_or_group] = fresh[override.key_or_group]
            choices[override.key_or_group] = chosen[override.key_or_group]
    for override in parsed:
        if override.key_or_group not in catalog.GROUPS:
            OmegaConf.update(cfg, override.key_or_group, override.value(), force_add=False)


def _job(cfg: DictConfig) -> float | None:
    """One run, as Hydra starts it: alone, or as a job of a sweep. Returns the objective for the sweeper."""
    hydra_cfg = HydraConfig.get()
    run_dir = RunDir(hydra_cfg.runtime.output_dir)
    journal.start(run_dir.path)
    try:
        schema.check(cfg, choices := _choices(hydra_cfg))
        from netyard import run

        return run.fit(cfg, choices, run_dir)
    except Exception as error:
        _record(error, run_dir)
        if hydra_cfg.mode == RunMode.MULTIRUN and not isinstance(error, Interrupted):
            _FAILED_JOBS.append(run_dir.path)
            raise
        if isinstance(explain(error), ConfigError | DataError | PlatformError) and not run_dir.begun and not cfg.resume:
            run_dir.discard()
        raise SystemExit(_failed(error, hydra_cfg.overrides.task)) from None
    except (KeyboardInterrupt, SystemExit):  # Ctrl-C outside of training, which Lightning turns into the latter
        stopped = Interrupted(signal.SIGINT)
        _record(stopped, run_dir)
        raise SystemExit(_failed(stopped, hydra_cfg.overrides.task)) from None
    finally:
        journal.stop()


_FAILED_JOBS: list[Path] = []


def _record(error: Exception, run_dir: RunDir) -> None:
    """The whole story goes to the run's log, its first line to ``status.json``."""
    mistake = explain(error)
    journal.log.debug("the run ended with an error", exc_info=error)
    run_dir.mark("interrupted" if isinstance(error, Interrupted) else "failed", str(mistake or repr(error)))


def _failed(error: Exception, overrides: Sequence[str]) -> int:
    """Say on one line what went wrong, or, where the fault is ours, everything; returns the exit code."""
    if _FAILED_JOBS:
        error = SweepError(
            f"{len(_FAILED_JOBS)} of the sweep's jobs failed, the first with: {explain(error, overrides) or error}",
            "The others were run;",
            f"look into {_FAILED_JOBS[0] / 'train.log'}.",
        )
    mistake = explain(error, overrides)
    if not is_main_process():
        return mistake.exit_code if mistake else 1
    if mistake is None or any(text.startswith("debug=") for text in overrides):
        traceback.print_exception(error)
    if mistake is None:
        print("error: a bug in netyard, not in your command; please report it with the lines above.", file=sys.stderr)
        return 1
    prefix = "" if isinstance(mistake, Interrupted) else "error: "
    print(f"{prefix}{mistake}", file=sys.stderr)
    return mistake.exit_code


def _prepare() -> None:
    """What Hydra has to know before it composes: the families' models, and where a new run may write."""
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # errors reach us whole, and explain() words them
    # OpenMP's threads spin while they wait for each other: beside another busy program a network of two threads
    # becomes ten times slower. Read when torch is imported, so set here.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    catalog.register()
    OmegaConf.register_new_resolver("unclaimed", unclaimed, replace=True)


def _continued(run_dir: RunDir, overrides: list[str]) -> list[str]:
    """The overrides that continue a run in its own directory; none if it is finished and nothing new is asked of it."""
    saved = run_dir.overrides()
    new = [text for text in overrides if not text.startswith("resume=")]
    if run_dir.status().get("state") == "completed" and not new:
        return []
    if not run_dir.last.is_file():
        raise CheckpointError(
            f"{run_dir.path} holds no checkpoint to continue from;",
            "a run writes checkpoints/last.ckpt after its first epoch, and when it is interrupted;",
            f"start it again: python train.py {' '.join(saved)}".rstrip(),
        )
    return [*saved, *new, f"resume={run_dir.path}", f"hydra.run.dir={run_dir.path}"]


def _choices(hydra_cfg: Any) -> dict[str, Any]:
    chosen = OmegaConf.to_container(hydra_cfg.runtime.choices)
    return {str(group): option for group, option in chosen.items() if group in catalog.GROUPS}  # type: ignore[union-attr]


def _is_override(text: str) -> bool:
    return not text.startswith("-") and ("=" in text or text.startswith("~"))


def _value(overrides: Sequence[str], key: str) -> str | None:
    """What the last ``key=value`` among the overrides says; null is None."""
    values = [text.partition("=")[2] for text in overrides if text.partition("=")[0] == key]
    return values[-1] if values and values[-1] not in ("", "null") else None
