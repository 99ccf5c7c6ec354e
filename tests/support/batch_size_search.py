"""Checks the batch size that `debug=batch_size` suggests, and the measured rates."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from netyard.callbacks import batch_size_finder
from support.command_result import Ran
from support.event_files import has_image


def check_suggested_size(train: Callable[..., Ran], overrides: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """All powers of two are timed, and a size with about the best rate is suggested and plotted."""
    monkeypatch.setattr(batch_size_finder, "MIN_SECONDS", 0.01)
    ran = train(*overrides, "debug=batch_size", "callbacks.batch_size.max_size=32")
    assert ran.code == 0, ran.err
    rows = [line.strip("|").split("|") for line in ran.out.splitlines() if line.startswith("| ")][1:]
    rates = {int(row[0]): float(row[1].replace(",", "")) for row in rows if row[0].strip().isdecimal()}
    assert list(rates) == [1, 2, 4, 8, 16, 32]
    suggested = int(ran.out.partition("try data.batch_size=")[2].partition(",")[0])
    assert rates[suggested] >= 0.89 * max(rates.values())
    assert (ran.path / "batch_size.png").is_file() and has_image(ran.path, "debug/batch_size")
