"""``netyard help GROUP=OPTION``: every key with its value, what it may be, and what it means."""

from __future__ import annotations

import random

import pytest

from netyard.cli import main
from netyard.config import catalog


def told(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    capsys.readouterr()
    assert main.main(["help", *words]) == 0
    return capsys.readouterr().out.splitlines()


def test_each_key_has_its_value_range_and_meaning(capsys) -> None:
    lines = told(capsys, "model=cnn", "optimizer")
    assert lines[0].startswith("model=cnn  Simple convolutional network:")
    at = lines.index("  model.channels=[32,64,128]")
    assert lines[at + 1] == "      one block each; a list of at least 1, each of it a whole number at least 1"
    assert lines[lines.index("  model.dropout=0.0") + 1] == "      a number at least 0 and below 1"
    assert lines[lines.index("  model.in_channels=${data.channels}") + 1] == "      repeats data.channels"
    assert any(line.startswith("optimizer=adam") for line in lines), "the one that the model has"
    assert lines[lines.index("  optimizer.eps=1e-08") + 1] == "      a number above 0"


def test_words_are_listed_once_and_what_is_required_is_said(capsys) -> None:
    lines = told(capsys, "data=csv", "model=mlp")
    assert "  data.path=..., which is required" in lines
    at = lines.index("  model.activation=relu")
    assert lines[at + 1].startswith("      one of identity, sigmoid")


def test_what_an_option_inherits_is_explained_too(capsys) -> None:
    lines = told(capsys, "trainer=gpu")
    assert "  trainer.accelerator=gpu" in lines
    assert "safe: bit-identical results" in lines[lines.index("  trainer.performance=auto") + 1]


def test_of_callbacks_every_node_and_of_an_experiment_what_it_sets(capsys) -> None:
    assert "  callbacks.checkpoint.monitor=${task.monitor}" in told(capsys, "callbacks")
    assert "  trainer.limit_train_batches=2" in told(capsys, "debug=smoke")
    assert told(capsys, "debug")[0].startswith("debug is one of batch_size,")


def test_any_option_is_explained(capsys, rng: random.Random) -> None:
    """A few of them; whatever is missing of a key is missing of all."""
    for group in rng.sample([each for each in catalog.GROUPS if each not in catalog.LISTS], 4):
        option = rng.choice(catalog.options(group))
        assert told(capsys, f"{group}={option}")[0].startswith(f"{group}={option}")


def test_several_options_of_a_group_are_explained(capsys) -> None:
    lines = told(capsys, "augmentation=none", "augmentation=auto", "augmentation=mixup")
    heads = [line.partition(" ")[0] for line in lines if line.startswith("augmentation=")]
    assert heads == ["augmentation=none", "augmentation=auto", "augmentation=mixup"]
    assert "  augmentation.crop=false" in lines and "  augmentation.mixup=0.2" in lines


def test_guides_are_printed_and_listed(capsys) -> None:
    listed = told(capsys, "docs")
    assert any(line.split() == ["netyard", "help", "docs/sweeps.md", "Sweeps"] for line in listed)
    for word in ("docs/sweeps.md", "sweeps.md"):
        assert told(capsys, word)[0] == "# Sweeps"


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("docs/sweep.md", "there is no guide docs/sweep.md; did you mean 'sweeps.md' or"),
        ("modle", "there is no group 'modle'; did you mean 'model' or 'models'?"),
        ("model=mlpp", "there is no model=mlpp; did you mean 'mlp'?"),
        ("optimizer=x", "optimizer is one of adadelta, adafactor,"),
    ],
)
def test_what_does_not_exist_is_named(capsys, word: str, said: str) -> None:
    assert main.main(["help", word]) == 2
    assert said in capsys.readouterr().err


def test_the_help_of_a_command_is_that_of_the_command(capsys) -> None:
    assert "\n".join(told(capsys, "evaluate")).startswith("netyard evaluate ")
