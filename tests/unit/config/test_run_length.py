"""The number of epochs of a run that was not told one."""

from __future__ import annotations

import pytest

from netyard.config import catalog, run_length
from netyard.config.compose import compose
from netyard.errors import ConfigError


def epochs_of(*overrides: str) -> int:
    return int(compose(overrides)[0].trainer.max_epochs)


def test_a_data_set_says_how_many_epochs_its_size_asks_for() -> None:
    assert epochs_of("data=iris") == catalog.option_file("data", "iris")["epochs"]
    config, _ = compose(["data=iris", "data.epochs=7"])
    assert config.trainer.max_epochs == 7
    assert "epochs" not in config.data  # it is no argument of the class


def test_a_family_says_how_many_times_as_many_it_needs() -> None:
    of_data = catalog.option_file("data", "digits")["epochs"]
    assert epochs_of("model=gan") == of_data * catalog.epochs_factor("gan")
    # A row of a family may say another factor, and deep networks have at least five epochs.
    assert catalog.epochs_factor("resnet_tiny") == 1 > catalog.epochs_factor("resnet152")
    assert epochs_of("model=resnet152", "data=mnist") == run_length.DEFAULT
    assert all("epochs_factor" not in node for node in catalog.variants().values())


@pytest.mark.parametrize("words", [["trainer.max_epochs=3"], ["experiment=cnn_digits"], ["debug=smoke"]])
def test_a_given_number_counts(words: list[str]) -> None:
    assert epochs_of(*words) == {"trainer.max_epochs=3": 3, "experiment=cnn_digits": 30, "debug=smoke": 1}[words[0]]


def test_data_that_say_nothing_have_five_epochs() -> None:
    assert "epochs" not in catalog.option_file("data", "fake")
    assert epochs_of("data=fake") == 5
    assert epochs_of("trainer.max_epochs=auto", "data=fake") == 5


@pytest.mark.parametrize("value", ["0", "many", "2.5", "true"])
def test_a_number_of_epochs_is_a_whole_number(value: str) -> None:
    with pytest.raises(ConfigError, match="number of epochs that a data set asks for"):
        compose([f"data.epochs={value}"])
