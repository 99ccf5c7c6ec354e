"""Testing a run again: in another way, on other data, and what would have no effect."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from PIL import Image

from netyard import cli

QUICK = ("trainer.max_epochs=1", "logger=none")


class Scores(NamedTuple):
    code: int
    metrics: dict[str, str]
    err: str


@pytest.fixture
def evaluate(capsys: pytest.CaptureFixture[str]):
    def run(path: Path, *overrides: str) -> Scores:
        capsys.readouterr()
        code = cli.main(["evaluate", f"run={path}", *overrides])
        said = capsys.readouterr()
        rows = (line.split("│") for line in said.out.splitlines() if "│" in line)
        return Scores(code, {name.strip(): value.strip() for _, name, value, _ in rows}, said.err)

    return run


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """A classifier and a coder of pictures in folders, one VAE, one GAN, one classifier of texts."""
    place = tmp_path_factory.mktemp("evaluated")
    folder(place / "animals", ["ape", "bee"])
    texts(place / "texts.csv", ["good", "bad"])
    pictures = ("data=image_folder", f"data.root={place / 'animals'}", "data.image_size=8", "data.num_workers=0")
    chosen = {
        "classifier": ["model=cnn_tiny", "loss=label_smoothing", *pictures],
        "coder": ["model=autoencoder_tiny", *pictures],
        "vae": ["model=vae_tiny", "callbacks.scores=null"],
        "gan": ["model=gan_tiny", "callbacks.scores.num_val_samples=64", "callbacks.scores.num_test_samples=64"],
        "texts": ["model=lstm_tiny", "data=sentiment", f"data.path={place / 'texts.csv'}"],
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["train.py"])
        for name, overrides in chosen.items():
            assert cli.train([*overrides, *QUICK, f"hydra.run.dir={place / name}"]) == 0
        yield {name: place / name for name in (*chosen, "animals", "texts.csv")}


def folder(root: Path, classes: list[str], channel: int = 0) -> None:
    for label, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for number in range(12):
            pixels = [0, 0, 0]
            pixels[channel] = 200 * label + number
            Image.new("RGB", (8, 8), tuple(pixels)).save(root / name / f"{number}.png")


def texts(path: Path, labels: list[str]) -> None:
    lines = [f"a {label} film number {number},{label}" for number in range(20) for label in labels]
    path.write_text("\n".join(["text,label", *lines]), encoding="utf-8")


def test_a_setting_of_the_task_takes_effect(runs, evaluate) -> None:
    plain, sharper = evaluate(runs["vae"]), evaluate(runs["vae"], "task.importance_samples=1", "task.beta=3")
    assert plain.code == sharper.code == 0
    assert plain.metrics["test/elbo"] == sharper.metrics["test/elbo"]
    assert float(sharper.metrics["test/nll"]) > float(plain.metrics["test/nll"]), "fewer samples bound it less tightly"
    elbo, kl, loss = (float(sharper.metrics[f"test/{name}"]) for name in ("elbo", "kl", "loss"))
    assert loss == pytest.approx(-elbo + 2 * kl, abs=2e-3)


@pytest.mark.parametrize("other", ["loss.label_smoothing=0", "loss=cross_entropy"])
def test_another_loss_takes_effect(runs, evaluate, other: str) -> None:
    plain, changed = evaluate(runs["classifier"]), evaluate(runs["classifier"], other)
    assert plain.code == changed.code == 0
    assert plain.metrics["test/accuracy"] == changed.metrics["test/accuracy"]
    assert plain.metrics["test/loss"] != changed.metrics["test/loss"]


@pytest.mark.parametrize(
    ("name", "override", "words"),
    [
        ("classifier", "model=mlp", ["model cannot be changed in a test", "data, loss, task", "take model out"]),
        ("classifier", "model.channels=[4]", ["model.channels cannot be changed", "take model.channels out"]),
        ("classifier", "task=regression", ["task cannot be changed", "of the task its settings"]),
        ("classifier", "task.net.channels=[4]", ["task.net.channels cannot be changed"]),
        ("classifier", "task.num_outputs=3", ["task.num_outputs cannot be changed"]),
        ("classifier", "optimizer.lr=1", ["optimizer.lr cannot be changed"]),
        ("classifier", "scheduler=cosine", ["scheduler cannot be changed"]),
        ("classifier", "augmentation=standard", ["augmentation cannot be changed"]),
        ("classifier", "loss=mse", ["MSELoss does not take class labels", "try loss=cross_entropy"]),
        ("classifier", "modle=mlp", ["there is no key 'modle'"]),
        ("vae", "task.importance_samples=0", ["task.importance_samples is 0", "at least 1"]),
        ("vae", "task.importance_sample=9", ["importance_sample", "parameters of its _target_"]),
        ("gan", "task.ema_decay=0.9", ["with another task.ema_decay the task has other weights", "train with it"]),
    ],
)
def test_what_would_have_no_effect_is_refused(runs, evaluate, name: str, override: str, words: list[str]) -> None:
    refused = evaluate(runs[name], override)
    assert refused.code == 2 and not refused.metrics
    assert refused.err.startswith("error: ") and refused.err.count("\n") == 1
    for word in words:
        assert word in refused.err


def test_other_pictures_of_the_same_classes_are_scored(runs, evaluate, tmp_path: Path) -> None:
    folder(tmp_path / "same", ["ape", "bee"], channel=1)
    plain, other = evaluate(runs["classifier"]), evaluate(runs["classifier"], f"data.root={tmp_path / 'same'}")
    assert plain.code == other.code == 0 and plain.metrics["test/loss"] != other.metrics["test/loss"]


@pytest.mark.parametrize("classes", [["ape", "cat"], ["Ape", "Bee"], ["ant", "ape"]])
def test_pictures_of_other_classes_are_refused(runs, evaluate, tmp_path: Path, classes: list[str]) -> None:
    folder(tmp_path / "other", classes)
    refused = evaluate(runs["classifier"], f"data.root={tmp_path / 'other'}")
    assert refused.code == 3 and not refused.metrics
    assert f"the classes of the data are {', '.join(classes)}; " in refused.err
    assert "the run was trained on are ape, bee, and from number" in refused.err
    assert "test on data with the same classes" in refused.err


def test_a_network_that_knows_no_classes_takes_any(runs, evaluate, tmp_path: Path) -> None:
    folder(tmp_path / "other", ["ape", "cat"])
    assert evaluate(runs["coder"], f"data.root={tmp_path / 'other'}").code == 0


def test_texts_of_other_classes_are_refused(runs, evaluate, tmp_path: Path) -> None:
    texts(tmp_path / "same.csv", ["bad", "good"])
    assert evaluate(runs["texts"], f"data.path={tmp_path / 'same.csv'}").code == 0
    texts(tmp_path / "other.csv", ["good", "dull"])
    refused = evaluate(runs["texts"], f"data.path={tmp_path / 'other.csv'}")
    assert refused.code == 3
    assert "classes of the data are dull, good; those that the run was trained on are bad, good" in refused.err


def test_samples_are_judged_beside_other_pictures(runs, evaluate) -> None:
    """Whose classifier is taught in the middle of the test."""
    other = evaluate(runs["gan"], "data=fake", "data.channels=1", "data.image_size=8", "data.size=200")
    assert other.code == 0, other.err
    assert float(other.metrics["test/frechet_distance"]) > 0
