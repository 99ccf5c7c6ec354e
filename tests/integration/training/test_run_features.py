"""The scores of samples through the command: by another run's classifier, again by ``evaluate``, and asked wrongly."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from netyard.cli import main
from netyard.training import checkpoint

FEW = ("callbacks.scores.num_val_samples=128", "callbacks.scores.num_test_samples=256", "logger=none")
FEW += ("trainer.limit_train_batches=3",)


def test_another_runs_classifier_judges_and_evaluate_repeats_the_scores(train, finished, capsys) -> None:
    scores = f"callbacks.scores.features={finished('judge')}"
    ran = train("model=vae_tiny", "trainer.max_epochs=1", scores, *FEW)
    assert ran.code == 0, ran.err
    recorded = ran.json("results.json")["metrics"]
    again = train("model=vae_tiny", "trainer.max_epochs=1", *FEW, path=ran.path / "auto").json("results.json")
    assert again["metrics"]["test/elbo"] == recorded["test/elbo"], "who judges is nothing to the run"
    assert again["metrics"]["test/frechet_distance"] != recorded["test/frechet_distance"]
    assert main.main(["evaluate", f"run={ran.path}"]) == 0
    printed = capsys.readouterr().out
    for name in ("frechet_distance", "kernel_distance", "precision", "recall", "density", "coverage", "diversity"):
        line = next(line for line in printed.splitlines() if f"test/{name} " in line)
        assert f" {recorded[f'test/{name}']:.4f} " in line


def test_a_run_is_the_same_whether_its_samples_are_scored_or_not(train, tmp_path: Path) -> None:
    rows = []
    for number, scores in enumerate([FEW, ("callbacks.scores=null", *FEW[2:])]):
        ran = train("model=vae_tiny", "trainer.max_epochs=2", *scores, path=tmp_path / str(number))
        assert ran.code == 0, ran.err
        with (ran.path / "metrics.csv").open(newline="") as file:
            rows.append([{name: row[name] for name in ("train/loss", "val/elbo")} for row in csv.DictReader(file)])
    assert rows[0] == rows[1]


@pytest.mark.parametrize(
    ("overrides", "code", "words"),
    [
        (
            ["callbacks.scores.features=nowhere"],
            4,
            ["nowhere, which has no best checkpoint", "try callbacks.scores"],
        ),
        (["data=fake", "callbacks.scores.features=JUDGE"], 2, ["1 x 8 x 8, and these have 3 x 32 x 32"]),
        (["callbacks.scores.num_test_samples=1"], 2, ["num_test_samples is 1", "at least 2"]),
        (["callbacks.scores=null"], 2, ["task.monitor is val/frechet_distance; validation logs"]),
    ],
    ids=["missing", "other size", "too few", "no scores"],
)
def test_a_mistake_is_answered(train, finished, overrides: list[str], code: int, words: list[str]) -> None:
    given = [text.replace("JUDGE", str(finished("judge"))) for text in overrides]
    ran = train("model=gan_tiny", "trainer.max_epochs=1", *FEW, *given)
    assert ran.code == code, ran.err
    assert ran.err.startswith("error: ") and "Traceback" not in ran.err
    for word in words:
        assert word in ran.err


def test_a_run_that_tells_no_classes_is_no_judge(train, finished) -> None:
    ran = train("model=gan_tiny", f"callbacks.scores.features={finished('reconstruction')}", *FEW)
    assert ran.code == 4 and "task=reconstruction" in ran.err and "an image classifier" in ran.err, ran.err


def test_a_loss_of_nan_ends_the_run_and_keeps_the_checkpoint_of_before(train, monkeypatch) -> None:
    from netyard.tasks.adversarial import Adversarial

    step = Adversarial.training_step

    def breaks(task, batch, batch_idx):
        return step(task, batch, batch_idx) * (float("nan") if task.current_epoch else 1.0)

    monkeypatch.setattr(Adversarial, "training_step", breaks)
    ran = train("model=gan_tiny", "trainer.max_epochs=3", *FEW)
    assert ran.code == 6, ran.err
    assert "the training loss is NaN in epoch 1" in ran.err
    saved = checkpoint.read(ran.path / "checkpoints" / "last.ckpt")
    assert saved["epoch"] == 0 and all(value.isfinite().all() for value in saved["state_dict"].values())
    assert checkpoint.load(ran.path).pictures(2).isfinite().all()
