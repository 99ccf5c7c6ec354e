"""The nearest names for a mistyped one, and what is said of a key or an option that there is not. Imports no torch."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from difflib import get_close_matches

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from netyard.config import catalog, flatten
from netyard.config.compose import compose
from netyard.config.schema import GLOBALS
from netyard.errors import ConfigError


def nearest(word: str, names: Iterable[str], count: int = 3) -> list[str]:
    """The names most like a word, best first; a name that contains the word counts as like it."""
    names = list(dict.fromkeys(names))
    close = get_close_matches(word, names, n=count, cutoff=0.7)
    return close or [name for name in names if len(word) > 2 and word.lower() in name.lower()][:count]


def did_you_mean(word: str, names: Iterable[str]) -> str:
    """A question for a message, empty where nothing is near."""
    close = nearest(word, names)
    return f"did you mean {' or '.join(repr(name) for name in close)}?" if close else ""


def no_such_option(name: str, known: Collection[str], command: str) -> ConfigError:
    """What is said to an option that a subcommand does not have."""
    return ConfigError(
        f"there is no option '{name}';",
        did_you_mean(name, known) or f"options are {', '.join(known)};",
        f"netyard {command} --help explains them.",
    )


def no_such_key(key: str, line: str, keys: Iterable[str]) -> ConfigError:
    """The message for ``line``, which overrides a key that is none of the config's."""
    keys = list(keys)
    # A slip of one letter is a slip, whoever else has the key: model.hidden_size of an MLP is its hidden_sizes.
    if not get_close_matches(key, keys, cutoff=0.9) and (elsewhere := _options_with(key)):
        group = key.partition(".")[0]
        return ConfigError(
            f"the chosen {group} has no key '{key}';",
            f"it is one of {group}={', '.join(elsewhere[:8])}{', ...' * (len(elsewhere) > 8)};",
            f"take it out, or try {group}={elsewhere[0]}.",
        )
    names = [*keys, *catalog.GROUPS]
    last = key.rpartition(".")[2]
    guess = nearest(key, names) or [name for name in keys if name.rpartition(".")[2] == last]
    return ConfigError(
        f"there is no key '{key}';",
        f"did you mean {' or '.join(repr(name) for name in guess[:3])}?" if guess else "keys are those of --cfg job;",
        f"try {line.replace(key, guess[0], 1)}." if guess else "python train.py --cfg job prints them.",
    )


def _options_with(key: str) -> list[str]:
    """The options of a group that have a key its chosen one does not."""
    group, _, name = key.partition(".")
    if group not in catalog.GROUPS or not name:
        return []
    return [option for option in catalog.options(group) if name in catalog.option_file(group, option)]


def all_keys(overrides: Sequence[str]) -> list[str]:
    """Every dotted key of the config that the group choices among the overrides make."""
    groups = [text for text in overrides if text.partition("=")[0] in catalog.GROUPS]
    for attempt in (groups, []):  # a choice may itself be the mistake
        try:
            cfg, _ = compose([text for text in attempt if "," not in text.partition("=")[2] or "[" in text])
        except (HydraException, OmegaConfBaseException):
            continue
        return [*GLOBALS, *flatten.keys(cfg)]
    return list(GLOBALS)
