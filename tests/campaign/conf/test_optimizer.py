"""Every optimizer that is listed learns the digits with the settings of its file."""

from __future__ import annotations

import pytest

from netyard.config import catalog


@pytest.mark.parametrize("name", catalog.options("optimizer"))
def test_every_optimizer_learns(train, name: str) -> None:
    ran = train(f"optimizer={name}", "logger=none")
    assert ran.code == 0, ran.err
    assert ran.json("results.json")["metrics"]["test/accuracy"] > 0.85
