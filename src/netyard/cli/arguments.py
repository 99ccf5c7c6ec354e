"""Parse the arguments of a subcommand: ``name=value``, directories, ``--help``."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from netyard.config.suggest import no_such_option
from netyard.errors import ConfigError

# -h and --help are accepted anywhere on the command line.
HELP_FLAGS = frozenset({"-h", "--help"})


def asks_for_help(arguments: Sequence[str]) -> bool:
    return bool(HELP_FLAGS & {*arguments})


def with_run(arguments: Sequence[str], command: str, second: str | None = None) -> list[str]:
    """The arguments of a command for one run, each as ``name=value``.

    A bare ``RUN_DIR`` is ``run=RUN_DIR``, and ``--name value`` is ``name=value``, as in every other command. The file
    of a checkpoint stands for its run, and for ``which=``.

    Args:
        second: the option that a second bare word stands for.

    Raises:
        ConfigError: several runs are named, or an option of the last word has no value.
    """
    pairs = list(_without_dashes(arguments))
    named = [text for text in pairs if text.startswith("run=")]
    words = [text for text in pairs if "=" not in text and not text.startswith(("-", "~"))]
    # A directory's name may look like an override: hydra.job.override_dirname is "model=mlp,seed=0".
    if not (named or words):
        words = [text for text in pairs if (Path(text).expanduser() / ".hydra").is_dir()][:1]
    other: list[str] = []
    if second is not None and len(words) == 2 - len(named) and not any(text.startswith(f"{second}=") for text in pairs):
        # In either order; if neither is a run, the last word is not.
        other = [text for text in words if not (Path(text).expanduser() / ".hydra").is_dir()][-1:]
    runs = [*named, *(text for text in words if text not in other)]
    if len(runs) > 1:
        raise ConfigError(
            f"{len(runs)} directories were given, {', '.join(runs[:4])};",
            f"netyard {command} takes one run, and everything else is name=value;",
            f"type netyard {command} RUN_DIR.",
        )
    full = [f"{second}={text}" if text in other else f"run={text}" if text in words else text for text in pairs]
    return list(_with_checkpoint(full))


def _without_dashes(arguments: Sequence[str]) -> Iterator[str]:
    waiting = ""  # an option --name whose value is the next argument
    for text in arguments:
        if waiting:
            yield f"{waiting}={text}"
            waiting = ""
        elif text.startswith("--") and text not in HELP_FLAGS:
            name, sign, value = text[2:].partition("=")
            name = name.replace("-", "_")
            if sign:
                yield f"{name}={value}"
            else:
                waiting = name
        else:
            yield text
    if waiting:
        raise _no_value(waiting)


def _with_checkpoint(arguments: Sequence[str]) -> Iterator[str]:
    """``run=RUN_DIR/checkpoints/last.ckpt`` as ``run=RUN_DIR which=last``."""
    for text in arguments:
        path = Path(text.removeprefix("run="))
        if text.startswith("run=") and path.suffix == ".ckpt" and path.parent.name == "checkpoints":
            yield f"run={path.parent.parent}"
            if not any(each.startswith("which=") for each in arguments):
                yield f"which={path.stem}"
        else:
            yield text


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
        raise _no_value(waiting)
    return places, options


def _no_value(name: str) -> ConfigError:
    return ConfigError(f"{name} was given no value;", "an option is name=value;", f"try {name}=VALUE.")


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
