"""Resume a run: find it, and refuse changes that would make it another experiment. Imports no torch."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from netyard.config import allowlist, constraints, hydra_internals, renamed, schema
from netyard.config.compose import DEFAULT, Sources, compose
from netyard.config.equal_values import same, with_floats
from netyard.config.flatten import leaves
from netyard.config.overrides import argument, override, value_of
from netyard.errors import CheckpointError, ConfigError
from netyard.io import redact
from netyard.io.process import train_command
from netyard.io.readable import listed, short_path
from netyard.run_directories import former_defaults
from netyard.run_directories.directory import RunDir, outputs

PLACES = ("data.root", "data.path", "data.cache")
FREE = (
    *("tags", "threads", "baselines", "diagnostics", "resume", "logger", "callbacks", "trainer"),
    *(*PLACES, "data.num_workers", "data.on_damaged"),
)
"""Keys and whole groups that may change on a resume, except ``BOUND``: they do not change what is computed."""
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
        "fast_dev_run",
        "val_check_interval",
        "check_val_every_n_epoch",
        "sync_batchnorm",
    )
)
"""Keys below ``FREE`` that may not change: they decide what an optimizer step computes, or which epoch is the best."""
TRAINER = {
    "performance": "safe",
    "test": True,
    "val_check_interval": 1.0,
    "fast_dev_run": False,
    "detect_anomaly": False,
    "inference_mode": True,
    "sync_batchnorm": False,
}
"""Values of keys of ``trainer`` in runs from before these keys existed."""
UNTOLD = ("resume", "trainer.enable_progress_bar")
"""Keys whose change nobody needs to read."""
ADDED = ("task.ema_warmup",)
"""Keys that older checkpoints lack, as they did not exist: the state in the checkpoint says how the run goes on."""


def expand_resume(overrides: Sequence[str], sources: Sources = DEFAULT) -> tuple[list[str], Path | None]:
    """Replace ``resume=RUN`` by the overrides of that run, and return no overrides and the run if it has finished.

    Raises:
        CheckpointError: ``resume=`` names no run, or a sweep.
    """
    wanted = value_of(overrides, "resume")
    if wanted is None:
        return list(overrides), None
    if wanted == "auto":
        overrides = [text for text in overrides if not text.startswith("resume=")]
        # Only an identical config is the same experiment, so it must be composed to be compared.
        run_overrides = [text for text in overrides if not text.startswith("hydra.")]
        found = find_auto(overrides, compose(run_overrides, sources)[0])
        if found is None:
            print("resume=auto: no run of this configuration has a checkpoint; starting a new one.")
            return overrides, None
        # The run's own overrides replace those of this command, which make the same config.
        print(f"resume=auto: {short_path(found)}")
        wanted, overrides = str(found), [text for text in overrides if text.startswith("hydra.")]
    remaining = continuation_overrides(RunDir(wanted), overrides, sources)
    return remaining, None if remaining else Path(wanted)


def find_newest(cfg: DictConfig, folder: Path) -> Path | None:
    """Return the newest run below a folder with this config (composed, not resolved) and a checkpoint, finished or not.

    Jobs of sweeps are not searched: a sweep is resumed by its own ledger.
    """
    # Compared as text, as the files were written: parsing the YAML of a thousand runs would take seconds.
    wanted = _without_resume(hydra_internals.masked_yaml(cfg))
    places = (path.parent.parent for depth in ("*", "*/*") for path in folder.glob(f"{depth}/.hydra/config.yaml"))
    runs = [
        RunDir(path) for path in places if _without_resume(_text_or_empty(path / ".hydra" / "config.yaml")) == wanted
    ]
    # ISO times compare as text; runs that started in the same second are told apart by their paths.
    began = {
        str(run.status().get("started", "")): run
        for run in sorted(runs, key=lambda run: run.path)
        if run.has_checkpoint
    }
    return began[max(began)].path if began else None


def continuation_overrides(run_dir: RunDir, overrides: Sequence[str], sources: Sources = DEFAULT) -> list[str]:
    """Return the overrides that continue a run in its own directory; none if it has finished and no override is new.

    Raises:
        CheckpointError: the directory contains no run, or a sweep.
    """
    refuse_single(run_dir.path)
    if run_dir.baselines.is_file() and not run_dir.has_checkpoint:
        raise CheckpointError(
            f"{run_dir.path} has baselines of netyard baseline, and no network;",
            "only the training of a network is continued;",
            f"start one by {train_command()}.",
        )
    saved = run_dir.overrides()
    require_packages(run_dir)  # composing would fail on a missing class with a longer message
    new = [text for text in overrides if not text.startswith(("resume=", "hydra.run.dir="))]
    # A finished run with new overrides, such as more epochs, is continued.
    if run_dir.status().get("state") == "completed" and not new:
        return []
    # Hydra takes the last of several overrides of one key, so the new ones come after the saved ones.
    older = [*_of_older_series(run_dir), *_of_older_texts(run_dir)]
    return [
        *former_defaults.overrides_of(run_dir, [*older, *saved], sources),
        *older,
        *saved,
        *new,
        override("resume", run_dir.path),
        override("hydra.run.dir", run_dir.path),
    ]


def _of_older_series(run_dir: RunDir) -> list[str]:
    """Overrides for a run from before series had dates: its option had other defaults of these keys."""
    data = run_dir.composed()[0].get("data") or {}
    if not str(data.get("_target_", "")).endswith(".series.Series") or "date" in data:
        return []
    return [override("data.date", "none"), override("data.season", data.get("season", 1))]


def _of_older_texts(run_dir: RunDir) -> list[str]:
    """Overrides for a run from before the length of labelled texts was chosen: its option had one."""
    data = run_dir.composed()[0].get("data") or {}
    older = str(data.get("_target_", "")).endswith(".labelled_text.LabelledText") and "encoding" not in data
    length = data.get("sequence_length") if older else None
    return [] if length is None else [override("data.sequence_length", length)]


def find_auto(overrides: Sequence[str], cfg: DictConfig) -> Path | None:
    """Return the run for ``resume=auto``: in ``hydra.run.dir`` if that is given, else the newest below the outputs."""
    place = value_of(overrides, "hydra.run.dir")
    if place is not None:
        # An interpolation that only Hydra can resolve, as ${now:...}, cannot name an old run.
        with contextlib.suppress(OmegaConfBaseException):
            place = str(OmegaConf.create([place])[0])  # outputs/${oc.env:SLURM_JOB_ID}
        return Path(place) if (Path(place) / "status.json").is_file() else None
    return find_newest(cfg, outputs())


def require_same(
    recorded: Mapping[str, Any], config: Mapping[str, Any], choices: Mapping[str, Any], run_dir: RunDir
) -> list[str]:
    """Refuse to continue as another experiment; return the changes that are allowed, as texts.

    Args:
        recorded: ``config`` and ``choices`` as stored in the checkpoint.
        config: the resolved config of this command.
        choices: the option of each group in this command.
        run_dir: the run directory, for messages.

    Raises:
        ConfigError: a change that would alter training steps, samples or scores.
    """
    # Secrets are masked in both, or every secret would count as a change. 1 and 1.0 are one learning rate, but one
    # batch and all of them.
    old, new = (dict(leaves(with_floats(each))) for each in (recorded["config"], redact.tree(config)))
    # Keys of the trainer that are younger than the run.
    old = {f"trainer.{key}": value for key, value in TRAINER.items() if f"trainer.{key}" in new} | old
    old = {key: value for key, value in schema.YOUNGER.items() if key in new} | old
    old.update({key: new[key] for key in ADDED if key in new and key not in old})
    # A key that is younger than the run: without it, the class was built with its default.
    younger = {key: value for key, value in _defaults(config) if key not in old}
    # The constraints have no default of a list that is made anew for each object.
    younger = {key: [] if value is None and new.get(key) == [] else value for key, value in younger.items()}
    old = {key: value for key, value in younger.items() if new.get(key) == value} | old
    # Groups that are free, such as the logger, may be chosen anew.
    groups = [group for group in recorded["choices"] if group in choices and group not in FREE and group in config]
    pairs = [(group, recorded["choices"][group], choices[group]) for group in groups]
    # The task config repeats model, loss and optimizer: sort its keys last, so that a change is reported under the key
    # that the user typed.
    keys = sorted(dict.fromkeys([*old, *new]), key=lambda key: key.startswith("task."))
    pairs += [(key, old.get(key), new.get(key)) for key in keys]
    changed = [(key, was, now) for key, was, now in pairs if not same(was, now)]
    refused = [each for each in changed if not _free(each[0]) or _must_stay(*each)]
    if refused:
        differences = [f"{key} changed from {_typed(was)} to {_typed(now)}" for key, was, now in refused]
        raise ConfigError(
            f"cannot resume {short_path(run_dir.path)}: {', '.join(differences[:3])}{', ...' * (len(refused) > 3)};",
            "on a resume only epochs, device, logger, callbacks and data folders may change;",
            "set the old value again, or start a new run without resume=.",
        )
    _require_schedule(changed, new, choices, run_dir)
    return [f"{key}={_typed(now)} instead of {_typed(was)}" for key, was, now in changed if key not in UNTOLD]


def _require_schedule(
    changed: Sequence[tuple[str, Any, Any]], config: Mapping[str, Any], choices: Mapping[str, Any], run_dir: RunDir
) -> None:
    """Raises:
    ConfigError: the run gets another length, which its schedules follow, and nobody says what they shall do.
    """
    longer = [each for each in changed if each[0] in ("trainer.max_epochs", "trainer.max_steps")]
    following = [*_following(config, choices)]
    if not longer or not following or config.get("trainer.schedule") is not None:
        return
    lengths = ", ".join(f"{key} changed from {_typed(was)} to {_typed(now)}" for key, was, now in longer)
    raise ConfigError(
        f"cannot resume {short_path(run_dir.path)}: {lengths}, and {listed(following)} follows the run's length;",
        "stretched, a schedule jumps to where it would be in a run of the new length; kept, it stays as planned;",
        "try trainer.schedule=stretch, or trainer.schedule=keep.",
    )


def _following(config: Mapping[str, Any], choices: Mapping[str, Any]) -> Iterator[str]:
    """What of a run depends on its length: the keys of schedules."""
    target = str(config.get("scheduler._target_") or "constant").rpartition(".")[2]
    if target not in ("constant", "plateau"):
        yield f"scheduler={choices.get('scheduler', target)}"
    yield from (key for key in ("task.epsilon_fraction", "task.kl_warmup") if config.get(key))


def _defaults(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The default of each constructor parameter that a config sets, by the dotted key."""
    defaults = constraints.defaults_of(str(node.get("_target_", "")))
    for name, value in node.items():
        if isinstance(value, Mapping):
            yield from _defaults(value, f"{prefix}{name}.")
        elif name in defaults:
            yield f"{prefix}{name}", defaults[name]


def _must_stay(key: str, was: Any, now: Any) -> bool:
    """Whether a change below ``FREE`` is refused: a bound key, or a data folder that is added or removed."""
    # Another path may hold the same files, moved; with or without a path the data comes from different places.
    return key in BOUND or (key in PLACES and None in (was, now))


def _free(key: str) -> bool:
    """Whether a key is in ``FREE`` or below a group of it."""
    return any(key == free or key.startswith(f"{free}.") for free in FREE)


def _typed(value: Any) -> str:
    return "null" if value is None else str(value)


def _text_or_empty(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


def _without_resume(config: str) -> str:
    """Return a config's text with ``resume: null``, so that configs compare equal whichever run they continued."""
    return re.sub(r"(?m)^resume: .*$", "resume: null", renamed.text(config))


def require_packages(run_dir: RunDir) -> None:
    """Raises:
    CheckpointError: the run's config names classes of a package that is not installed.
    """
    allowlist.require_installed(run_dir.composed()[0], f"in {short_path(run_dir.path)}, config", CheckpointError)


def refuse_single(path: Path) -> None:
    """Raises:
    CheckpointError: the directory is a sweep, which a single run cannot continue.
    """
    if (path / "sweep.json").is_file():
        raise CheckpointError(
            f"{path} contains a sweep, not a run;",
            "a sweep is resumed with -m;",
            f"try {train_command()} -m {argument('resume', path)}.",
        )
