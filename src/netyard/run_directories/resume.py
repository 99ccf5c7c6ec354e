"""How a run goes on: which one is meant, and whether it would still be the same experiment. Knows no torch."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from netyard.config import allowlist, renamed
from netyard.config.compose import DEFAULT, Sources, compose
from netyard.config.flatten import leaves
from netyard.config.overrides import override, value_of
from netyard.errors import CheckpointError, ConfigError
from netyard.io import redact
from netyard.io.readable import near
from netyard.run_directories.directory import RunDir, outputs

PLACES = ("data.root", "data.path", "data.cache")
FREE = ("tags", "threads", "resume", "logger", "callbacks", "trainer", *PLACES, "data.num_workers")
"""What may change between two parts of a run, a key or a whole group ..."""
BOUND = tuple(
    f"trainer.{key}"
    for key in (
        "precision",
        "performance",
        "accumulate_grad_batches",
        "gradient_clip_val",
        "gradient_clip_algorithm",
        "limit_train_batches",
        "limit_val_batches",
        "overfit_batches",
    )
)
"""... but for these: they decide what a step is, or what is best."""


def resolved(overrides: Sequence[str], sources: Sources = DEFAULT) -> tuple[list[str], Path | None]:
    """The overrides with what ``resume=`` stands for, and the run if it is finished already, when none are left.

    Raises:
        CheckpointError: ``resume=`` names no run, or a sweep.
    """
    wanted = value_of(overrides, "resume")
    if wanted is None:
        return list(overrides), None
    if wanted == "auto":
        overrides = [text for text in overrides if not text.startswith("resume=")]
        of_the_run = [text for text in overrides if not text.startswith("hydra.")]
        found = sought(overrides, compose(of_the_run, sources)[0])
        if found is None:
            print("resume=auto: no run of this configuration has saved a state; a new one begins.")
            return overrides, None
        print(f"resume=auto: {near(found)}")
        wanted, overrides = str(found), [text for text in overrides if text.startswith("hydra.")]
    left = continued(RunDir(wanted), overrides)
    return left, None if left else Path(wanted)


def newest(cfg: DictConfig, folder: Path) -> Path | None:
    """The run below a folder that was started last with this config, composed and not resolved, and saved a state.

    The one that is finished, if that is the last; sweeps have a book of their own.
    """
    wanted = _settled(redact.yaml_of(cfg))
    places = (path.parent.parent for depth in ("*", "*/*") for path in folder.glob(f"{depth}/.hydra/config.yaml"))
    runs = [RunDir(path) for path in places if _settled(_text(path / ".hydra" / "config.yaml")) == wanted]
    began = {str(run.status().get("started", "")): run for run in sorted(runs, key=lambda run: run.path) if run.begun}
    return began[max(began)].path if began else None


def continued(run_dir: RunDir, overrides: Sequence[str]) -> list[str]:
    """The overrides that continue a run in its own directory; none if it is finished and nothing new is asked of it.

    Raises:
        CheckpointError: there is no run, or a sweep.
    """
    refuse_single(run_dir.path)
    saved = run_dir.overrides()
    require_packages(run_dir)
    new = [text for text in overrides if not text.startswith(("resume=", "hydra.run.dir="))]
    if run_dir.status().get("state") == "completed" and not new:
        return []
    return [*saved, *new, override("resume", run_dir.path), override("hydra.run.dir", run_dir.path)]


def sought(overrides: Sequence[str], cfg: DictConfig) -> Path | None:
    """The run that ``resume=auto`` means: in ``hydra.run.dir`` if that is given, else the ``newest`` of the outputs."""
    place = value_of(overrides, "hydra.run.dir")
    if place is not None:
        with contextlib.suppress(OmegaConfBaseException):  # by what only Hydra knows no run is found again
            place = str(OmegaConf.create([place])[0])  # outputs/${oc.env:SLURM_JOB_ID}
        return Path(place) if (Path(place) / "status.json").is_file() else None
    return newest(cfg, outputs())


def require_same(
    recorded: Mapping[str, Any], config: Mapping[str, Any], choices: Mapping[str, Any], run_dir: RunDir
) -> list[str]:
    """Refuse to go on with another experiment; returns what changed and may, in words.

    Args:
        recorded: config and choices, as the checkpoint has them.
        config: the resolved config of now.
        choices: the options of now.
        run_dir: of the run, for messages.

    Raises:
        ConfigError: something changed that makes a step, a sample or a score another one.
    """
    old, new = (dict(leaves(each)) for each in (recorded["config"], redact.tree(config)))
    old.setdefault("trainer.performance", "safe")  # a run of before there was a choice
    groups = [group for group in recorded["choices"] if group in choices and group not in FREE and group in config]
    pairs = [(group, recorded["choices"][group], choices[group]) for group in groups]
    # The task holds the model, loss and optimizer once more; a change is to be named where it was typed.
    keys = sorted(dict.fromkeys([*old, *new]), key=lambda key: key.startswith("task."))
    pairs += [(key, old.get(key), new.get(key)) for key in keys]
    changed = [(key, was, now) for key, was, now in pairs if was != now]
    refused = [each for each in changed if not _free(each[0]) or _bound(*each)]
    if refused:
        differences = [f"{key} is {_typed(now)} and was {_typed(was)}" for key, was, now in refused]
        raise ConfigError(
            f"{near(run_dir.path)} goes on as it began: {', '.join(differences[:3])}{', ...' * (len(refused) > 3)};",
            "more epochs, another device, logger or callbacks are the same experiment, and nothing else is;",
            "leave that as it was, or start a new run with it, without resume=.",
        )
    return [f"{key}={_typed(now)} instead of {_typed(was)}" for key, was, now in changed if key != "resume"]


def _bound(key: str, was: Any, now: Any) -> bool:
    return key in BOUND or (key in PLACES and None in (was, now))  # to another place, and not to or from none


def _free(key: str) -> bool:
    return any(key == free or key.startswith(f"{free}.") for free in FREE)


def _typed(value: Any) -> str:
    return "null" if value is None else str(value)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


def _settled(config: str) -> str:
    """A config as text, whichever run it was to continue."""
    return re.sub(r"(?m)^resume: .*$", "resume: null", renamed.text(config))


def require_packages(run_dir: RunDir) -> None:
    """Raises:
    CheckpointError: the run's config names classes of a package that is not installed.
    """
    allowlist.require_installed(run_dir.composed()[0], f"in {near(run_dir.path)}, config", CheckpointError)


def refuse_single(path: Path) -> None:
    """Raises:
    CheckpointError: what is to be continued as a run is a sweep.
    """
    if (path / "sweep.json").is_file():
        raise CheckpointError(
            f"{path} holds a sweep, not a run;",
            "a sweep is continued with -m;",
            f"try python train.py -m resume={path}.",
        )
