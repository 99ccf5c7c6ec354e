"""``netyard board [FOLDER]``: TensorBoard, with the jobs of sweeps under names that tell what varies."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from netyard.cli.arguments import divided, require_options
from netyard.cli.command import Command, Option
from netyard.errors import CheckpointError, ConfigError
from netyard.run_directories.directory import RunDir, outputs
from netyard.run_directories.records import MARKS

INTERVAL = 5.0  # seconds between two looks for new runs
LENGTH = 120  # characters of a name; a file system takes 255 bytes


def board(arguments: Sequence[str]) -> int:
    """Run TensorBoard until Ctrl-C; returns its exit code.

    Raises:
        CheckpointError: there is no such folder.
        ConfigError: an option.
    """
    places, options = divided(arguments)
    require_options(options, COMMAND.options, "board")
    if len(places) > 1:
        raise ConfigError(
            f"{len(places)} folders were given;",
            "a board shows one, with all runs below it;",
            "try netyard board outputs.",
        )
    folder = Path(places[0]).expanduser() if places else outputs()
    if places and not folder.is_dir():
        raise CheckpointError(
            f"{folder} is {'a file' if folder.exists() else 'not there'};",
            "a board shows the runs in and below a folder, outputs/ where none is given;",
            "try netyard board outputs.",
        )
    with named(folder) as shown:
        where = [f"--logdir={shown}", f"--host={options.get('host', 'localhost')}"]
        where += [f"--port={options['port']}"] if "port" in options else []
        try:
            return subprocess.run([sys.executable, "-m", "tensorboard.main", *where], check=False).returncode
        except KeyboardInterrupt:  # TensorBoard has got it, too, and ends
            return 0


@contextlib.contextmanager
def named(folder: Path) -> Iterator[Path]:
    """A folder with a link to each run below another one, jobs by number and name; new runs are added meanwhile."""
    with tempfile.TemporaryDirectory(prefix="netyard-board-") as temporary:
        links, ended = Path(temporary), threading.Event()
        known: set[Path] = set()
        try:
            add_links(folder, links, known)
        except OSError:  # a system without links: TensorBoard shows the numbers of jobs
            yield folder
            return

        def watch() -> None:
            while not ended.wait(INTERVAL):
                with contextlib.suppress(OSError):  # a run that was deleted while its folder was read
                    add_links(folder, links, known)

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield links
        finally:
            ended.set()
            thread.join()


def add_links(folder: Path, links: Path, known: set[Path]) -> None:
    """Link each run in and below a folder that is not among the known ones, and add it to them."""
    for place, names, _ in os.walk(folder):
        path = Path(place)
        if any((path / mark).exists() for mark in MARKS):
            names.clear()  # do not walk into checkpoints/ and the like
            if path in known:
                continue
            inside = path.relative_to(folder)
            link = links / inside.parent / link_name(inside.name or path.resolve().name, RunDir(path).job())
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path.resolve(), target_is_directory=True)
            known.add(path)


def link_name(folder: str, job: Mapping[str, object]) -> str:
    """The name of a run in TensorBoard: its folder, and what varies of it if it is a job."""
    name = re.sub(r"[/\\\x00-\x1f]", "_", str(job.get("name") or ""))  # a path as a value is no folder
    text = f"{folder} {name}".strip()
    return text if len(text) <= LENGTH else f"{text[: LENGTH - 1]}…"


COMMAND = Command(
    name="board",
    does="Show curves and hyperparameters in TensorBoard, jobs of sweeps by name",
    usage="[FOLDER] [option=value ...]",
    run=board,
    alone=True,
    body=(
        "FOLDER is a run, a sweep, or a folder with any number of them below it; outputs where none is given.",
        Option("port=6006", "of the web server"),
        Option("host=localhost", "0.0.0.0 lets other machines in"),
        "",
        (
            "A job of a sweep is shown by its number and what varies of it, as 0 model=mlp seed=1. tensorboard "
            "--logdir outputs shows the same runs, jobs by their numbers alone."
        ),
    ),
)
