"""The scores of samples: training makes them better, and two ranks score what one process would."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.two_process_scores import FEW, check_two_processes

# Trained for the few seconds a test has, each against itself with one step behind it.
LEARNING = {
    "vae": (["loss=gaussian", "optimizer.lr=0.002", "trainer.max_epochs=20"], 0.5),
    "vq_vae": (["trainer.max_epochs=10"], 0.5),
    "gan": (["task.r1=1", "task.ema_decay=0.9", "optimizer.lr=0.001", "trainer.max_epochs=30"], 0.4),
}


@pytest.mark.parametrize("model", LEARNING)
def test_training_makes_samples_better(train, tmp_path: Path, model: str) -> None:
    settings, share = LEARNING[model]
    taught = train(f"model={model}", *settings, "trainer.check_val_every_n_epoch=10", *FEW, path=tmp_path / "taught")
    assert taught.code == 0, taught.err
    begun = train(
        f"model={model}",
        *settings[:-1],
        "trainer.max_epochs=1",
        "trainer.limit_train_batches=1",
        *FEW,
        path=tmp_path / "begun",
    )
    assert begun.code == 0, begun.err
    distances = [ran.json("results.json")["metrics"]["test/frechet_distance"] for ran in (begun, taught)]
    assert distances[1] < share * distances[0], distances


@pytest.mark.parametrize("model", ["dcgan_tiny", "vae_tiny"])
def test_two_processes_score_what_one_would(command, tmp_path: Path, capsys, model: str) -> None:
    check_two_processes(command, tmp_path, capsys, model)
