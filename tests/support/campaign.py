"""A pytest plugin that remembers what passed, says how far it is, and writes the table of faults into a page.

``make campaign`` loads it. How each test ended is kept in ``.campaign/``: after an interruption, or after a test was
mended, the same command runs what is left. A change of the source, the configuration or what tests share begins anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import time
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

SHARED = ("src", "conf", "pyproject.toml", "constraints.txt", "train.py")
HEAD = "| fault in a run | times | handled |\n| --- | ---: | ---: |\n"
SECONDS_BETWEEN_LINES = 30


def fingerprint(root: Path, paths: Iterable[Path]) -> str:
    """Return a hash of files and folders, by name and content."""
    sha = hashlib.sha256()
    for path in paths:
        for file in sorted(each for each in [path, *path.rglob("*")] if each.is_file()):
            if "__pycache__" not in file.parts:
                sha.update(f"{file.relative_to(root)}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return sha.hexdigest()[:16]


def of_all(root: Path) -> str:
    """Return a hash of what every test depends on: the source, and the files in ``tests`` that are not tests."""
    shared = [path for path in sorted((root / "tests").rglob("*.py")) if not path.name.startswith("test_")]
    return fingerprint(root, [*(root / name for name in SHARED), *shared])


def of_file(root: Path, name: str) -> str:
    """Return a hash of the test file itself, and of ``docs`` for ``tests/system/docs/...``."""
    mirrored = Path(name).parts[2:-1][:1]
    return fingerprint(root, [root / name, *(root / each for each in mirrored)])


class Ledger:
    """How each test ended, a line of JSON each, the last one of a test counting; a line before them says of what.

    Args:
        seed: of the random numbers of all tests; that of the campaign that is gone on with, or a new one, if None.
    """

    def __init__(self, path: Path, root: Path, seed: str | None = None) -> None:
        self._path, self._root = path, root
        self._hashes: dict[str, str] = {}
        self._ended: dict[str, dict[str, Any]] = {}
        self._before: dict[str, float] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        whole = path.read_bytes().rpartition(b"\n")[:2]  # a line that was cut off counts for nothing
        path.write_bytes(b"".join(whole))
        begun: dict[str, Any] = {}
        for line in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
            if "seed" in line:
                begun, self._ended = line, {}
            else:
                self._ended[line["test"]] = line
                self._before[line["test"]] = line["seconds"]
        shared = of_all(root)
        if begun.get("shared") == shared and seed in (None, begun["seed"]):
            self.seed: str = begun["seed"]
        else:
            self.seed, self._ended = seed or str(time.time_ns()), {}
            self._write({"shared": shared, "seed": self.seed})

    def add(self, test: str, outcome: str, seconds: float, rows: list[Any], session: str, minutes: float) -> None:
        """Write down how a test ended, so many minutes after its session began."""
        self._ended[test] = line = {
            "test": test, "file": self._hash(test), "outcome": outcome, "seconds": round(seconds, 3), "rows": rows,
            "session": session, "minutes": round(minutes, 2),
        }  # fmt: skip
        self._write(line)

    def passed(self) -> set[str]:
        """The tests that have passed, or were skipped, as their files are now."""
        return {test for test, line in self._current().items() if line["outcome"] != "failed"}

    def count(self, outcome: str) -> int:
        return sum(line["outcome"] == outcome for line in self._current().values())

    def minutes(self) -> float:
        """How long the sessions took, each up to the test that ended last in it."""
        sessions: dict[str, float] = {}
        for line in self._ended.values():
            sessions[line["session"]] = max(line["minutes"], sessions.get(line["session"], 0.0))
        return sum(sessions.values())

    def expected(self, test: str) -> float | None:
        """The seconds that a test took when it was last run."""
        return self._before.get(test)

    def table(self) -> dict[str, tuple[int, int]]:
        """What was done -> how often, and how often it was withstood, which a test that failed did not."""
        found: dict[str, tuple[int, int]] = {}
        for _, line in sorted(self._current().items()):
            for what, times, withstood in line["rows"]:
                before = found.get(what, (0, 0))
                found[what] = before[0] + times, before[1] + withstood * (line["outcome"] != "failed")
        return found

    def _current(self) -> dict[str, dict[str, Any]]:
        return {test: line for test, line in self._ended.items() if line["file"] == self._hash(test)}

    def _hash(self, test: str) -> str:
        name = test.partition("::")[0]
        if name not in self._hashes:
            self._hashes[name] = of_file(self._root, name)
        return self._hashes[name]

    def _write(self, line: dict[str, Any]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def write_table(page: Path, table: dict[str, tuple[int, int]], about: str) -> None:
    """Replace the table of faults of a page, and the line above it.

    Raises:
        ValueError: the page has no such table.
    """
    rows = "".join(f"| {what} | {times:,} | {withstood:,} |\n" for what, (times, withstood) in table.items())
    changed, found = re.subn(
        rf"[^\n]*\n\n{re.escape(HEAD)}(\|[^\n]*(\n|$))*",
        lambda _: f"{about}\n\n{HEAD}{rows}",
        page.read_text(encoding="utf-8"),
        count=1,
    )
    if not found:
        raise ValueError(f"{page} has no table that begins with {HEAD.splitlines()[0]}")
    page.write_text(changed, encoding="utf-8")


class Campaign:
    """The plugin of the main process: writes the outcome of each test into the ledger."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self.ledger = Ledger(
            config.rootpath / ".campaign" / "ledger.jsonl", config.rootpath, os.environ.get("NETYARD_SEED")
        )
        os.environ["NETYARD_SEED"] = self.ledger.seed  # of the processes that xdist starts now
        self.passed = self.ledger.passed()
        self._session, self._began, self._said = str(time.time_ns()), time.monotonic(), time.monotonic()
        self._left: dict[str, float] = {}
        self._reports: dict[str, list[pytest.TestReport]] = {}
        self._count: int | None = None
        self._work = 0.0

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """The same for each process of xdist, whenever it starts."""
        node.workerinput["passed"] = sorted(self.passed)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        if self._count is None:  # all processes collect the same
            self._expect(ids)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._expect([item.nodeid for item in session.items])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        reports = self._reports.setdefault(report.nodeid, [])
        reports.append(report)
        if report.when in ("setup", "call"):  # the last is of the teardown, or says that the process died
            return
        del self._reports[report.nodeid]
        seconds = sum(each.duration for each in reports)
        outcomes = {each.outcome for each in reports}
        outcome = next((each for each in ("failed", "skipped") if each in outcomes), "passed")
        rows = [value for name, value in report.user_properties if name == "campaign"]
        self.ledger.add(report.nodeid, outcome, seconds, rows, self._session, self._minutes())
        self._work += self._left.pop(report.nodeid, 0.0)
        now = time.monotonic()
        if now - self._said >= SECONDS_BETWEEN_LINES or not self._left:
            self._said = now
            self._say(self.progress())

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the table once every test of a whole campaign has ended."""
        ended = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)
        if not ended or self._left or (page := self._config.getoption("table")) is None:
            return
        if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
            session.exitstatus = pytest.ExitCode.OK  # all had passed before
        write_table(self._config.rootpath / page, self.ledger.table(), self.about())
        self._say(f"the table is in {page}")

    def progress(self) -> str:
        count = self._count or 0
        done, elapsed = count - len(self._left), self._minutes()
        left = elapsed * sum(self._left.values()) / self._work if self._work else 0.0
        return (
            f"{done:,} of {count:,}, {self.ledger.count('failed'):,} failed, {elapsed:.0f} minutes, "
            f"about {left:.0f} left"
        )

    def about(self) -> str:
        """The line above the table."""
        words = ["git", "-C", str(self._config.rootpath), "describe", "--always", "--dirty"]
        commit = subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip() or "unknown"
        count = self.ledger.count
        return (
            f"Written by `make campaign` on {date.today()} at commit {commit}, seed {self.ledger.seed}: "
            f"{count('passed'):,} tests passed, {count('failed'):,} failed, {count('skipped'):,} skipped, "
            f"in {self.ledger.minutes():.0f} minutes."
        )

    def _expect(self, tests: list[str]) -> None:
        """What is left, by the seconds that each is thought to take: as last time, or as most do."""
        known = {test: self.ledger.expected(test) for test in tests}
        seconds = [each for each in known.values() if each is not None]
        mean = sum(seconds) / len(seconds) if seconds else 1.0
        self._left = {test: mean if each is None else each for test, each in known.items()}
        self._count = len(tests)
        self._say(f"seed {self.ledger.seed}; {len(self.passed):,} tests have passed before, {self._count:,} are left")

    def _minutes(self) -> float:
        return (time.monotonic() - self._began) / 60

    def _say(self, line: str) -> None:
        if reporter := self._config.pluginmanager.get_plugin("terminalreporter"):
            reporter.ensure_newline()
            reporter.write_line(f"campaign: {line}", flush=True)


class Rest:
    """The plugin of a worker process: skips tests that have passed before."""

    def __init__(self, passed: set[str]) -> None:
        self._passed = passed

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        before = [item for item in items if item.nodeid in self._passed]
        items[:] = [item for item in items if item.nodeid not in self._passed]
        config.hook.pytest_deselected(items=before)

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """No dots: a line says how far it is."""
        return ("passed", "", "") if report.passed and report.when == "call" else None


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--table", help="the page whose table of faults is written once no test is left", metavar="PAGE")


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):  # a process of xdist
        config.pluginmanager.register(Rest({*config.workerinput["passed"]}), "campaign rest")
        return
    campaign = Campaign(config)
    config.pluginmanager.register(campaign, "campaign")
    config.pluginmanager.register(Rest(campaign.passed), "campaign rest")
