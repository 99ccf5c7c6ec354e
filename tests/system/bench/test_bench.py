"""The benchmarks that measure whole processes."""

from __future__ import annotations

import sys

import pytest

from support.benchmarks import keep_process, script


def test_cpu_seconds_of_a_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    bench = script("startup")
    commands = bench.ways()
    busy = "import time\nwhile time.process_time() < 0.5: pass"
    light = {name: words for name, words in commands.items() if "--help" in words or "query" in words}
    assert len(light) == 2
    monkeypatch.setattr(bench, "ways", lambda: {bench.REFERENCE: ["-c", busy], **light})
    monkeypatch.setattr(sys, "argv", ["bench/startup.py", "--rounds", "1"])
    bench.main()
    rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert [name for name, _, _ in rows] == [bench.REFERENCE, *light]
    assert float(rows[0][1]) >= 0.5 and rows[0][2] == "1.00"


def test_peak_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_process(monkeypatch)
    peak = script("memory").alone("bare tensor loop", ["data=digits", "model=mlp_tiny"])
    assert 50 < peak < 50_000
