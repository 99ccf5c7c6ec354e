"""Parse the arguments of a subcommand: ``name=value``, directories, ``--help``."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from netyard.config.suggest import no_such_option
from netyard.errors import ConfigError

# -h and --help are accepted anywhere on the command line.
HELP_FLAGS = frozenset({"-h", "--help"})


def asks_for_help(arguments: Sequence[str]) -> bool:
    return bool(HELP_FLAGS & {*arguments})


def with_run(arguments: Sequence[str], command: str) -> list[str]:
    """The arguments, with a bare ``RUN_DIR`` written as ``run=RUN_DIR``.

    Raises:
        ConfigError: several runs are named.
    """
    named = [text for text in arguments if text.startswith("run=")]
    words = [text for text in arguments if "=" not in text and not text.startswith(("-", "~"))]
    # A directory's name may look like an override: hydra.job.override_dirname is "model=mlp,seed=0".
    if not (named or words):
        words = [text for text in arguments if (Path(text).expanduser() / ".hydra").is_dir()][:1]
    if len(named) + len(words) > 1:
        raise ConfigError(
            f"{len(named) + len(words)} directories were given, {', '.join([*named, *words][:4])};",
            f"netyard {command} takes one run, and everything else is name=value;",
            f"type netyard {command} RUN_DIR.",
        )
    return [f"run={text}" if text in words else text for text in arguments]


def require_choice(name: str, value: str, allowed: Sequence[str]) -> str:
    """Raises:
    ConfigError: the value is not one of the allowed ones.
    """
    if value not in allowed:
        raise ConfigError(f"{name} is '{value}';", f"it is {' or '.join(allowed)};", f"try {name}={allowed[0]}.")
    return value


def divided(arguments: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Directories and options. A directory may have an equals sign in its name; ``--max-size 3`` is ``max_size=3``.

    Raises:
        ConfigError: the last option has no value.
    """
    places: list[str] = []
    options: dict[str, str] = {}
    waiting = ""  # an option --name whose value is the next argument
    for text in arguments:
        name, sign, value = text.removeprefix("--").partition("=")
        if waiting:
            options[waiting], waiting = text, ""
        elif text in HELP_FLAGS:
            places.append(text)  # for asks_for_help, which looks at the places
        elif text.startswith("--"):
            name = name.replace("-", "_")
            options[name], waiting = value, "" if sign else name  # --name=value, or --name value
        elif sign and not Path(text).expanduser().exists():  # an existing path is a directory, whatever its name
            options[name] = value
        else:
            places.append(text)
    if waiting:
        raise ConfigError(f"{waiting} was given no value;", "an option is name=value;", f"try {waiting}=VALUE.")
    return places, options


def require_given(options: Mapping[str, str], wanted: Mapping[str, str], command: str) -> None:
    """Raises:
    ConfigError: a required option is missing; ``wanted`` maps each to an example of its value.
    """
    for name, example in wanted.items():
        if not options.get(name):
            raise ConfigError(
                f"{name} was not given;",
                f"netyard {command} needs {' and '.join(f'{each}={value}' for each, value in wanted.items())};",
                f"type {name}={example}.",
            )


def require_options(options: Mapping[str, str], known: Collection[str], command: str) -> None:
    """Raises:
    ConfigError: the command does not have the option, or its value is empty.
    """
    for name, value in options.items():
        if name not in known:
            raise no_such_option(name, known, command)
        if not value:  # "sort=" is more likely a mistake than a request for the default
            raise ConfigError(
                f"{name} was given no value;",
                "an option is name=value;",
                f"type {name}=VALUE, or leave it out.",
            )
