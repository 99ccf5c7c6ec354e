"""What can be said about a config before anything is built: unknown keys, missing values, types and ranges.

A rule belongs to a key's name, wherever the key stands: ``lr`` is a positive number in every optimizer. Knows no torch,
so a mistake is answered before seconds of imports.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationKeyError, InterpolationResolutionError

from netyard.config import allowlist
from netyard.config.catalog import GROUPS, option_file, options, variants
from netyard.errors import ConfigError

GLOBALS = ("seed", "threads", "tags", "resume")


@dataclass(frozen=True)
class Number:
    """The numbers a key may hold: from ``low`` to ``high``, ends included unless ``open_*`` says otherwise.

    ``share_or_count`` admits a share of something, at most 1, or a whole number of it.
    """

    low: float
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False
    whole: bool = False
    share_or_count: bool = False
    example: float = 1
    also: tuple[Any, ...] = (None,)

    def admits(self, value: Any) -> bool:
        if value in self.also:
            return True
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            return False
        if self.share_or_count and value > 1 and not isinstance(value, int):
            return False
        above = value > self.low if self.open_low else value >= self.low
        below = value < self.high if self.open_high else value <= self.high
        return above and below and math.isfinite(value)

    def __str__(self) -> str:
        low = f"{'above' if self.open_low else 'at least'} {self.low:g}"
        high = "" if self.high == math.inf else f" and {'below' if self.open_high else 'at most'} {self.high:g}"
        high += ", whole if above 1" if self.share_or_count else ""
        extra = "".join(f", or {value}" for value in self.also if value is not None)
        return f"a {'whole ' if self.whole else ''}number {low}{high}{extra}"


_count = Number(1, whole=True, example=10)
_endless = Number(1, whole=True, example=10, also=(None, -1))
_share = Number(0, 1, open_low=True, open_high=True, example=0.1)
_positive = Number(0, open_low=True, example=0.001)
_not_negative = Number(0, example=0.0001)
_probability = Number(0, 1, open_high=True, example=0.5)
_limit = Number(0, open_low=True, share_or_count=True, example=10)

RULES: dict[str, Number] = {
    "lr": _positive,
    "eps": Number(0, open_low=True, example=1e-8),
    "momentum": Number(0, 1, open_high=True, example=0.9),
    "weight_decay": _not_negative,
    "l1": _not_negative,
    "label_smoothing": _probability,
    "dropout": _probability,
    "gamma": _not_negative,
    "decay": _share,
    "warmup": Number(0, 1, open_high=True, example=0.1),
    "final_ratio": Number(0, 1, example=0.01),
    "pct_start": _share,
    "power": _positive,
    "patience": Number(0, whole=True, example=10),
    "factor": _share,
    "seed": Number(0, 2**32 - 1, whole=True, example=0, also=()),
    "split_seed": Number(0, 2**32 - 1, whole=True, example=0),
    "threads": Number(1, whole=True, example=2, also=("auto",)),
    "num_folds": Number(2, whole=True, example=5),
    "batch_size": Number(1, whole=True, example=64, also=()),
    "eval_batch_size": _count,
    "num_workers": Number(0, whole=True, example=2),
    "val_fraction": _share,
    "test_fraction": _share,
    "num_classes": Number(2, whole=True, example=10),
    "num_targets": _count,
    "num_features": _count,
    "in_channels": _count,
    "image_size": _count,
    "size": _count,
    "kernel_size": _count,
    "hidden_sizes": Number(1, whole=True, example=64),
    "hidden_size": Number(1, whole=True, example=128),
    "embedding_size": Number(1, whole=True, example=64),
    "latent_size": Number(1, whole=True, example=16),
    "codebook_size": Number(2, whole=True, example=128),
    "beta": _not_negative,
    "free_bits": _not_negative,
    "importance_samples": Number(1, whole=True, example=64),
    "noise_level": _not_negative,
    "sparsity_weight": _not_negative,
    "contraction": _not_negative,
    "discriminator_steps": _count,
    "discriminator_lr": _positive,
    "gradient_penalty": _not_negative,
    "r1": _not_negative,
    "weight_clip": _not_negative,
    "num_layers": Number(1, whole=True, example=2),
    "num_heads": Number(1, whole=True, example=4),
    "embedding_dropout": _probability,
    "sequence_length": Number(1, whole=True, example=128),
    "max_length": Number(1, whole=True, example=128),
    "min_count": Number(1, whole=True, example=2),
    "max_characters": Number(1, whole=True, example=1000000),
    "bpe_size": Number(260, whole=True, example=1024),
    "window": Number(1, whole=True, example=22),
    "horizon": Number(1, whole=True, example=11),
    "season": Number(1, whole=True, example=11),
    "beam_size": Number(1, whole=True, example=4),
    "max_number": Number(1, whole=True, example=9999),
    "num_val_samples": Number(2, whole=True, example=1024),
    "num_test_samples": Number(2, whole=True, example=10000),
    "diversity_threshold": _not_negative,
    "num_actions": _count,
    "num_envs": _count,
    "frame_stack": _count,
    "max_episode_steps": _count,
    "replay_size": Number(1, whole=True, example=50000),
    "steps_per_batch": Number(1, whole=True, example=1000),
    "steps_per_epoch": Number(1, whole=True, example=5000),
    "val_episodes": _count,
    "test_episodes": _count,
    "discount": Number(0, 1, example=0.99),
    "n_steps": Number(1, whole=True, example=3),
    "collect_steps": Number(1, whole=True, example=4),
    "updates_per_step": _positive,
    "warmup_steps": Number(0, whole=True, example=500),
    "target_every": Number(1, whole=True, example=250),
    "tau": Number(0, 1, open_low=True, example=0.01),
    "epsilon_start": Number(0, 1, example=1.0),
    "epsilon_end": Number(0, 1, example=0.05),
    "epsilon_fraction": Number(0, 1, example=0.3),
    "priority_exponent": _not_negative,
    "importance_start": Number(0, 1, example=0.4),
    "every_n_epochs": _count,
    "max_epochs": _endless,
    "max_steps": Number(1, whole=True, example=1000, also=(None, -1)),
    "accumulate_grad_batches": _count,
    "gradient_clip_val": Number(0, open_low=True, example=1.0),
    "check_val_every_n_epoch": _count,
    "log_every_n_steps": _count,
    "limit_train_batches": _limit,
    "limit_val_batches": _limit,
    "limit_test_batches": _limit,
    "overfit_batches": Number(0, share_or_count=True, example=3),
    "num_sanity_val_steps": Number(-1, whole=True, example=1),
    "num_nodes": _count,
    "every_n_steps": _count,
    "max_skipped_steps": _count,
    "max_size": _count,
    "min_delta": _not_negative,
    "alpha": Number(0, 1, example=0.99),
    "rho": Number(0, 1, example=0.9),
    "lr_decay": _not_negative,
    "initial_accumulator_value": _not_negative,
    "momentum_decay": _not_negative,
    "base_momentum": Number(0, 1, open_high=True, example=0.85),
    "max_momentum": Number(0, 1, open_high=True, example=0.95),
    "history_size": _count,
    "max_iter": _count,
    "div_factor": _positive,
    "final_div_factor": _positive,
    "delta": _positive,
    "kappa": _not_negative,
    "commitment": _not_negative,
    "kl_warmup": Number(0, 1, example=0.05),
    "sparsity_target": _share,
    "ema_decay": Number(0, 1, open_high=True, example=0.999),
    "min_std": _positive,
    "num_atoms": _count,
    "brightness": _not_negative,
    "contrast": _not_negative,
    "mixup": _not_negative,
    "cutmix": _not_negative,
    "cutout": Number(0, 1, example=0.25),
    "rotation": _not_negative,
    "crop_ratio": Number(0, 1, open_low=True, example=0.875),
    "crop_scale": Number(0, 1, open_low=True, example=0.5),
    "channels": _count,
    "input_size": _count,
    "max_value": Number(0, open_low=True, example=255),
    "growth_rate": _count,
    "width_mult": Number(0, open_low=True, example=1.0),
    "auxiliary_weight": _not_negative,
    "batch_norm_momentum": Number(0, 1, example=0.1),
    "frame_skip": _count,
    "noop_max": Number(0, whole=True, example=30),
    "sticky": Number(0, 1, example=0.25),
    "sticky_action_prob": Number(0, 1, example=0.1),
}


def check(cfg: DictConfig, choices: Mapping[str, Any]) -> None:
    """Refuse a composed config that cannot make a run.

    Raises:
        ConfigError: an unknown or missing key, an interpolation that leads nowhere, a value of the wrong type or range,
            a ``_target_`` that nobody offers.
    """
    known = (*GROUPS, *GLOBALS)
    for key in map(str, cfg):
        if key not in known:
            raise ConfigError(
                f"there is no key '{key}';", f"a run knows {', '.join(known)};", f"take {key} out of the command."
            )
    allowlist.require(cfg)
    _check_missing(cfg, choices)
    resolved = resolve(cfg, choices)
    allowlist.require(resolved)
    # The task holds the model, loss and optimizer once more; a mistake is to be named where it was typed.
    for key, value in leaves({group: resolved[group] for group in sorted(resolved, key="task".__eq__)}):
        rule = RULES.get(key.rpartition(".")[2])
        for item in value if isinstance(value, list) else [value]:
            if rule is None:
                if isinstance(item, float) and not math.isfinite(item):
                    raise ConfigError(f"{key} is {item};", "numbers are finite;", f"take {key} out of the command.")
            elif not rule.admits(item):
                example = f"[{rule.example:g}]" if isinstance(value, list) else f"{rule.example:g}"
                raise ConfigError(f"{key} is {item!r};", f"it must be {rule};", f"try {key}={example}.")


_ANSWERED = {"num_classes": "task=classification loss=cross_entropy", "num_targets": "task=regression loss=mse"}


def resolve(cfg: DictConfig, choices: Mapping[str, Any]) -> dict[str, Any]:
    """The config as plain dicts and lists, every interpolation followed.

    Raises:
        ConfigError: an interpolation leads nowhere: a model asks for what the data does not have.
    """
    try:
        return OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)  # type: ignore[return-value]
    except (InterpolationKeyError, InterpolationResolutionError) as error:
        asked, wanted = str(error.full_key), _interpolation_key(str(error))
        group, _, fact = wanted.partition(".")
        files = {name: option_file(group, name) for name in options(group)} if group in GROUPS else {}
        giving = [name for name, node in files.items() if fact in node]
        # A data set with a root may have to be downloaded first.
        complete = sorted(
            (name for name in giving if "???" not in files[name].values()), key=lambda name: "root" in files[name]
        )
        asked_by_model = f"${{{wanted}}}" in option_file("model", str(choices.get("model"))).values()
        models = _fitting_models(choices) if asked_by_model and group == "data" else []
        attempts = [*(f"model={name}" for name in models[:1]), *(f"{group}={name}" for name in complete[:1])]
        raise ConfigError(
            f"{_chosen(asked, choices)} does not fit {group}={choices.get(group)}, which has no {fact} for {asked};",
            f"{group} with {fact}: {', '.join(giving) or 'none'};"
            + f" models that fit {group}={choices.get(group)}: {', '.join(models[:8])};" * bool(models),
            f"try {' or '.join(attempts)}." if attempts else "try another combination.",
        ) from error


def require_outputs(config: Mapping[str, Any], choices: Mapping[str, Any]) -> None:
    """Of a resolved config whose data has been read.

    Raises:
        ConfigError: a table's target is of another kind than the task's answers.
    """
    if config["task"].get("num_outputs", 0) is None:
        fact = str(option_file("task", str(choices["task"])).get("num_outputs"))[7:-1]
        found = [each for each in _ANSWERED if config["data"].get(each) is not None]
        raise ConfigError(
            f"task={choices['task']} does not fit data={choices['data']}, which has no {fact}, now that it is read;",
            f"it has {' and '.join(found) or 'no target'};",
            f"try {' or '.join(_ANSWERED[each] for each in found) or 'model=autoencoder'}.",
        )


def _fitting_models(choices: Mapping[str, Any]) -> list[str]:
    """The models that ask nothing of the data but what the chosen data set has."""
    facts = option_file("data", str(choices.get("data")))
    asked = {
        name: {str(value)[7:-1] for value in node.values() if str(value).startswith("${data.")}
        for name, node in variants().items()
    }
    fitting = [name for name, keys in asked.items() if keys <= set(facts)]
    # Those that bring no task of their own first.
    return sorted(fitting, key=lambda name: "/task@" in str(variants()[name].get("defaults")))


def _check_missing(cfg: DictConfig, choices: Mapping[str, Any]) -> None:
    missing = sorted(_missing(cfg))
    if missing:
        group = missing[0].partition(".")[0]
        raise ConfigError(
            f"{group}={choices.get(group)} needs {' and '.join(missing)};",
            "it has no default, for only you can know it;",
            f"type {' '.join(f'{key}=...' for key in missing)}.",
        )


def _missing(node: DictConfig, prefix: str = "") -> Iterator[str]:
    """The keys that hold ``???``. ``OmegaConf.missing_keys`` follows interpolations too, and trips over broken ones."""
    for name in map(str, node):
        if OmegaConf.is_missing(node, name):
            yield f"{prefix}{name}"
        elif not OmegaConf.is_interpolation(node, name) and isinstance(node[name], DictConfig):
            yield from _missing(node[name], f"{prefix}{name}.")


def _chosen(key: str, choices: Mapping[str, Any]) -> str:
    group = key.partition(".")[0]
    return f"{group}={choices[group]}" if group in choices else group


def _interpolation_key(message: str) -> str:
    """OmegaConf names the missing key in its message only: ``Interpolation key 'data.channels' not found``."""
    return message.partition("'")[2].partition("'")[0]


def leaves(node: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of a config with its dotted key; a list of plain values is one value."""
    if isinstance(node, Mapping):
        for name, value in node.items():
            yield from leaves(value, f"{key}.{name}" if key else str(name))
    else:
        yield key, node
