"""Writes ``leaderboard.md`` and ``leaderboard.csv`` of a sweep, and formats the text printed at its end."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from netyard.io.atomic import open_atomically
from netyard.io.readable import short_path
from netyard.reports.configurations import Table, tabulate
from netyard.reports.tables import comma_separated, markdown, states
from netyard.run_directories.data_set import is_ranked
from netyard.run_directories.records import Run, gather

PRINTED = 10  # rows that are printed at the end of a sweep; the files have all


def leaderboard(sweep_dir: Path) -> str:
    """Write both files into a sweep directory atomically; return the text to print at the end of the sweep."""
    runs, notes = gather([sweep_dir])
    tables = tabulate(runs)
    write(sweep_dir, f"Leaderboard of {sweep_dir.name}", tables, runs, notes)
    where = f"leaderboard {short_path(sweep_dir / 'leaderboard.md')}"
    if any(next(run.path.glob("events.out.tfevents.*"), None) for run in runs if run.state == "completed"):
        where = f"dashboard   netyard board {shlex.quote(short_path(sweep_dir))}\n{where}"
    return "\n\n".join([*(markdown(table, PRINTED) for table in tables), f"{states(runs, notes)}\n{where}"])


def page(title: str, tables: Sequence[Table], runs: Sequence[Run], notes: Sequence[str]) -> str:
    """Return every table and the states of all runs, in Markdown."""
    # A sweep whose jobs all failed has a leaderboard too, with the reason of each.
    completed = [run for run in runs if run.state == "completed"]
    ranked = any(map(is_ranked, completed))
    none = (
        "No completed run was validated."
        if ranked
        else "No run has completed that is ranked."
        if completed
        else "No run has completed."
    )
    empty = [] if tables else [none]
    return "\n\n".join([f"# {title}", *map(markdown, tables), *empty, states(runs, notes)]) + "\n"


def write(folder: Path, title: str, tables: Sequence[Table], runs: Sequence[Run], notes: Sequence[str]) -> None:
    """Write ``leaderboard.md`` and ``leaderboard.csv``; the folder is created."""
    with open_atomically(folder / "leaderboard.md") as file:
        file.write(page(title, tables, runs, notes))
    with open_atomically(folder / "leaderboard.csv") as file:
        file.write(comma_separated(tables))
