"""Testing a run again: in another way, on other data, and what would have no effect."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from netyard.cli import main
from support.user_files import write_photos


class Scores(NamedTuple):
    code: int
    metrics: dict[str, str]
    err: str


@pytest.fixture
def evaluate(capsys: pytest.CaptureFixture[str]):
    def run(path: Path, *overrides: str) -> Scores:
        capsys.readouterr()
        code = main.main(["evaluate", f"run={path}", *overrides])
        said = capsys.readouterr()
        rows = (line.split("│") for line in said.out.splitlines() if "│" in line)
        return Scores(code, {name.strip(): value.strip() for _, name, value, _ in rows}, said.err)

    return run


def texts(path: Path, *labels: str) -> None:
    lines = [f"a {label} film number {number},{label}" for number in range(20) for label in labels]
    path.write_text("\n".join(["text,label", *lines]), encoding="utf-8")


def test_a_setting_of_the_task_takes_effect(finished, evaluate) -> None:
    plain, sharper = (
        evaluate(finished("variational")),
        evaluate(finished("variational"), "task.importance_samples=1", "task.beta=3"),
    )
    assert plain.code == sharper.code == 0
    assert plain.metrics["test/elbo"] == sharper.metrics["test/elbo"]
    assert float(sharper.metrics["test/nll"]) > float(plain.metrics["test/nll"]), "fewer samples bound it less tightly"
    elbo, kl, loss = (float(sharper.metrics[f"test/{name}"]) for name in ("elbo", "kl", "loss"))
    assert loss == pytest.approx(-elbo + 2 * kl, abs=2e-3)


def test_another_loss_takes_effect(finished, evaluate) -> None:
    smoothed, plain, focal = (
        evaluate(finished("photos"), *other) for other in ((), ("loss=cross_entropy",), ("loss=focal",))
    )
    assert smoothed.code == plain.code == focal.code == 0
    assert smoothed.metrics["test/accuracy"] == focal.metrics["test/accuracy"]
    # The loss of a test is without label smoothing, whatever was trained.
    assert smoothed.metrics["test/loss"] == plain.metrics["test/loss"] != focal.metrics["test/loss"]
    assert smoothed.metrics["test/training_loss"] != smoothed.metrics["test/loss"]
    assert "test/training_loss" not in plain.metrics


@pytest.mark.parametrize(
    ("name", "override", "words"),
    [
        ("photos", "model=mlp", ["model cannot be changed in a test", "data, loss, task", "take model out"]),
        ("photos", "task.net.channels=[4]", ["task.net.channels cannot be changed"]),
        ("photos", "optimizer.lr=1", ["optimizer.lr cannot be changed"]),
        ("photos", "loss=mse", ["MSELoss does not take class labels", "try loss=cross_entropy"]),
        ("photos", "modle=mlp", ["there is no key 'modle'"]),
        ("variational", "task.importance_samples=0", ["task.importance_samples is 0", "at least 1"]),
        (
            "adversarial",
            "task.ema_decay=0.9",
            ["with another task.ema_decay the task has other weights", "train with it"],
        ),
    ],
)
def test_what_would_have_no_effect_is_refused(finished, evaluate, name: str, override: str, words: list[str]) -> None:
    refused = evaluate(finished(name), override)
    assert refused.code == 2 and not refused.metrics
    assert refused.err.startswith("error: ") and refused.err.count("\n") == 1
    for word in words:
        assert word in refused.err


def test_other_pictures_of_the_same_classes_are_scored(finished, evaluate, tmp_path: Path) -> None:
    write_photos(tmp_path / "same", 12, ("blue", "red"))
    plain, other = evaluate(finished("photos")), evaluate(finished("photos"), f"data.root={tmp_path / 'same'}")
    assert plain.code == other.code == 0 and plain.metrics["test/loss"] != other.metrics["test/loss"]


@pytest.mark.parametrize("classes", [["blue", "green"], ["Blue", "Red"], ["azure", "blue"]])
def test_pictures_of_other_classes_are_refused(finished, evaluate, tmp_path: Path, classes: list[str]) -> None:
    write_photos(tmp_path / "other", 12, tuple(classes))
    refused = evaluate(finished("photos"), f"data.root={tmp_path / 'other'}")
    assert refused.code == 3 and not refused.metrics
    assert f"the classes of the data are {', '.join(classes)}; " in refused.err
    assert "the run was trained on are blue, red, and from number" in refused.err
    assert "test on data with the same classes" in refused.err


def test_a_network_that_knows_no_classes_takes_any(finished, evaluate, tmp_path: Path) -> None:
    write_photos(tmp_path / "other", 12, ("blue", "green"))
    assert evaluate(finished("coded_photos"), f"data.root={tmp_path / 'other'}").code == 0


def test_texts_of_other_classes_are_refused(finished, evaluate, tmp_path: Path) -> None:
    texts(tmp_path / "same.csv", "bad", "good")
    assert evaluate(finished("opinions"), f"data.path={tmp_path / 'same.csv'}").code == 0
    texts(tmp_path / "other.csv", "good", "dull")
    refused = evaluate(finished("opinions"), f"data.path={tmp_path / 'other.csv'}")
    assert refused.code == 3
    assert "contains the class 'dull', which the network was trained without; classes are bad, good" in refused.err


def test_samples_are_judged_beside_other_pictures(finished, evaluate) -> None:
    """Whose classifier is taught in the middle of the test."""
    other = evaluate(finished("adversarial"), "data=fake", "data.channels=1", "data.image_size=8", "data.size=200")
    assert other.code == 0, other.err
    assert float(other.metrics["test/frechet_distance"]) > 0
