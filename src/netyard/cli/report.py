"""``netyard report DIR... [option=value]``: compare runs in a table, a page and plots."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from netyard.cli.arguments import divided, require_choice, require_options
from netyard.cli.command import Command, Option
from netyard.config.compose import compose
from netyard.config.suggest import did_you_mean, nearest
from netyard.errors import CheckpointError, ConfigError
from netyard.io.atomic import open_atomically, require_folder
from netyard.io.claim import unwritable
from netyard.io.readable import short_path
from netyard.reports.configurations import Table, tabulate
from netyard.reports.leaderboard import page, write
from netyard.reports.tables import comma_separated
from netyard.run_directories.records import Objective, Run, gather, overrides


def report(arguments: Sequence[str]) -> str:
    """Return the table to print. For one run or sweep, also write its page; other files only if asked for.

    Raises:
        CheckpointError: there is no run in or below a directory, or none that has completed.
        ConfigError: an option, its value, or a metric that no run has.
        PlatformError: the output folder is not writable.
    """
    places, options = _parsed(arguments)
    # The folder is checked before the runs are read, which may take a minute for thousands of them.
    folder = _folder(places, options)
    runs, notes = _found(places)  # notes: files that cannot be read
    # One table for each objective. `unread` is copied before further notes are added: the page has only those.
    tables, unread = tabulate(runs, _metric(runs, options)), list(notes)
    # Not an error: a sweep that has just started has a report, too.
    if not any(run.state == "completed" for run in runs):
        notes = [*notes, "no run has completed: there is nothing to compare yet"]
    title = "Runs below " + ", ".join(short_path(place) for place in places)
    written: list[Path] = []
    if folder is not None:
        if options.get("plots") != "false":
            from netyard.reports import sweep_plots  # imports matplotlib

            written = sweep_plots.draw(tables, folder, places, notes)
        write(folder, title, tables, runs, notes)
        written += [folder / "leaderboard.md", folder / "leaderboard.csv"]
    lines = [f"wrote {short_path(path)}" for path in written]
    # CSV is for another program, which may not expect a page: only files that were asked for are written.
    if folder is not None or options.get("format") != "csv":
        lines += _page_of(places, folder, tables, runs, unread)
    if options.get("format") == "csv":
        return comma_separated(tables).rstrip("\n")
    return "\n".join([page(title, tables, runs, notes).rstrip("\n"), *lines])


def _page_of(
    places: Sequence[Path],
    folder: Path | None,
    tables: Sequence[Table],
    runs: Sequence[Run],
    notes: list[str],
) -> list[str]:
    """Write ``report.html`` of one run or sweep into its directory, or into the folder; returns the lines to print.

    Raises:
        PlatformError: the given folder is not writable.
    """
    place = places[0]
    if len(places) > 1:
        return []  # a page is about one run or one sweep
    if len(runs) == 1 and runs[0].path.resolve() == place.resolve():
        from netyard.reports.run_page import run_page

        # The current defaults are passed in, because reports may not compose configs.
        html = run_page(runs[0], overrides(runs[0].path, notes), _defaults)
    elif (place / "sweep.json").is_file():
        from netyard.reports.sweep_page import sweep_page

        html = sweep_page(place, tables, runs, notes)
    else:
        return []
    path = (folder or place) / "report.html"
    try:
        with open_atomically(path) as file:  # atomically: an older page stays if the disk is full
            file.write(html)
    except OSError as error:
        if folder is not None:
            raise unwritable(folder, error) from error
        # The page was not asked for: a read-only run of another user still gets its table.
        return [f"not written: {short_path(path)}: {error.strerror}; try output=FOLDER"]
    return [f"wrote {short_path(path)}"]


def _defaults(overrides: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The composed config as a plain mapping, not resolved, and the choices; see ``run_page``."""
    cfg, choices = compose(overrides)
    return OmegaConf.to_container(cfg), choices  # type: ignore[return-value]


def _parsed(arguments: Sequence[str]) -> tuple[list[Path], dict[str, str]]:
    places, options = divided(arguments)
    require_options(options, COMMAND.options, "report")
    for name, value in options.items():
        if allowed := COMMAND.options[name]:  # options with a list of values; others are checked where they are used
            require_choice(name, value, allowed)
    if not places:
        raise ConfigError(
            "no directory was given;",
            "a report takes runs, sweeps, or folders with any number of them;",
            "try netyard report outputs.",
        )
    return [Path(place).expanduser() for place in places], options


def _folder(places: Sequence[Path], options: dict[str, str]) -> Path | None:
    """The folder for leaderboard and plots; None if they were not asked for."""
    # Only output= and plots=true ask for these files.
    if "output" not in options and options.get("plots") != "true":
        return None
    if "output" not in options and len(places) > 1:
        raise ConfigError(
            f"plots=true, and {len(places)} directories were given;",
            "plots are written into the only directory, or into the folder of output;",
            "try output=FOLDER.",
        )
    return require_folder(Path(options["output"]) if "output" in options else places[0])


def _found(places: Sequence[Path]) -> tuple[list[Run], list[str]]:
    for place in places:
        if not place.is_dir():
            raise CheckpointError(
                f"{place} is {'a file' if place.exists() else 'not there'};",
                "a report takes directories: of runs, of sweeps, or with any number of them below;",
                "try netyard report outputs.",
            )
    runs, notes = gather(places)
    # Of several directories each has to have a run: an empty one is probably a typing mistake.
    for place in places:
        if not any(run.path.resolve().is_relative_to(place.resolve()) for run in runs):
            unread = [note for note in notes if note.startswith(str(place))]
            raise CheckpointError(
                f"there is no run in {place} or below it{'; ' * bool(unread)}{'; '.join(unread)};",
                "a run's directory has a status.json, a sweep's a sweep.json;",
                "look for yours below outputs/.",
            )
    return runs, notes


def _metric(runs: Sequence[Run], options: dict[str, str]) -> Objective | None:
    """The metric to rank by, if not the objective; its direction is ``mode``, or that of an objective of this name."""
    if "metric" not in options:
        if "mode" in options:
            raise ConfigError(
                f"mode is {options['mode']}, and no metric was given;",
                "an objective has its direction from its run;",
                f"try metric=NAME mode={options['mode']}.",
            )
        return None
    name = options["metric"]
    names = sorted({name for run in runs if run.state == "completed" for name in run.scores})
    if name not in names:
        raise ConfigError(
            f"no run has a metric '{name}';",
            did_you_mean(name, names) or f"their metrics are {', '.join(names) or 'none'};",
            f"try metric={(nearest(name, names) or names)[0]}." if names else "wait until a run has completed.",
        )
    stem = name.partition("/")[2]  # test/accuracy has the direction of val/accuracy
    modes = {each.mode for run in runs for each in run.objectives if each.name.partition("/")[2] == stem}
    modes |= {"min"} if stem == "loss" else set()  # the only name with a direction of its own
    mode = options.get("mode") or (modes.pop() if len(modes) == 1 else "")
    if not mode:
        raise ConfigError(
            f"metric is {name}, and no objective says whether higher is better;",
            "mode is max or min;",
            f"try metric={name} mode=max.",
        )
    return Objective(name, mode)


COMMAND = Command(
    name="report",
    does="Compare runs, best first",
    usage="DIR... [option=value ...]",
    run=report,
    body=(
        (
            "A row for each configuration, best first. DIR is a run, a sweep, or a folder with any number of "
            "them below it."
        ),
        (
            "Of one run, or one sweep, report.html is written into DIR too: a page in one file, to look at and to "
            "send. Of a run it has the command, metrics, curves, confusion matrix, pictures, what was changed of the "
            "defaults, and the environment; of a sweep the leaderboard, curves with bands over seeds, parallel "
            "coordinates and each key's importance."
        ),
        Option("output=FOLDER", "write the page there instead, and leaderboard.md, leaderboard.csv and plots"),
        Option(
            "plots=true",
            "the same into DIR itself, where there is one DIR; false with output: no plots",
            values=("true", "false"),
        ),
        Option(
            "format=md",
            "what is printed: md, a table for reading (Markdown), or csv, with all digits and no page",
            values=("md", "csv"),
        ),
        Option("metric=NAME", "rank by this instead of the objective: metric=test/accuracy"),
        Option(
            "mode=max",
            "whether higher is better (max) or lower (min); needed for metrics that are not an objective",
            values=("max", "min"),
        ),
        "",
        (
            "Runs that differ in nothing but seed and data.fold are one row: mean ± standard deviation (n - 1) "
            "over n of them; of a seed that was run twice the later run counts. Columns are the keys that "
            "differ; what follows from another choice (betas from optimizer=adam) has none. Objectives of "
            "different names have a table each."
        ),
        "  95 % interval    of the mean, from 3 seeds on: Student's t",
        (
            "  1 against 2      the two best rows over the seeds both have: mean difference, and p of a paired "
            "sign-flip test; that"
        ),
        "                   the two are the best of many is not in p",
        "  front            of several objectives: no other row is at least as good in all and better in one",
        (
            "Runs that failed, were pruned or interrupted are counted below the tables, each with its reason; so "
            "are files that cannot be read."
        ),
        "",
        (
            "Plots, PNG: objective_by_KEY (a point for each run, a bar for the mean of a row with several, coloured "
            "by the second key that explains most), parallel_coordinates (coloured by the objective), "
            "learning_curves (mean and deviation of the best six rows), and "
            "parameter_importance of a sweep by Optuna."
        ),
    ),
)
