"""``netyard rerun RUN_DIR [overrides]``: train with the same command again, and compare the metrics."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from netyard.cli.arguments import require_given, with_run
from netyard.cli.command import Command, Option
from netyard.cli.train import Request, run_one
from netyard.config.compose import compose
from netyard.config.flatten import leaves
from netyard.errors import CheckpointError
from netyard.io import run_log, safe_yaml
from netyard.io.atomic import write_atomically
from netyard.io.finite_json import finite
from netyard.io.markdown import grid
from netyard.io.process import is_main_process, train_command
from netyard.io.readable import short_path
from netyard.run_directories import resume
from netyard.run_directories.directory import RunDir
from netyard.sweeps.arguments import split

# Overrides that say where a run writes; the new one gets its own directory.
_OF_THE_PLACE = ("hydra.run.dir", "hydra.sweep.dir", "hydra.sweep.subdir", "resume")
MOST_CHANGES = 20  # warnings; a run of an old version may differ in hundreds of defaults


def rerun(arguments: Sequence[str]) -> int:
    """Train with the command line of a run, in a new directory, and compare the results.

    Raises:
        CheckpointError: there is no such run.
        ConfigError: no run was given, or several.
        NetyardError: see ``run_one``.
    """
    arguments = with_run(arguments, "rerun")
    named = dict(text.partition("=")[::2] for text in arguments if text.startswith("run="))
    require_given(named, {"run": "RUN_DIR"}, "rerun")
    before, more = RunDir(named["run"]), [text for text in arguments if not text.startswith("run=")]
    if (before.path / "sweep.json").is_file():
        raise CheckpointError(
            f"{before.path} holds a sweep;",
            "a rerun takes one run, which may be a job of a sweep;",
            f"try netyard rerun {before.path / '0'}.",
        )
    if before.baselines.is_file() and not before.has_checkpoint:
        raise CheckpointError(
            f"{before.path} has baselines of netyard baseline, and no network;",
            "a rerun trains a network again;",
            "try netyard baseline with the same words.",
        )
    # New overrides come last, so that they win.
    overrides = [*(text for text in before.overrides() if text.partition("=")[0] not in _OF_THE_PLACE), *more]
    resume.require_packages(before)  # says what to install, before a confusing error about an unknown option
    flags = _config_dirs(before.path)
    run_log.start(None)
    print(f"again: {train_command()} {shlex.join([*flags, *overrides])}")
    recorded = before.results()  # empty if the run has not finished
    _warn_of_environment(recorded.get("environment", {}))
    # A changed command has another config anyway, and --config-dir may be gone.
    if not flags and not more:
        _warn_of_config(before.path, overrides)
    asked = Request(*split([*flags, *overrides]))
    after = RunDir(run_one(asked.known.overrides, asked.sources, whole_process=True).path)
    if is_main_process():  # of several ranks only rank 0 writes and prints
        comparison = compare(recorded, after.results())
        written = json.dumps(finite({"of": str(before.path), **comparison}), indent=2)
        write_atomically(after.path / "rerun.json", f"{written}\n")
        print(_verdict(comparison, before.path))
    return 0


def compare(recorded: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """Whether two results have bit-identical metrics, and both values of those that differ."""
    # JSON keeps every bit of a float, so that == compares exactly. Steps show that both trained equally long.
    was, now = ({**each.get("metrics", {}), "steps": each.get("steps")} if each else {} for each in (recorded, found))
    names = sorted({*was, *now})
    changed = {name: [was.get(name), now.get(name)] for name in names if was.get(name) != now.get(name)}
    return {"equal": not changed if recorded else None, "compared": len(names), "changed": changed}


def _verdict(comparison: Mapping[str, Any], path: Path) -> str:
    if comparison["equal"] is None:
        return f"{short_path(path)} has no results to compare with."
    if comparison["equal"]:
        return f"equal: all {comparison['compared']} numbers are bit-identical to those of {short_path(path)}."
    pairs = list(comparison["changed"].items())
    columns = [("metric", [name for name, _ in pairs])]
    columns += [(head, [_digits(both[side]) for _, both in pairs]) for side, head in enumerate(("was", "is"))]
    gaps = [abs(both[1] - both[0]) if None not in both else math.nan for _, both in pairs]
    table = grid([*columns, ("difference", [f"{gap:.2g}" for gap in gaps])])
    return (
        f"not equal: {len(pairs)} of {comparison['compared']} numbers differ from those of {short_path(path)}.\n{table}"
    )


def _digits(value: float | None) -> str:
    # Nine digits tell any two float32 values apart.
    return "-" if value is None else f"{value:.9g}"


def _warn_of_environment(recorded: Mapping[str, str]) -> None:
    from netyard.training import results  # imports torch

    here = results.environment(recorded.get("device", ""))
    for name, was in recorded.items():
        if name != "device" and was != here.get(name):
            run_log.log.warning("%s was %s, and is %s: the numbers may differ", name, was, here.get(name))
    if "dirty" in recorded.get("git", ""):
        run_log.log.warning("the run used uncommitted code (git %s)", recorded["git"])


def _warn_of_config(path: Path, overrides: Sequence[str]) -> None:
    """Warn of keys whose defaults have changed since: the run's own config has the values that it was trained with."""
    recorded = safe_yaml.load(path / ".hydra" / "config.yaml", CheckpointError) or {}
    # Unresolved on both sides: a changed default is named once, not again under each key that refers to it.
    today: Any = OmegaConf.to_container(compose(overrides)[0])
    was, now = (dict(leaves(each, empty=True)) for each in (recorded, today))
    changed = [key for key in dict.fromkeys([*was, *now]) if was.get(key) != now.get(key) and key != "resume"]
    for key in changed[:MOST_CHANGES]:
        run_log.log.warning("%s was %s, and is %s by today's defaults", key, was.get(key), now.get(key))


def _config_dirs(path: Path) -> list[str]:
    """The ``--config-dir`` flags of a run, which Hydra does not record among the overrides."""
    node = safe_yaml.load(path / ".hydra" / "hydra.yaml", CheckpointError)["hydra"]
    sources = node["runtime"]["config_sources"]
    return [f"--config-dir={each['path']}" for each in sources if each["provider"] == "command-line"]


COMMAND = Command(
    name="rerun",
    does="Train again with the command of a run, and compare the metrics",
    usage="RUN_DIR [overrides]",
    run=rerun,
    body=(
        (
            "Trains with the command line of a run, in a new directory, and prints at the end whether every metric "
            "is bit-identical; those that differ are listed. The file rerun.json in the new directory has the same "
            "for programs: of, equal, compared, changed. Before the start it warns of versions and of a git "
            "revision that differ from the run's, and of keys whose default values have changed. Overrides are "
            "added to the run's: data.root=DIR, trainer=cpu, hydra.run.dir=DIR. The exit code is that of the "
            "training, whether or not the metrics are equal."
        ),
        Option("run=RUN_DIR", "the run; RUN_DIR alone is enough"),
    ),
)
