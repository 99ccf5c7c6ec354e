"""``netyard train`` over several ranks."""

from __future__ import annotations

from pathlib import Path


def test_netyard_train_is_train_on_several_devices_too(command, tmp_path: Path) -> None:
    path = tmp_path / "run"
    ran = command("-m", "netyard", "train", "model=mlp_tiny", "debug=smoke", "trainer=ddp_cpu", f"hydra.run.dir={path}")
    assert ran.code == 0, ran.err
    assert "2 x cpu" in (path / "train.log").read_text()
