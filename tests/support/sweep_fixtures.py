"""What tests of sweeps share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.failing_jobs import HAPPENING


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a callback of the user's, that jobs can import."""
    (tmp_path / "happening.py").write_text(HAPPENING)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    return tmp_path
