"""The nearest names for a mistyped one, and the errors for unknown keys and options. Imports no torch."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from difflib import get_close_matches

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from netyard.config import catalog, flatten, synonyms, trainer_keys
from netyard.config.compose import compose
from netyard.config.schema import GLOBALS
from netyard.errors import ConfigError
from netyard.io.process import train_command
from netyard.io.readable import listed

REPLACED = {
    "task.anomaly_class": (
        "task=anomaly learns normal samples, and tests all others as anomalies;",
        "task=anomaly task.normal=CLASS, the name of the normal class or several, in its place",
    )
}
"""Keys of former versions: what stands in their place, and what to type."""


def nearest(word: str, names: Iterable[str], count: int = 3) -> list[str]:
    """The names most similar to a word, best first; if there are none, those that contain it."""
    names = list(dict.fromkeys(names))
    if alike := synonyms.same(word, names):  # MNIST is mnist, not fashion_mnist
        return [alike]
    # 0.7 of difflib's ratio: at most three wrong letters in ten; lower values suggest unrelated names.
    close = get_close_matches(word, names, n=count, cutoff=0.7)
    return close or [name for name in names if len(word) > 2 and word.lower() in name.lower()][:count]


def did_you_mean(word: str, names: Iterable[str]) -> str:
    """A question for a message; empty if no name is similar."""
    close = nearest(word, names)
    return f"did you mean {' or '.join(repr(name) for name in close)}?" if close else ""


def no_such_option(name: str, known: Collection[str], command: str) -> ConfigError:
    """The error for an option that a subcommand does not have."""
    return ConfigError(
        f"there is no option '{name}';",
        did_you_mean(name, known) or f"options are {listed(known, 30)};",
        f"netyard {command} --help explains them.",
    )


def no_such_key(key: str, line: str, keys: Iterable[str]) -> ConfigError:
    """The error for the override ``line``, whose key is not in the config."""
    # Nobody means the keys of Hydra's own language: data.target is not data._target_.
    keys = [name for name in keys if not name.rpartition(".")[2].startswith("_")]
    if key in REPLACED:
        allowed, instead = REPLACED[key]
        return ConfigError(f"there is no key '{key}' any more;", allowed, f"try {instead}.")
    if fault := trainer_keys.refused(key):
        return fault
    # A key that differs by one letter is a typing mistake, even if another option has the key as typed:
    # model.hidden_size of an MLP means its hidden_sizes.
    if not get_close_matches(key, keys, cutoff=0.9) and (elsewhere := _options_with(key)):
        group = key.partition(".")[0]
        return ConfigError(
            f"the chosen {group} has no key '{key}';",
            f"options with that key are {group}={listed(elsewhere, 8)};",
            f"remove it, or try {group}={elsewhere[0]}.",
        )
    names = [*keys, *catalog.GROUPS]
    last = key.rpartition(".")[2]
    meant = synonyms.KEYS.get(synonyms.plain(last), "").partition("={}")[0]
    # Another tool's name, or the right name in the wrong place: lr=0.1 for optimizer.lr=0.1.
    guess = (
        [meant] * (meant in keys) or nearest(key, names) or [name for name in keys if name.rpartition(".")[2] == last]
    )
    return ConfigError(
        f"there is no key '{key}';",
        f"did you mean {' or '.join(repr(name) for name in guess[:3])}?" if guess else "--cfg job prints all keys;",
        f"try {line.replace(key, guess[0], 1)}." if guess else f"{train_command()} --cfg job prints them.",
    )


def _options_with(key: str) -> list[str]:
    """The options of a group that have a key."""
    group, _, name = key.partition(".")
    if group not in catalog.GROUPS or not name:
        return []
    return [option for option in catalog.options(group) if name in catalog.option_file(group, option)]


def all_keys(overrides: Sequence[str]) -> list[str]:
    """Every dotted key of the config that the choices of options among the overrides compose."""
    # Only choices of options: other overrides may be the mistake, and do not add keys.
    groups = [text for text in overrides if text.partition("=")[0] in catalog.GROUPS]
    for attempt in (groups, []):  # a choice may itself be the mistake
        try:
            cfg, _ = compose([text for text in attempt if "," not in text.partition("=")[2] or "[" in text])
        except (HydraException, OmegaConfBaseException):
            continue
        return [*GLOBALS, *flatten.keys(cfg)]
    return list(GLOBALS)
