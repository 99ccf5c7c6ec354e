"""``name=value`` behind a subcommand, and whether it asks for help."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from netyard.config.suggest import no_such_option
from netyard.errors import ConfigError

HELP_FLAGS = frozenset({"-h", "--help"})


def asks_for_help(arguments: Sequence[str]) -> bool:
    return bool(HELP_FLAGS & {*arguments})


def with_run(arguments: Sequence[str], command: str) -> list[str]:
    """What was typed, with ``RUN_DIR`` as a word spelled out as ``run=RUN_DIR``.

    Raises:
        ConfigError: several runs are named.
    """
    named = [text for text in arguments if text.startswith("run=")]
    words = [text for text in arguments if "=" not in text and not text.startswith(("-", "~"))]
    if not (named or words):  # a run's directory may be named as a job's overrides are
        words = [text for text in arguments if (Path(text).expanduser() / ".hydra").is_dir()][:1]
    if len(named) + len(words) > 1:
        raise ConfigError(
            f"{len(named) + len(words)} directories were given, {', '.join([*named, *words][:4])};",
            f"netyard {command} is of one run, and everything else is name=value;",
            f"type netyard {command} RUN_DIR.",
        )
    return [f"run={text}" if text in words else text for text in arguments]


def require_choice(name: str, value: str, allowed: Sequence[str]) -> str:
    """Raises:
    ConfigError: the value is none of those that an option takes.
    """
    if value not in allowed:
        raise ConfigError(f"{name} is '{value}';", f"it is {' or '.join(allowed)};", f"try {name}={allowed[0]}.")
    return value


def divided(arguments: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Places and options. A place may have an equals sign in its name; ``--max-size 3`` is ``max_size=3``."""
    places: list[str] = []
    options: dict[str, str] = {}
    waiting = ""
    for text in arguments:
        name, sign, value = text.removeprefix("--").partition("=")
        if waiting:
            options[waiting], waiting = text, ""
        elif text in HELP_FLAGS:
            places.append(text)
        elif text.startswith("--"):
            name = name.replace("-", "_")
            options[name], waiting = value, "" if sign else name
        elif sign and not Path(text).expanduser().exists():
            options[name] = value
        else:
            places.append(text)
    if waiting:
        raise ConfigError(f"{waiting} was given no value;", "an option is name=value;", f"try {waiting}=VALUE.")
    return places, options


def require_given(options: Mapping[str, str], wanted: Mapping[str, str], command: str) -> None:
    """Raises:
    ConfigError: an option, by an example of its value, is not there.
    """
    for name, example in wanted.items():
        if not options.get(name):
            raise ConfigError(
                f"{name} was not given;",
                f"netyard {command} wants {' and '.join(f'{each}={value}' for each, value in wanted.items())};",
                f"type {name}={example}.",
            )


def require_options(options: Mapping[str, str], known: Collection[str], command: str) -> None:
    """Raises:
    ConfigError: an option that the command does not have, or one without a value.
    """
    for name, value in options.items():
        if name not in known:
            raise no_such_option(name, known, command)
        if not value:
            raise ConfigError(
                f"{name} was given no value;",
                "an option is name=value;",
                f"type {name}=VALUE, or leave it out.",
            )
