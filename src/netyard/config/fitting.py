"""Options that depend on the data where none was typed, and the models that fit data.

A defaults list of Hydra cannot ask for values. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from netyard.config.catalog import family_of, option_file, options, variants

PIXELS = "netyard.losses.likelihoods.Bernoulli"
"""The default likelihood of a VAE, which is one of pixels in [0, 1]."""
LEVELS = ("loss=discretized_logistic",)
"""That of pixels whose number of levels the data say: as probabilities, grey ones teach a VAE little (docs/log.md)."""
COLUMNS = ("loss=gaussian", "loss.num_parameters=2")
"""That of the columns of a table or of a series: a Gaussian, whose standard deviation is learned."""

# Tasks of sequences whose networks need methods that no other networks have -> the families that have them.
_FAMILIES = {"language": ("recurrent", "transformer"), "translation": ("seq2seq",)}


def overrides_for(config: DictConfig) -> list[str]:
    """What to add to the overrides of a composed config, so that its loss fits its data; empty if it does."""
    typed = {str(each).lstrip("+").partition("=")[0] for each in config.hydra.overrides.task}
    try:
        if "loss" in typed or config.loss.get("_target_") != PIXELS:
            return []
        if len(config.data.input_shape) == 3:
            # An experiment and a typed key of the default loss mean that loss.
            meant = any(each.startswith("loss.") for each in typed) or config.hydra.runtime.choices.get("experiment")
            return [] if meant or not config.data.get("max_value") else [*LEVELS]
    except (OmegaConfBaseException, TypeError, AttributeError):  # what is missing or no node is refused elsewhere
        return []
    return [each for each in COLUMNS if each.partition("=")[0] not in typed]


def models_for(choices: Mapping[str, Any], group: str = "data") -> list[str]:
    """The models whose interpolations of keys of a group, as facts of data, can all be resolved with its option.

    Args:
        choices: the chosen option of each group; without a task, it is the one that the data set has in its defaults.
    """
    chosen = option_file(group, str(choices.get(group)))
    task = choices.get("task") or _default_task(chosen)
    start = f"${{{group}."
    asked = {
        name: {str(value)[len(start) : -1] for value in node.values() if str(value).startswith(start)}
        for name, node in variants().items()
    }
    fitting = [name for name, keys in asked.items() if keys <= set(chosen) and _has_methods(name, task)]
    # Models for the current task first: others choose a task of their own in their defaults.
    return sorted(fitting, key=lambda name: "/task@" in str(variants()[name].get("defaults")))


def recipe_for(choices: Mapping[str, Any]) -> str | None:
    """The first experiment for a data set and a task, as their options say it; None if there is none."""
    for name in options("experiment"):
        defaults = (each for each in option_file("experiment", name).get("defaults", []) if isinstance(each, dict))
        chosen = {key.removeprefix("override /"): option for each in defaults for key, option in each.items()}
        if chosen.get("data") != choices.get("data") or chosen.get("model") not in variants():
            continue
        own = _default_task(variants()[chosen["model"]]) or _default_task(option_file("data", chosen["data"]))
        if (chosen.get("task") or own or "classification") == choices.get("task"):
            return name
    return None


def _default_task(data: Mapping[str, Any]) -> str | None:
    defaults = (each for each in data.get("defaults", []) if isinstance(each, dict))
    return next((name for each in defaults for key, name in each.items() if "/task@" in key), None)


def _has_methods(model: str, task: str | None) -> bool:
    family = family_of(model)
    if task == "language" and variants()[model].get("bidirectional"):
        return False  # it would see the token that it has to predict
    if task in _FAMILIES:
        return family in _FAMILIES[task]
    return family not in _FAMILIES["translation"]
