"""``netyard rerun RUN_DIR [overrides]``: the same command once more, and whether it comes to the same."""

from __future__ import annotations

import json
import math
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
from netyard.io.process import is_main_process
from netyard.io.readable import short_path
from netyard.run_directories import resume
from netyard.run_directories.directory import RunDir
from netyard.sweeps.arguments import split

_OF_THE_PLACE = ("hydra.run.dir", "hydra.sweep.dir", "hydra.sweep.subdir", "resume")
MOST_CHANGES = 20


def rerun(arguments: Sequence[str]) -> int:
    """Train as a run was trained, in a new directory.

    Raises:
        CheckpointError: there is no such run.
        ConfigError: none was given, or several.
        NetyardError: see ``run_one``.
    """
    arguments = with_run(arguments, "rerun")
    named = dict(text.partition("=")[::2] for text in arguments if text.startswith("run="))
    require_given(named, {"run": "RUN_DIR"}, "rerun")
    before, more = RunDir(named["run"]), [text for text in arguments if not text.startswith("run=")]
    if (before.path / "sweep.json").is_file():
        raise CheckpointError(
            f"{before.path} holds a sweep;",
            "a rerun is of one run, a job of a sweep too;",
            f"try netyard rerun {before.path / '0'}.",
        )
    overrides = [*(text for text in before.overrides() if text.partition("=")[0] not in _OF_THE_PLACE), *more]
    resume.require_packages(before)
    flags = _config_dirs(before.path)
    run_log.start(None)
    print(f"again: python train.py {' '.join([*flags, *overrides])}")
    recorded = before.results()
    _warn_of_environment(recorded.get("environment", {}))
    if not flags and not more:
        _warn_of_config(before.path, overrides)
    asked = Request(*split([*flags, *overrides]))
    after = RunDir(run_one(asked.known.overrides, asked.sources, whole_process=True).path)
    if is_main_process():
        told = compare(recorded, after.results())
        written = json.dumps(finite({"of": str(before.path), **told}), indent=2)
        write_atomically(after.path / "rerun.json", f"{written}\n")
        print(_verdict(told, before.path))
    return 0


def compare(recorded: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """Whether two results have the same metrics to the last bit, and of those that differ both values."""
    was, now = ({**each.get("metrics", {}), "steps": each.get("steps")} if each else {} for each in (recorded, found))
    names = sorted({*was, *now})
    changed = {name: [was.get(name), now.get(name)] for name in names if was.get(name) != now.get(name)}
    return {"equal": not changed if recorded else None, "compared": len(names), "changed": changed}


def _verdict(told: Mapping[str, Any], path: Path) -> str:
    if told["equal"] is None:
        return f"{short_path(path)} has no results to compare with."
    if told["equal"]:
        return f"equal: all {told['compared']} numbers are those of {short_path(path)}, to the last bit."
    pairs = list(told["changed"].items())
    columns = [("metric", [name for name, _ in pairs])]
    columns += [(head, [_digits(both[side]) for _, both in pairs]) for side, head in enumerate(("was", "is"))]
    gaps = [abs(both[1] - both[0]) if None not in both else math.nan for _, both in pairs]
    table = grid([*columns, ("difference", [f"{gap:.2g}" for gap in gaps])])
    return f"not equal: {len(pairs)} of {told['compared']} numbers are not those of {short_path(path)}.\n{table}"


def _digits(value: float | None) -> str:
    return "-" if value is None else f"{value:.9g}"


def _warn_of_environment(recorded: Mapping[str, str]) -> None:
    from netyard.training import results

    here = results.environment(recorded.get("device", ""))
    for name, was in recorded.items():
        if name != "device" and was != here.get(name):
            run_log.log.warning("%s was %s, and is %s: the numbers may differ", name, was, here.get(name))
    if "dirty" in recorded.get("git", ""):
        run_log.log.warning("the run used uncommitted code (git %s)", recorded["git"])


def _warn_of_config(path: Path, overrides: Sequence[str]) -> None:
    """The defaults may have changed since: what the command line meant then is in the run's own config."""
    recorded = safe_yaml.load(path / ".hydra" / "config.yaml", CheckpointError) or {}
    today: Any = OmegaConf.to_container(compose(overrides)[0])
    was, now = (dict(leaves(each, empty=True)) for each in (recorded, today))
    changed = [key for key in dict.fromkeys([*was, *now]) if was.get(key) != now.get(key) and key != "resume"]
    for key in changed[:MOST_CHANGES]:
        run_log.log.warning("%s was %s, and is %s by today's defaults", key, was.get(key), now.get(key))


def _config_dirs(path: Path) -> list[str]:
    """The ``--config-dir`` flags of a run, which Hydra records apart from its overrides."""
    node = safe_yaml.load(path / ".hydra" / "hydra.yaml", CheckpointError)["hydra"]
    sources = node["runtime"]["config_sources"]
    return [f"--config-dir={each['path']}" for each in sources if each["provider"] == "command-line"]


COMMAND = Command(
    name="rerun",
    does="Train once more as a run was trained, and say whether the metrics are equal",
    usage="RUN_DIR [overrides]",
    run=rerun,
    body=(
        (
            "Trains with the command line of a run, in a new directory, and says at the end whether every metric "
            "is the run's to the last bit; those that are not are listed. The new directory has a rerun.json "
            "that says so to programs: of, equal, compared, changed. Before it begins it warns of versions and "
            "of the git revision that are others than the run's, and of keys that have other values by today's "
            "defaults. Overrides are added to the run's: data.root=DIR, trainer=cpu, hydra.run.dir=DIR. Exit "
            "code: that of the training, whether or not the metrics are equal."
        ),
        Option("run=RUN_DIR", "the run; RUN_DIR alone says the same"),
    ),
)
