"""``netyard baseline``: models without a network alone, in a directory like that of a run.

``baselines.pt`` in it has the training samples that they have learned from, the hyperparameters that were chosen, and
the state of the data module, as tensors and plain types: no object is unpickled, and a prediction fits its model again
on the same samples with the same seed, in seconds.
"""

from __future__ import annotations

import logging
import shlex
import time
from collections.abc import Mapping
from typing import Any

import torch
from lightning import LightningDataModule
from omegaconf import DictConfig

from netyard.baselines import compare
from netyard.baselines.kinds import KINDS, kind_of
from netyard.baselines.models import PredictionColumns
from netyard.config import schema
from netyard.config.instantiate import build
from netyard.errors import CheckpointError, ConfigError, first_line
from netyard.io.atomic import open_atomically
from netyard.io.process import train_command
from netyard.io.readable import listed, short_path
from netyard.run_directories.directory import RunDir
from netyard.tasks.interfaces import GuessesTarget, HasBaselines, has_split
from netyard.training import baseline_results, checkpoint, data_summary, process_state, results, suggested_commands
from netyard.training.context import resolve
from netyard.training.matching import check_data

log = logging.getLogger(__name__)


def run(cfg: DictConfig, choices: Mapping[str, Any], run_dir: RunDir) -> float | None:
    """Fit, tune and score the baselines of a config, and write them; returns the value of the one that is kept.

    Raises:
        ConfigError: the task has no baselines.
    """
    with process_state.restore_on_exit():
        return _run(cfg, choices, run_dir)


def _run(cfg: DictConfig, choices: Mapping[str, Any], run_dir: RunDir) -> float | None:
    started = time.perf_counter()
    run_dir.set_state("running")
    process_state.run_settings(cfg.seed)
    data = build(cfg.data)
    config = resolve(cfg, data, choices)
    schema.require_outputs(config, choices, data.target_correction if isinstance(data, GuessesTarget) else "")
    task = build(config["task"])
    check_data(task, data)
    summary = data_summary.summary_of(data)
    data_summary.log_summary(summary)
    stage = "test" if has_split(data, "test") else "val"
    if stage == "val" and not has_split(data, "val"):
        raise ConfigError(
            "the data have neither a validation nor a test part;",
            "baselines are scored on samples that they have not learned from;",
            "try data.test_fraction=0.2.",
        )
    found = compare.computed(task, data, stage)
    if found is None:
        raise ConfigError(
            f"there are no baselines of task={choices['task']} with data={choices['data']};",
            f"there are some of {listed(sorted(KINDS), 20)}, where the data can be read by them;",
            "try data=digits.",
        )
    best = found.best
    content = {
        **{group: choices[group] for group in ("data", "task")},
        "model": best or "baselines",
        "seed": config["seed"],
        "objective": _objective(found, stage, best),
        "metrics": {} if best is None else {name: each[best] for name, each in found.values.items() if best in each},
        "seconds": {"all": round(time.perf_counter() - started, 3)},
        "data_summary": data_summary.record(summary),
        "environment": results.environment("cpu"),
        **found.record(),
    }
    kept = _keep(task, data, found, best)
    state = {type(data).__name__: data.state_dict(), "netyard": checkpoint.describe(config, choices)}
    with open_atomically(run_dir.baselines, "wb") as file:
        torch.save({**state, "baselines": kept}, file)
    run_dir.write_results(content)
    run_dir.set_state("completed")
    _log(found, best, run_dir, _predicts(kept))
    return found.values[found.metric][best] if best else None


def _objective(found: compare.Compared, stage: str, best: str | None) -> dict[str, Any]:
    """As that of a run: the best value of the compared metric on the validation part."""
    name = found.metric.removeprefix(f"{stage}/")
    value = found.fits[best]["validated"] if best else None
    return {"name": f"val/{name}", "mode": found.mode, "value": value, "epoch": None}


def _keep(task: Any, data: Any, found: compare.Compared, best: str | None) -> dict[str, Any]:
    """What a prediction needs; of kinds that predict nothing their names alone."""
    assert isinstance(task, HasBaselines)  # or nothing would have been found
    kind: Any = kind_of(task.baseline_kind)
    facts = {"kind": task.baseline_kind, "best": best, "names": [name for name, _ in found.ranked]}
    chosen = {name: dict(each) for name, each in found.chosen.items()}
    samples = kind.keep(task, data) if hasattr(kind, "keep") else {}
    return {**facts, "chosen": chosen, "fits": dict(found.fits), **samples}


def _predicts(kept: Mapping[str, Any]) -> bool:
    return hasattr(kind_of(str(kept["kind"])), "predictor")


def _log(found: compare.Compared, best: str | None, run_dir: RunDir, predicts: bool) -> None:
    baseline_results.log_table(found)
    if said := baseline_results.parts_used(found):
        log.info("%s", said.strip(" ()"))
    if best is not None:
        log.info("the best on the validation part is %s", best)
    log.info("results     %s", short_path(run_dir.path / "results.json"))
    if predicts:
        command = f"{suggested_commands.program('netyard')} predict {shlex.quote(short_path(run_dir.path))}"
        named = "" if best is not None else f"model={found.ranked[0][0]} "
        log.info("predict by  %s input=FILE %soutput=predictions.csv", command, named)


def load(run_dir: RunDir, model: str | None) -> tuple[LightningDataModule, PredictionColumns]:
    """The data module of a directory of baselines, and the columns that one of them predicts.

    Args:
        model: its name; None: the best on the validation part.

    Raises:
        ConfigError: there is no such baseline; none is named, and there was no validation part.
        CheckpointError: the file is broken, or contains other objects than tensors and plain types.
    """
    _, content = checkpoint.find(run_dir.baselines)
    config, _ = checkpoint.config_and_choices(content, run_dir.baselines)
    kept = content.get("baselines")
    if not isinstance(kept, dict) or not {"kind", "best", "names", "fits", "chosen"} <= {*kept}:
        raise CheckpointError(
            f"{run_dir.baselines} contains no baselines;",
            "netyard baseline writes this file;",
            "make it again by netyard baseline.",
        )
    if not _predicts(kept):
        raise ConfigError(
            f"{short_path(run_dir.path)} has baselines of {kept['kind']}, which predict nothing;",
            "those of classes, labels, numbers, series and anomalies do;",
            f"train a network by {train_command()}.",
        )
    name = model or kept["best"]
    if name not in kept["names"]:
        unnamed = "no model is named, and the validation part does not say which is the best"
        given = unnamed if name is None else f"model={name}"
        raise ConfigError(
            f"{given};",
            f"the baselines in {short_path(run_dir.path)} are {', '.join(kept['names'])};",
            f"try model={kept['names'][0]}.",
        )
    data = checkpoint.build_data(content, config)
    kind: Any = kind_of(str(kept["kind"]))
    try:
        return data, kind.predictor(kept, data, name)
    # The file may come from somebody else, or be of another version.
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError, StopIteration) as error:
        raise CheckpointError(
            f"{run_dir.baselines} does not have what {name} was fitted on: {first_line(error)};",
            "netyard baseline writes the samples and the hyperparameters;",
            "make it again by netyard baseline.",
        ) from error
