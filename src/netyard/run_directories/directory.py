"""The directory of a run: its lock, and the small files that record its state. Imports no torch."""

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
from netyard.config.overrides import argument
from netyard.errors import CheckpointError, ConfigError
from netyard.io import redact, safe_yaml
from netyard.io.atomic import write_atomically
from netyard.io.buffered_writer import warn
from netyard.io.claim import remove_if_empty, unwritable
from netyard.io.finite_json import finite
from netyard.io.process import is_main_process, train_command
from netyard.run_directories import lock, manifest

WHICH = ("best", "last")
"""The checkpoints of a run that a command can name: that of the best epoch, and the newest."""


def outputs() -> Path:
    """Return the folder below which runs are written; the same default as in ``conf/train.yaml``."""
    return Path(os.environ.get("NETYARD_OUTPUTS", "outputs"))


# For each run that this process resumes: files to write once the checks have passed (path -> text). Module level,
# because the command and the training code each create a RunDir for the same directory.
_DEFERRED: dict[Path, dict[Path, str]] = {}


class RunDir:
    """The directory of one run. Every process of the run holds one; only the main process writes."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._unwritten: list[Mapping[str, Any]] = []  # rows of metrics.csv that could not be written yet
        # What was here before this run, which ``discard`` keeps. The lock and .hydra/ are excluded: in a sweep they are
        # written before the RunDir of the job is created.
        self._existing = {each for each in self.path.glob("*") if each.name not in (".hydra", lock.NAME)}

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
    def baselines(self) -> Path:
        """The file of ``netyard baseline``, whose directories have no checkpoint."""
        return self.path / "baselines.pt"

    def checkpoint(self, which: str) -> Path:
        """The path of the best or the last checkpoint.

        Raises:
            ConfigError: ``which`` is another word.
        """
        if which not in WHICH:
            raise ConfigError(
                f"which is {which!r};",
                "a run keeps two checkpoints: best, of its best epoch, and last, the newest;",
                "try which=best.",
            )
        return self.checkpoints / f"{which}.ckpt"

    @property
    def has_checkpoint(self) -> bool:
        """Whether a checkpoint was saved; then the directory must not be deleted after an error."""
        return self.last.exists() or bool(manifest.read_all(self.checkpoints))

    @property
    def is_sweep_job(self) -> bool:
        """Whether the run is a job of a sweep; a sweep keeps the directories of failed jobs."""
        return (self.path / "job.json").exists()

    def claim(self, resumed: bool) -> None:
        """Lock the directory for this process, and check that it is writable, before anything is written into it.

        Raises:
            PlatformError: another process uses this directory, or it cannot be written to.
            CheckpointError: it contains another run, which this one does not resume.
        """
        # The lock of rank 0 is for all ranks of the run; the others would find it taken.
        if not is_main_process():
            return
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if lock.acquire(self.path):
                # On a full disk or a read-only mount a file can often be created, but not written, synced or renamed.
                write_atomically(self.path / ".probe", "")
                (self.path / ".probe").unlink()
        except OSError as error:
            self.release()  # without it, a later run of this process would take the directory for its own
            raise unwritable(self.path, error) from error
        # A resumed run has a status.json, of the run that it continues.
        if not resumed:
            self.refuse_if_taken()

    def release(self) -> None:
        """Unlock the directory and drop its deferred files."""
        lock.release(self.path)
        _DEFERRED.pop(self.path.resolve(), None)

    def defer(self, path: Path, text: str) -> None:
        """Write this file only when ``confirm_resume`` is called: until then the resume may still be refused."""
        _DEFERRED.setdefault(self.path.resolve(), {})[path] = text

    @property
    def resume_pending(self) -> bool:
        """Whether a resume has been requested and not yet accepted; until then no file of the run changes."""
        return self.path.resolve() in _DEFERRED

    def confirm_resume(self) -> None:
        """Accept a resume: write the deferred files and set the state to running. Does nothing for a new run."""
        if self.resume_pending:
            # Without sync: the state of the run is safe in its checkpoint, and these say only how it was continued.
            for path, text in _DEFERRED.pop(self.path.resolve()).items():
                write_atomically(path, text, sync=False)
            self.set_state("running")

    def refuse_if_taken(self) -> None:
        """Raises:
        PlatformError: another process uses this directory.
        CheckpointError: it already contains a run.
        """
        lock.refuse_if_held(self.path)
        if (self.path / "status.json").exists():
            raise CheckpointError(
                f"{self.path} already contains a run;",
                "a run directory belongs to one run, which resume= continues;",
                f"try {argument('resume', self.path)}, or another hydra.run.dir.",
            )

    def discard(self) -> None:
        """Delete the files of a run that never started; files older than this object stay."""
        if is_main_process() and self.path.is_dir():
            for path in set(self.path.iterdir()) - self._existing:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            remove_if_empty(self.path)

    def status(self) -> dict[str, Any]:
        """The content of ``status.json``; empty if there is no such file."""
        return self._read("status.json")

    def results(self) -> dict[str, Any]:
        """The content of ``results.json``; empty if there is no such file."""
        return self._read("results.json")

    def job(self) -> dict[str, Any]:
        """The content of ``job.json``, which a sweep writes for its jobs; empty if there is no such file."""
        return self._read("job.json")

    def set_state(self, state: str, error: str | None = None) -> None:
        """Write ``status.json``. States: running, completed, failed, interrupted, pruned."""
        # While a resume may still be refused, the state of the old run (completed, say) must stay.
        if not is_main_process() or self.resume_pending:
            return
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        self._write(
            "status.json",
            {
                "state": state,
                "started": now if state == "running" else self.status().get("started", now),
                "ended": None if state == "running" else now,
                # With these two, readers find out that a "running" run was killed and could not say so.
                "pid": os.getpid(),
                "host": socket.gethostname(),
                "error": error,
            },
        )

    def write_results(self, results: Mapping[str, Any]) -> None:
        self._write("results.json", results)

    def append_metrics(self, row: Mapping[str, Any]) -> None:
        """Add an epoch's row to ``metrics.csv``; a row of the same or a later epoch is replaced (after a resume).

        Rows that cannot be written now (disk full) are written with a later row. Nothing is written if the directory
        has been deleted.
        """
        # The whole file is written again: rows must go, and a new metric adds a column. An epoch takes much longer.
        path = self.path / "metrics.csv"
        self._unwritten.append(row)
        rows: list[Mapping[str, Any]] = []
        try:
            if path.exists():
                first = min(int(each["epoch"]) for each in self._unwritten)
                with path.open(newline="", encoding="utf-8") as file:
                    rows = [old for old in csv.DictReader(file) if int(old["epoch"]) < first]
            rows += self._unwritten
            columns = list(dict.fromkeys(key for each in rows for key in each))  # in order of appearance
            if self.path.is_dir():
                write_atomically(path, _csv(columns, rows))
        except OSError as error:
            warn(path, error)  # a table is no reason to stop the training
        else:
            self._unwritten = []

    def overrides(self) -> list[str]:
        """Return the overrides that the run was started with, without ``resume=``; raises like ``require``."""
        self.require()
        path = self.path / ".hydra" / "overrides.yaml"
        # safe_yaml: a run directory may come from somebody else.
        typed = safe_yaml.load(path, CheckpointError) or []
        typed = [text for text in typed if not text.startswith("resume=")]
        # Arguments of the Trainer that are in every config now were added with a plus in earlier versions.
        typed = [f"+{text}" if text.startswith("+trainer.") else text for text in typed]
        # The config is read only if an option may have another name now.
        return renamed.overrides(typed, self.composed()[0]) if renamed.ambiguous(typed) else typed

    def composed(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the unresolved config and the option of each group; empty if the run has recorded none."""
        paths = [self.path / ".hydra" / name for name in ("config.yaml", "hydra.yaml")]
        config, node = ((safe_yaml.load(path, CheckpointError) if path.is_file() else None) or {} for path in paths)
        # Keys and classes of earlier versions get their present names.
        choices = node.get("hydra", {}).get("runtime", {}).get("choices", {})
        return renamed.config(config), renamed.choices(choices, config)

    def require(self) -> None:
        """Raises:
        CheckpointError: this is not a run directory.
        """
        # .hydra/ is the first that a run writes; checkpoints and results may be missing.
        if not (self.path / ".hydra" / "overrides.yaml").is_file():
            reason = "it contains no .hydra/" if self.path.exists() else "it does not exist"
            raise CheckpointError(
                f"{self.path} is not a run directory: {reason};",
                f"a run directory is a folder that {train_command()} wrote;",
                "netyard runs lists those below outputs/.",
            )

    def _read(self, name: str) -> dict[str, Any]:
        path = self.path / name
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}

    def _write(self, name: str, content: Mapping[str, Any]) -> None:
        # Atomically: other processes (a sweep, the list of runs) read these files while the run is writing.
        self.path.mkdir(parents=True, exist_ok=True)
        write_atomically(self.path / name, json.dumps(redact.tree(finite(content)), indent=2, allow_nan=False) + "\n")


def _csv(columns: list[str], rows: Iterable[Mapping[str, Any]]) -> str:
    text = StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
