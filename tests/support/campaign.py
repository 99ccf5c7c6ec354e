"""A pytest plugin that remembers what passed, says how far it is, and writes the table of faults into the README.

``make campaign`` loads it. What passed is kept in ``.campaign/``, by the files that a test depends on: after an
interruption, or after a test was mended, the same command runs what is left. A change of the source, the configuration
or what tests share begins anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHARED = ("src", "conf", "pyproject.toml", "constraints.txt", "train.py", "tests/conftest.py", "tests/support")
HEAD = "| what is done to a run | times | withstood |\n| --- | ---: | ---: |\n"
SECONDS_BETWEEN_LINES = 30


def fingerprint(paths: Iterable[str], root: Path = ROOT) -> str:
    """A hash of all files below some paths, by name and content."""
    sha = hashlib.sha256()
    for path in (root / each for each in paths):
        files = (
            [path] if path.is_file() else sorted(each for each in path.rglob("*") if "__pycache__" not in each.parts)
        )
        for file in filter(Path.is_file, files):
            sha.update(f"{file.relative_to(root)}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return sha.hexdigest()[:16]


class Ledger:
    """What each test came to, a line of JSON each, the last of a test counting; the first line says of what."""

    def __init__(self, path: Path, seed: str | None = None, root: Path = ROOT) -> None:
        """Go on with a file if it is of the same source, and of the same seed if one is given; else begin anew."""
        self._path, self._root = path, root
        self._files: dict[str, str] = {}
        shared = fingerprint(SHARED, root)
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
        if lines and lines[0]["shared"] == shared and seed in (None, lines[0]["seed"]):
            self.seed, self._entries = lines[0]["seed"], {each["test"]: each for each in lines[1:]}
            return
        self.seed, self._entries = seed or str(time.time_ns()), {}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"shared": shared, "seed": self.seed}) + "\n", encoding="utf-8")

    def add(self, test: str, outcome: str, seconds: float, rows: list[Any]) -> None:
        """Write down how a test ended; a line at a time, so that an interruption loses none."""
        entry = {"test": test, "file": self._file(test), "outcome": outcome, "seconds": round(seconds, 3), "rows": rows}
        self._entries[test] = entry
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")

    def passed(self, test: str) -> bool:
        """Whether a test has passed, or was skipped, as its file is now."""
        entry = self._entries.get(test)
        return entry is not None and entry["outcome"] != "failed" and entry["file"] == self._file(test)

    def count(self, outcome: str) -> int:
        return sum(each["outcome"] == outcome for each in self._entries.values())

    @property
    def seconds(self) -> float:
        """Of all tests together, whichever process ran them."""
        return sum(each["seconds"] for each in self._entries.values())

    def table(self) -> dict[str, tuple[int, int]]:
        """What was done -> how often, and how often it was withstood, in the order of the names of the tests."""
        found: dict[str, tuple[int, int]] = {}
        for _, entry in sorted(self._entries.items()):
            for what, times, withstood in entry["rows"]:
                before = found.get(what, (0, 0))
                found[what] = before[0] + times, before[1] + withstood
        return found

    def _file(self, test: str) -> str:
        name = test.partition("::")[0]
        if name not in self._files:
            self._files[name] = fingerprint([name], self._root)
        return self._files[name]


def write_table(page: Path, table: dict[str, tuple[int, int]], about: str) -> None:
    """Replace the table of faults of a page, and the sentence above it.

    Raises:
        ValueError: the page has no such table.
    """
    text = page.read_text(encoding="utf-8")
    rows = "".join(f"| {what} | {times:,} | {withstood:,} |\n" for what, (times, withstood) in table.items())
    changed, found = re.subn(
        rf"[^\n]*\n\n{re.escape(HEAD)}(\|[^\n]*(\n|$))*", lambda _: f"{about}\n\n{HEAD}{rows}", text, count=1
    )
    if not found:
        raise ValueError(f"{page} has no table that begins with {HEAD.splitlines()[0]}")
    page.write_text(changed, encoding="utf-8")


class Campaign:
    """The plugin, in the process that collects and in those that run tests."""

    def __init__(self, config: pytest.Config) -> None:
        self._runs_tests = hasattr(config, "workerinput")
        seed = os.environ.get("NETYARD_SEED") or None
        self.ledger = Ledger(Path(os.environ["NETYARD_CAMPAIGN"]), seed)
        os.environ["NETYARD_SEED"] = self.ledger.seed  # of the processes that xdist starts now
        self._began, self._said = time.monotonic(), 0.0
        self._left = self._done = 0
        self._rows: dict[str, tuple[float, list[Any], str]] = {}

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Leave out what has passed before."""
        left = [item for item in items if not self.ledger.passed(item.nodeid)]
        if len(left) < len(items):
            config.hook.pytest_deselected(items=[item for item in items if self.ledger.passed(item.nodeid)])
        items[:] = left

    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        self._left = len(ids)

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """No dots: a line says how far it is."""
        return ("passed", "", "") if report.passed and report.when == "call" else None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if self._runs_tests:
            return
        seconds, rows, outcome = self._rows.pop(report.nodeid, (0.0, [], "passed"))
        seconds += report.duration
        if report.when == "call":
            rows = [value for name, value in report.user_properties if name == "campaign"]
        outcome = report.outcome if report.outcome != "passed" and outcome != "failed" else outcome
        if report.when != "teardown":
            self._rows[report.nodeid] = seconds, rows, outcome
            return
        self.ledger.add(report.nodeid, outcome, seconds, rows)
        self._done += 1
        self._progress(report.nodeid)

    def _progress(self, test: str) -> None:
        now = time.monotonic()
        if now - self._said < SECONDS_BETWEEN_LINES and self._done < self._left:
            return
        self._said, minutes = now, (now - self._began) / 60
        failed = self.ledger.count("failed")
        print(
            f"\n[{self._done:,} of {self._left:,}, {failed} failed, {minutes:.0f} min] {test}",
            file=sys.stderr,
            flush=True,
        )


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Campaign(config), "campaign")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write the table once every test of a whole campaign has ended."""
    campaign: Campaign = session.config.pluginmanager.get_plugin("campaign")
    if hasattr(session.config, "workerinput") or os.environ.get("NETYARD_CAMPAIGN_PART") or exitstatus not in (0, 1, 5):
        return
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    ledger = campaign.ledger
    about = (
        f"Written by `make campaign` on {date.today()} at commit {commit or 'unknown'}, seed {ledger.seed}: "
        f"{ledger.count('passed'):,} tests passed, {ledger.count('failed')} failed, {ledger.count('skipped')} skipped, "
        f"in {ledger.seconds / 60:.0f} minutes of test time."
    )
    write_table(ROOT / "README.md", ledger.table(), about)
    print(f"\n{about}\nThe table is in README.md.")
