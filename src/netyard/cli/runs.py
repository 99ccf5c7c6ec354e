"""``netyard runs [FOLDER...] [key=pattern] [option=value]``: a table of runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from netyard.cli.arguments import divided, require_choice
from netyard.cli.command import Command, Option
from netyard.config import catalog, schema
from netyard.config.suggest import did_you_mean
from netyard.errors import CheckpointError, ConfigError
from netyard.io.process import train_command
from netyard.reports import run_list
from netyard.reports.tables import STATES
from netyard.run_directories.directory import outputs
from netyard.run_directories.records import Run, gather

OPTIONS = ("jobs", "sort", "format")  # every other name=value is a filter
QUICK = ("state", "seed", *catalog.GROUPS)  # filters that do not need the full config of each run


def runs(arguments: Sequence[str]) -> str:
    """Return the table to print.

    Raises:
        CheckpointError: there is no such folder.
        ConfigError: a filter, an option, or a key that no run has.
    """
    places, typed = divided(arguments)  # filters cannot be listed in advance: any key of a config is one
    folders = [Path(place).expanduser() for place in places or [str(outputs())]]
    for folder in folders:
        if not folder.is_dir():
            raise CheckpointError(
                f"{folder} is {'a file' if folder.exists() else 'not there'};",
                "runs are looked for in and below folders, outputs/ where none is given;",
                f"try netyard runs FOLDER, or {train_command()} first.",
            )
    options = {
        name: require_choice(name, value, COMMAND.options[name]) for name, value in typed.items() if name in OPTIONS
    }
    filters = {name: value for name, value in typed.items() if name not in OPTIONS}
    _require_filters(filters)
    # Parsing the YAML of every run takes most of the time, and few filters need it.
    found, notes = gather(folders, settings=not {*filters} <= {*QUICK})
    _require_keys(filters, found)  # a mistyped key would otherwise just match no run
    matching = [run for run in found if run_list.matches(run, filters)]
    lines = run_list.lines(matching, options.get("jobs") == "true", options.get("sort", "age"))
    if options.get("format") == "csv":  # without the notes, so that programs can parse it
        return run_list.comma_separated(lines)
    where = ", ".join(map(str, folders))
    if not lines:
        asked = " ".join(f"{name}={value}" for name, value in filters.items())
        return f"none of the {len(found)} runs below {where} is {asked}." if found else f"no runs below {where} yet."
    return "\n".join([run_list.table(lines), *(f"skipped: {note}" for note in dict.fromkeys(notes))])  # each note once


def _require_filters(filters: dict[str, str]) -> None:
    for name, value in filters.items():
        group = name.partition(".")[0]
        if name not in QUICK and group not in (*catalog.GROUPS, *schema.GLOBALS):
            known = (*OPTIONS, *QUICK)
            raise ConfigError(
                f"there is no filter or option '{name}';",
                did_you_mean(name, known) or f"they are {', '.join(known)}, and keys as data.batch_size;",
                "netyard runs --help explains them.",
            )
        if not value:
            raise ConfigError(f"{name} was given no value;", "a filter is key=pattern;", f"try {name}='*'.")
    states = ("stale", *STATES)
    for state in filters.get("state", "").split(","):
        # A glob may match nothing; a plain word has to be a state.
        if state and not any(sign in state for sign in "*?[") and state not in states:
            raise ConfigError(
                f"state is '{state}';",
                did_you_mean(state, states) or f"states are {', '.join(states)};",
                "try state=failed.",
            )


def _require_keys(filters: dict[str, str], found: Sequence[Run]) -> None:
    # Only with runs to compare with: in an empty folder every key would be unknown.
    for name in filters:
        if name not in QUICK and found and name not in (known := run_list.keys(found)):
            raise ConfigError(
                f"no run has a key '{name}';",
                did_you_mean(name, known) or "a filter is a key of their configs;",
                "netyard runs --help explains filters.",
            )


COMMAND = Command(
    name="runs",
    does="List runs, newest first",
    usage="[FOLDER...] [key=pattern ...] [option=value ...]",
    run=runs,
    body=(
        "The runs in and below the folders, outputs/ where none is given; newest first, a sweep on one line.",
        Option("model=resnet*", "runs whose model matches; also data, task, optimizer and every other group"),
        Option(
            "state=failed",
            "completed, running, failed, interrupted, pruned, pending, unreadable, or stale: "
            "in state running, but its process does not exist",
            values=("stale", *STATES),
        ),
        "  optimizer.lr=0.1 runs with this value in their config; also seed=0, tags=baseline, data.batch_size=64",
        Option("jobs=true", "list the jobs of sweeps separately", values=("true", "false")),
        Option("sort=age", "age (newest first), size, or objective (best first)", values=run_list.SORTS),
        Option(
            "format=md",
            "a table for reading (Markdown), or csv, with all digits, reasons and bytes",
            values=("md", "csv"),
        ),
        "Several values are separated by commas: state=failed,stale",
    ),
    alone=True,
)
