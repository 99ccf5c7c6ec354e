"""A run's directory: who may write into it, and the small files that say how the run stands. Knows no torch."""

from __future__ import annotations

import csv
import json
import os
import shutil
import socket
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from io import StringIO
from pathlib import Path
from typing import Any

from netyard.config import renamed
from netyard.errors import CheckpointError
from netyard.io import redact, safe_yaml
from netyard.io.atomic import write_atomically
from netyard.io.buffered_writer import warn
from netyard.io.claim import no_place, remove_if_empty
from netyard.io.finite_json import finite
from netyard.io.process import is_main_process
from netyard.run_directories import lock, manifest


def outputs() -> Path:
    """The folder that runs are written below, as ``conf/train.yaml`` has it."""
    return Path(os.environ.get("NETYARD_OUTPUTS", "outputs"))


_HELD_BACK: dict[Path, dict[Path, str]] = {}  # of each run that this process resumes, what is to be written


class RunDir:
    """The directory of one run. Every process of the run holds one; only the main process writes."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        # Hydra writes .hydra/ before the job begins, and the lock is taken before that.
        self._unwritten: list[Mapping[str, Any]] = []  # rows that the disk did not take
        self._found = {each for each in self.path.glob("*") if each.name not in (".hydra", lock.NAME)}

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def best(self) -> Path:
        return self.checkpoints / "best.ckpt"

    @property
    def last(self) -> Path:
        return self.checkpoints / "last.ckpt"

    @property
    def begun(self) -> bool:
        """Whether an epoch was trained and saved, so that the directory holds more than a mistake."""
        return self.last.exists() or bool(manifest.known(self.checkpoints))

    @property
    def swept(self) -> bool:
        """Whether the run is a job of a sweep, which keeps the directories of its failures."""
        return (self.path / "job.json").exists()

    def claim(self, resumed: bool) -> None:
        """Take the directory for this process before anything is written into it, and see that something can be.

        Raises:
            PlatformError: another process runs here, or nothing can be written.
            CheckpointError: another run has written here, which this one does not continue.
        """
        if not is_main_process():
            return
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if lock.hold(self.path):
                write_atomically(self.path / ".probe", "")
                (self.path / ".probe").unlink()
        except OSError as error:
            self.release()
            raise no_place(self.path, error) from error
        if not resumed:
            self.refuse_if_taken()

    def release(self) -> None:
        """Give back what was claimed."""
        lock.release(self.path)
        _HELD_BACK.pop(self.path.resolve(), None)

    def hold_back(self, path: Path, text: str) -> None:
        """A file of a run that is resumed, which is written once it goes on: the run may be refused what is asked."""
        _HELD_BACK.setdefault(self.path.resolve(), {})[path] = text

    @property
    def waits(self) -> bool:
        """Whether the run is resumed and does not yet go on; until then it stays what it was."""
        return self.path.resolve() in _HELD_BACK

    def go_on(self) -> None:
        """The run that is resumed goes on from here: say so, and what was typed."""
        if self.waits:
            for path, text in _HELD_BACK.pop(self.path.resolve()).items():
                write_atomically(path, text, sync=False)
            self.mark("running")

    def refuse_if_taken(self) -> None:
        """Raises:
        PlatformError: another process runs here.
        CheckpointError: another run has written here.
        """
        lock.refuse_if_held(self.path)
        if (self.path / "status.json").exists():
            raise CheckpointError(
                f"{self.path} holds a run already;",
                "a run directory is written once, and continued with resume=;",
                f"try resume={self.path}, or another hydra.run.dir.",
            )

    def discard(self) -> None:
        """Remove what a run that never began has left; what was there before this object was made stays."""
        if is_main_process() and self.path.is_dir():
            for path in set(self.path.iterdir()) - self._found:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            remove_if_empty(self.path)

    def status(self) -> dict[str, Any]:
        """What ``status.json`` says; an empty dict where there is none."""
        return self._read("status.json")

    def results(self) -> dict[str, Any]:
        """What ``results.json`` says; an empty dict where there is none."""
        return self._read("results.json")

    def job(self) -> dict[str, Any]:
        """What ``job.json`` says, which a sweep leaves for its jobs; an empty dict where there is none."""
        return self._read("job.json")

    def mark(self, state: str, error: str | None = None) -> None:
        """Write ``status.json``. States: running, completed, failed, interrupted, pruned."""
        if not is_main_process() or self.waits:
            return
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        self._write(
            "status.json",
            {
                "state": state,
                "started": now if state == "running" else self.status().get("started", now),
                "ended": None if state == "running" else now,
                "pid": os.getpid(),
                "host": socket.gethostname(),
                "error": error,
            },
        )

    def write_results(self, results: Mapping[str, Any]) -> None:
        self._write("results.json", results)

    def append_metrics(self, row: Mapping[str, Any]) -> None:
        """Add an epoch's row to ``metrics.csv``; a row of the same or a later epoch is replaced (after a resume).

        What the disk does not take is written with a later row; to a directory that is gone nothing is.
        """
        path = self.path / "metrics.csv"
        self._unwritten.append(row)
        rows: list[Mapping[str, Any]] = []
        try:
            if path.exists():
                first = min(int(each["epoch"]) for each in self._unwritten)
                with path.open(newline="", encoding="utf-8") as file:
                    rows = [old for old in csv.DictReader(file) if int(old["epoch"]) < first]
            rows += self._unwritten
            columns = list(dict.fromkeys(key for each in rows for key in each))
            if self.path.is_dir():
                write_atomically(path, _csv(columns, rows))
        except OSError as error:
            warn(path, error)
        else:
            self._unwritten = []

    def overrides(self) -> list[str]:
        """What was typed to start the run, first to last; see ``require`` for what it raises."""
        self.require()
        path = self.path / ".hydra" / "overrides.yaml"
        typed = safe_yaml.load(path, CheckpointError) or []
        return [text for text in typed if not text.startswith("resume=")]

    def composed(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Its config with interpolations as they are written, and each group's option; empty where not noted."""
        paths = [self.path / ".hydra" / name for name in ("config.yaml", "hydra.yaml")]
        config, node = ((safe_yaml.load(path, CheckpointError) if path.is_file() else None) or {} for path in paths)
        return renamed.config(config), node.get("hydra", {}).get("runtime", {}).get("choices", {})

    def require(self) -> None:
        """Raises:
        CheckpointError: the directory is none of a run.
        """
        if not (self.path / ".hydra" / "overrides.yaml").is_file():
            raise CheckpointError(
                f"{self.path} is not a run directory: {'no .hydra/ in it' if self.path.exists() else 'nothing there'};",
                "a run directory is a folder that a run wrote;",
                "look for yours below outputs/.",
            )

    def _read(self, name: str) -> dict[str, Any]:
        path = self.path / name
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}

    def _write(self, name: str, content: Mapping[str, Any]) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        write_atomically(self.path / name, json.dumps(redact.tree(finite(content)), indent=2, allow_nan=False) + "\n")


def _csv(columns: list[str], rows: Iterable[Mapping[str, Any]]) -> str:
    text = StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
