"""``netyard baseline [GROUP=OPTION ...] [key=value ...]``: what models without a network reach on the same parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from netyard.cli import plugin_words, torch_import, typed_words
from netyard.cli.command import Command, Option
from netyard.cli.train import Request, run_one
from netyard.config import catalog
from netyard.config.compose import DEFAULT, Sources
from netyard.config.fitting import models_for
from netyard.config.overrides import value_of
from netyard.errors import ConfigError
from netyard.run_directories.directory import RunDir
from netyard.sweeps.arguments import split
from netyard.training import distributed

_DEFAULT_MODEL = "mlp"  # of conf/train.yaml
_PLACE = (
    "hydra.run.dir='${unclaimed:${oc.env:NETYARD_OUTPUTS,outputs}/${now:%Y-%m-%d}"
    "/${now:%H-%M-%S}-baseline-${hydra:runtime.choices.data}}'"
)


def baseline(arguments: Sequence[str]) -> int:
    """Run the command.

    Raises:
        ConfigError: a sweep or a resumed run was asked for.
        NetyardError: see ``cli.train.run_one``.
    """
    typed_words.require(arguments, "netyard baseline")
    plugin_words.require(arguments, "netyard baseline")
    asked = Request(*split(arguments))
    if asked.sweeps or asked.prints:
        raise ConfigError(
            f"netyard baseline takes no {'sweep (-m)' if asked.sweeps else 'flag that prints a config'};",
            "it scores the models of one data set and one task, each with several hyperparameters;",
            "leave the flag out.",
        )
    run_baselines(asked.known.overrides, asked.sources, whole_process=True)
    return 0


def run_baselines(overrides: Sequence[str], sources: Sources = DEFAULT, whole_process: bool = False) -> Path:
    """Score the baselines of a config; returns the directory that they are in."""
    if value_of(overrides, "resume") is not None:
        raise ConfigError(
            "netyard baseline resumes nothing;",
            "what was computed before is read from a cache;",
            "leave resume out.",
        )
    place = [] if value_of(overrides, "hydra.run.dir") else [_PLACE]
    return run_one([*fitting_model(overrides), *overrides, *place], sources, whole_process, _work).path


def fitting_model(overrides: Sequence[str]) -> list[str]:
    """The override of a network that fits the data, where the default one does not: a task is built with one."""
    typed = {name: value_of(overrides, name) for name in ("model", "experiment", "data", "task")}
    if typed["model"] or typed["experiment"] or typed["data"] not in catalog.options("data"):
        return []
    models = models_for({name: typed[name] for name in ("data", "task") if typed[name]})
    if not models or _DEFAULT_MODEL in models:
        return []
    return [f"model={next((each for each in models if each.endswith('_tiny')), models[0])}"]


def _work(cfg: DictConfig, choices: Mapping[str, Any], run_dir: RunDir, ranks: distributed.RankCommand) -> float | None:
    with torch_import.torch():
        from netyard.training import baseline_run

    return baseline_run.run(cfg, choices, run_dir)


COMMAND = Command(
    name="baseline",
    does="Score models without a network on the parts of a data set",
    usage="[GROUP=OPTION ...] [key=value ...]",
    run=baseline,
    alone=True,
    body=(
        (
            "Fits what needs no network on the training part of a data set, chooses hyperparameters on its validation "
            "part alone, scores each model once on its test part by the metrics of a network, and prints a table. The "
            "same values stand beside the results of every run on these data. Options of data and task are those of a "
            "run: netyard baseline data=csv data.path=table.csv data.target=price."
        ),
        "  classes          majority, nearest_neighbours, logistic_regression, decision_tree, gradient_boosting,",
        "                   support_vector_machine; of texts by their n-grams; of several labels one for each",
        "  numbers          mean, nearest_neighbours, linear_regression, decision_tree, gradient_boosting, ...",
        "  series           naive, seasonal_naive, drift, linear_regression",
        "  language models  ngram",
        "  anomalies        nearest_neighbours, isolation_forest, pca, gaussian_mixture",
        "  translations     nearest_neighbours, by n-grams of the sources",
        "  autoencoders     pca of the same size of code; k_means with as many discrete codes",
        "  VAEs, GANs       gaussian, gaussian_mixture: densities, and samples drawn from them",
        "  agents           random_policy, scripted_policy where a simple rule is known",
        (
            "Of large data a random part is used, which the log tells: at most 10,000 training samples, and fewer for "
            "models whose time grows faster. Values are kept in the folder of data sets and computed once."
        ),
        Option("hydra.run.dir=DIR", "where the results are written; default: outputs/DATE/TIME-baseline-DATA"),
        (
            "netyard predict DIR input=FILE output=predictions.csv uses the best model of the validation part, or "
            "model=NAME: it is fitted again on the training samples, which the directory has."
        ),
    ),
)
