"""Baselines beside the results of a run: when a run has them, and how the log shows them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import lightning as L
from rich.table import Table

from netyard.baselines.compare import Compared, baselines_of
from netyard.tasks.interfaces import has_split
from netyard.training.console_table import text_of
from netyard.training.context import RunContext

log = logging.getLogger(__name__)

_SHOWN = 4  # baselines in the table of a run; results.json has all


def compare(context: RunContext, trainer: L.Trainer, metrics: Mapping[str, float]) -> Compared | None:
    """The baselines on the part that a network was tested on, or else validated on; None if the run has none.

    A run that read a part of its batches alone, as with ``debug=``, has none: they would be of other samples.
    """
    limits = (trainer.limit_train_batches, trainer.limit_val_batches, trainer.limit_test_batches)
    stage = next((name for name in ("test", "val") if any(each.startswith(f"{name}/") for each in metrics)), None)
    cut = any(isinstance(limit, int) or limit < 1 for limit in limits[: 1 if stage == "val" else 3])
    if not context.config.get("baselines", True) or cut or trainer.overfit_batches or stage is None:
        return None
    if not has_split(context.datamodule, stage):
        return None
    return baselines_of(context.task, context.datamodule, stage, metrics)


def columns(compared: Compared, results: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """A table of the network and all baselines in columns (head, cells): a metric each, the compared one first."""
    names = [name for name, _ in compared.ranked]
    names += [name for each in compared.values.values() for name in each if name not in names]
    names = list(dict.fromkeys(names))
    found = [("model", [f"{results['model']} (this run)", *names])]
    for metric in sorted(compared.values, key=lambda metric: metric != compared.metric):
        values = compared.values[metric]
        cells = [f"{values[name]:.4f}" if name in values else "" for name in names]
        found.append((metric, [f"{results['metrics'][metric]:.4f}", *cells]))
    return found


def log_comparison(model: str, compared: Compared, results: Mapping[str, Any]) -> None:
    """Log a table of the network and the best baselines, and which of them is better, unless a diagnosis tells it."""
    value = results["metrics"][compared.metric]
    log_table(compared, _SHOWN, (model, value))
    if not any(each["check"] == "worse_than_a_baseline" for each in results.get("diagnostics", ())):
        log.info("%s", sentence(model, compared, value))


def sentence(model: str, compared: Compared, value: float) -> str:
    """Whether the network or a baseline is better, in plain words."""
    name, best = compared.ranked[0]
    if best > value if compared.mode == "max" else best < value:
        said = f"{name} is better than {model}, and needs no network: {compared.metric} {best:.4f}, not {value:.4f}"
    elif best == value:
        said = f"{model} is as good as {name}, which needs no network: {compared.metric} {value:.4f}"
    else:
        said = f"{model} is better than every model without a network; the best of them is {name}"
    return f"{said}{parts_used(compared)}"


def log_table(compared: Compared, most: int | None = None, network: tuple[str, float] | None = None) -> None:
    """Log a table of the compared metric, the best first; the best is marked by a star.

    Args:
        most: the number of baselines that are shown; None: all.
        network: its name and value, which has a row among them.
    """
    rows = [(name, value) for name, value in compared.ranked[:most]]
    if network is not None:
        rows.append((f"{network[0]} (this run)", network[1]))
    sign = -1 if compared.mode == "max" else 1
    rows.sort(key=lambda row: sign * row[1])
    title = "models without a network" if network is None else "beside models without a network"
    table = Table("model", title=title, title_justify="left")
    table.add_column(compared.metric, justify="right")
    for name, value in rows:
        table.add_row(name, f"{value:.4f}{' *' if value == rows[0][1] else '  '}")
    log.info("%s", text_of(table))


def parts_used(compared: Compared) -> str:
    """What of the data was used, if that is not all."""
    said = []
    if compared.subset is not None:
        said.append(f"they learned from at most {compared.subset:,} training samples")
    if compared.tested is not None:
        said.append(f"were scored on {compared.tested:,}")
    return f" ({' and '.join(said)})" if said else ""
