"""A campaign that is killed goes on with what is left, runs again what failed, and then writes its table."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parents[2]
ONE = """
def test_one(record_property):
    print("first", file=open("ran", "a"))
    record_property("campaign", ("killed", 1000, 1000))
"""
OTHER = """
import os, time

def test_failing(record_property):
    record_property("campaign", ("cut off", 3, 3))
    assert os.path.exists("mended"), "it is not mended"
    print("mended", file=open("ran", "a"))

def test_waiting(record_property):
    while not os.path.exists("go"):
        time.sleep(0.05)
    print("waiting", file=open("ran", "a"))
    record_property("campaign", ("killed", 200, 200))
"""
PAGE = "# Title\n\nNever run.\n\n| fault in a run | times | handled |\n| --- | ---: | ---: |\n\nThe end.\n"


def test_a_campaign_goes_on_until_all_has_passed(tmp_path: Path) -> None:
    (tmp_path / "tests" / "unit").mkdir(parents=True)
    (tmp_path / "tests" / "unit" / "test_one.py").write_text(ONE)
    (tmp_path / "tests" / "unit" / "test_other.py").write_text(OTHER)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    page = tmp_path / "README.md"
    page.write_text(PAGE)
    environment = {key: text for key, text in os.environ.items() if not key.startswith(("PYTEST", "NETYARD"))}
    environment["PYTHONPATH"] = str(TESTS)
    words = [sys.executable, "-m", "pytest", "-q", "-p", "support.campaign", "tests"]
    table = ["--table", "README.md"]

    def run(*more: str) -> tuple[int, str]:
        done = subprocess.run(
            [*words, *more], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        return done.returncode, done.stdout + done.stderr

    def ran() -> list[str]:
        return (tmp_path / "ran").read_text().split() if (tmp_path / "ran").exists() else []

    killed = subprocess.Popen([*words, "-n", "2", *table], cwd=tmp_path, env=environment, start_new_session=True)
    ledger, deadline = tmp_path / ".campaign" / "ledger.jsonl", time.monotonic() + 120
    try:
        while not (ledger.exists() and "test_one" in ledger.read_text() and "test_failing" in ledger.read_text()):
            assert time.monotonic() < deadline and killed.poll() is None, "two tests have not ended"
            time.sleep(0.05)
    finally:
        os.killpg(killed.pid, signal.SIGKILL)
        killed.wait()
    assert ran() == ["first"] and page.read_text() == PAGE

    (tmp_path / "go").touch()
    code, said = run("-n", "2", *table)
    assert code == 1 and "it is not mended" in said and "2 of 2, 1 failed" in said, said
    assert ran() == ["first", "waiting"]
    wanted = r"on \S+ at commit \S+, seed \d+: 2 tests passed, 1 failed, 0 skipped, in \d+ minutes\.\n"
    assert re.search(f"\n\nWritten by `make campaign` {wanted}", page.read_text())
    assert page.read_text().endswith("| killed | 1,200 | 1,200 |\n| cut off | 3 | 0 |\n\nThe end.\n")

    (tmp_path / "mended").touch()
    page.write_text(PAGE)
    code, said = run("-k", "failing")
    assert code == 0 and "1 of 1, 0 failed" in said, said
    assert page.read_text() == PAGE, "a part of a campaign writes nothing"
    code, said = run(*table)
    assert code == 0 and "3 tests have passed before, 0 are left" in said, said
    assert "| cut off | 3 | 3 |" in page.read_text() and ran() == ["first", "waiting", "mended"]
