"""Which small mistakes in the source would the unit tests not see? mutmut makes the mistakes, this runs the tests.

``make mutants ARGS="netyard.losses*"`` takes patterns of the names of mutants. The tests are collected once, and each
mutant is a fork that runs those tests which reach its function, the quick ones first: mutmut's own runner starts pytest
for each, which takes much longer. All is written below ``mutants/``; ``mutmut show NAME`` prints a mutant.
"""

from __future__ import annotations

import fnmatch
import gc
import json
import os
import resource
import shutil
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

FOLDER = Path("mutants").absolute()
CHILDREN = 2


def make() -> None:
    """Write ``mutants/src``, where each function stands beside its mutants; what has not changed is left as it is."""
    from mutmut.__main__ import create_mutants
    from mutmut.utils.file_utils import copy_also_copy_files, copy_src_dir

    os.environ["MUTANT_UNDER_TEST"] = "mutant_generation"
    FOLDER.mkdir(exist_ok=True)
    copy_src_dir()
    copy_also_copy_files()
    output = os.dup(1)
    _silence(1)  # it names every file
    create_mutants(CHILDREN)
    os.dup2(output, 1)
    os.close(output)
    del os.environ["MUTANT_UNDER_TEST"]


def _silence(*descriptors: int) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for each in descriptors:
        os.dup2(nowhere, each)
    os.close(nowhere)


def names(patterns: list[str]) -> Iterator[str]:
    """The names of the mutants that one of the patterns fits."""
    for path in sorted((FOLDER / "src").rglob("*.py.meta")):
        for name in json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"]:
            if any(fnmatch.fnmatch(name, pattern) for pattern in patterns):
                yield name


class Mutants:
    """A plugin of pytest: in the place of a run of its tests, runs of them with one mutant each."""

    def __init__(self, patterns: list[str]) -> None:
        self.mutants = list(names(patterns))
        self.verdicts: dict[str, str] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        import hydra.core.global_hydra  # noqa: F401
        import lightning.pytorch  # noqa: F401  (what every test's fixtures import, once)
        from mutmut.utils.format_utils import mangled_name_from_mutant_name

        from netyard.config import allowlist  # noqa: F401

        gc.collect()
        gc.freeze()
        self.session = session
        self.place = Path(session.config._tmp_path_factory.getbasetemp())  # type: ignore[attr-defined]
        seconds, reached = self._clean()
        running: dict[int, str] = {}
        for mutant in self.mutants:
            function = mangled_name_from_mutant_name(mutant)
            tests = [item for item in session.items if function in reached[item.nodeid]]
            tests.sort(key=lambda item: seconds[item.nodeid])
            if not tests:
                self.verdicts[mutant] = "no tests"
                continue
            while len(running) >= CHILDREN:
                self._reap(running)
            limit = 5 + int(4 * sum(seconds[item.nodeid] for item in tests))
            running[self._fork(mutant, tests, limit)] = mutant
        while running:
            self._reap(running)
        return True

    def _clean(self) -> tuple[dict[str, float], dict[str, set[str]]]:
        """Of each test, how long it takes and which functions it reaches; all pass, or nothing can be said."""
        noted = FOLDER / "reached.json"
        noted.unlink(missing_ok=True)
        pid = self._fork("stats", self.session.items, 3600, noted)
        _, status = os.waitpid(pid, 0)
        shutil.rmtree(self.place / str(pid), ignore_errors=True)
        if status or not noted.is_file():
            raise pytest.UsageError("a unit test fails without any mutant; run them first")
        found = json.loads(noted.read_text(encoding="utf-8"))
        return {name: each[0] for name, each in found.items()}, {name: set(each[1]) for name, each in found.items()}

    def _fork(self, mutant: str, tests: list[pytest.Item], limit: int, noted: Path | None = None) -> int:
        pid = os.fork()
        if pid:
            return pid
        code = 1
        try:
            from mutmut.mutation.trampoline import set_mutant_under_test
            from mutmut.state import state

            resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 1))
            signal.alarm(limit * 20)
            _silence(1, 2)
            self.session.config.pluginmanager.unregister(name="terminalreporter")
            base = self.place / str(os.getpid())
            base.mkdir()
            self.session.config._tmp_path_factory._basetemp = base  # type: ignore[attr-defined]
            set_mutant_under_test(mutant)
            found = {}
            for item, following in zip(tests, [*tests[1:], None], strict=True):
                state()._stats.clear()
                began = time.process_time()
                self.session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                if self.session.testsfailed:
                    break
                found[item.nodeid] = (time.process_time() - began, sorted(state()._stats))
            else:
                code = 0
            if noted:
                noted.write_text(json.dumps(found), encoding="utf-8")
        finally:
            os._exit(code)

    def _reap(self, running: dict[int, str]) -> None:
        pid, status = os.wait()
        shutil.rmtree(self.place / str(pid), ignore_errors=True)
        self.verdicts[running.pop(pid)] = "survived" if status == 0 else "killed"


def table(verdicts: dict[str, str]) -> str:
    """Of each module, how many of its mutants the tests have seen, in Markdown."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for mutant, verdict in verdicts.items():
        counts[mutant.rpartition(".")[0]][verdict] += 1
    counts["all"] = sum(counts.values(), Counter())
    lines = ["| module | mutants | killed | survived | no tests | share |", "|---|---|---|---|---|---|"]
    for module, count in counts.items():
        cells = [count.total(), count["killed"], count["survived"], count["no tests"]]
        lines.append(f"| {module} | {' | '.join(map(str, cells))} | {count['killed'] / max(count.total(), 1):.1%} |")
    return "\n".join(lines)


def main(patterns: list[str]) -> int:
    from mutmut.configuration import config

    make()
    sys.path.insert(0, str(FOLDER / "src"))
    mutants = Mutants(patterns or ["*"])
    chosen = config().pytest_add_cli_args_test_selection
    code = pytest.main(["-q", "--tb=native", *config().pytest_add_cli_args, *chosen], plugins=[mutants])
    if code == pytest.ExitCode.USAGE_ERROR or not mutants.verdicts:
        return 1
    (FOLDER / "verdicts.json").write_text(json.dumps(mutants.verdicts, indent=1), encoding="utf-8")
    print(table(mutants.verdicts))
    print(*(f"{verdict}: {mutant}" for mutant, verdict in mutants.verdicts.items() if verdict != "killed"), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
