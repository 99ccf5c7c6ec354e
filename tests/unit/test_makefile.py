"""The Makefile explains itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

MAKEFILE = (Path(__file__).resolve().parents[2] / "Makefile").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "target",
    [
        "help",
        "setup",
        "train",
        "test",
        "check",
        "campaign",
        "mutants",
        "fmt",
        "bench",
        "defaults",
        "board",
        "report",
        "clean",
    ],
)
def test_make_explains_every_target(target: str) -> None:
    assert re.search(rf"^{target}:.*  ## ", MAKEFILE, re.MULTILINE)
