"""The scores of samples through the command: by another run's classifier, again by ``evaluate``, and asked wrongly."""

from __future__ import annotations

from pathlib import Path

import pytest

from netyard import cli

FEW = ("callbacks.scores.num_val_samples=128", "callbacks.scores.num_test_samples=256", "logger=none")


@pytest.mark.parametrize("model", ["dcgan_tiny", "vae_tiny"])
def test_two_processes_score_what_one_would(command, train, tmp_path: Path, capsys, model: str) -> None:
    words = (f"model={model}", "trainer.max_epochs=2", "task.ema_decay=0.9" if "gan" in model else "task.beta=1", *FEW)
    ran = command("train.py", *words, "trainer=ddp_cpu", f"hydra.run.dir={tmp_path / 'two'}", path=tmp_path / "two")
    assert ran.code == 0, ran.err
    assert ran.out.count("teaching a small classifier") <= 1 and ran.out.count("epoch   1") == 1
    recorded = ran.json("results.json")
    assert recorded["steps"] == 40
    assert cli.main(["evaluate", f"run={ran.path}", "trainer=cpu"]) == 0
    printed = capsys.readouterr().out
    for name in ("frechet_distance", "kernel_distance", "precision", "recall", "density", "coverage", "diversity"):
        line = next(line for line in printed.splitlines() if f"test/{name} " in line)
        assert float(line.split("│")[2]) == pytest.approx(recorded["metrics"][f"test/{name}"], abs=1e-3, rel=1e-3)
