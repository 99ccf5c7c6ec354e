"""`debug=profile`: self times do not contain the time of nested actions."""

from __future__ import annotations

from netyard.callbacks.profiler import OwnTime


def test_nested_time_is_counted_once(monkeypatch) -> None:
    clock = iter([0.0, 0.0, 1.0, 3.0, 3.0, 4.0, 10.0, 12.0, 12.0])
    monkeypatch.setattr("netyard.callbacks.profiler.time.perf_counter", lambda: next(clock))
    profiler = OwnTime()
    with profiler.profile("epoch"):  # 0 to 10
        for _ in range(2):  # 1 to 3, 3 to 4
            with profiler.profile("[Strategy]Single.step"):
                pass
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in profiler.summary().splitlines()[2:]]
    assert rows == [
        ["epoch", "1", "7.0000", "58.3"],
        ["Single.step", "2", "3.0000", "25.0"],
        ["outside of all actions", "1", "2.0000", "16.7"],
    ]
