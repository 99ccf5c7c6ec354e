"""What the machine does to the processes of a run: one message, its code, and a run that can go on."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import torch

from netyard.cli import main
from netyard.errors import PlatformError
from netyard.io.claim import unclaimed
from netyard.training.fit import _require_device


class Devices(dict[str, Any]):
    def __getattr__(self, name: str) -> Any:
        return self[name]


@pytest.mark.parametrize(("devices", "fine"), [(1, True), (2, True), (-1, True), (3, False), ("auto", True)])
def test_more_devices_than_there_are(monkeypatch: pytest.MonkeyPatch, devices: Any, fine: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    trainer: Any = Devices(accelerator="gpu", devices=devices)
    if fine:
        _require_device(trainer)
        return
    with pytest.raises(PlatformError, match=r"trainer\.devices is 3, and the number of CUDA devices here is 2; .*=2"):
        _require_device(trainer)


def test_evaluate_refuses_what_is_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["evaluate", f"run={tmp_path}"]) == 4
    assert "is not a run directory" in capsys.readouterr().err


def test_runs_of_one_instant_get_directories_of_their_own(tmp_path: Path) -> None:
    wanted, got = str(tmp_path / "2026-01-01" / "12-00-00-mlp-digits"), []
    starts = [threading.Thread(target=lambda: got.append(unclaimed.__wrapped__(wanted))) for _ in range(16)]
    for start in starts:
        start.start()
    for start in starts:
        start.join()
    assert len(set(got)) == 16
    assert all(Path(path).is_dir() for path in got)
