"""`netyard list`: globs and filters over what can be chosen."""

from __future__ import annotations

import pytest

from netyard.cli import main
from netyard.config import catalog


@pytest.fixture
def listed(capsys: pytest.CaptureFixture[str]):
    def run(*arguments: str) -> list[str]:
        assert main.main(["list", *arguments]) == 0
        return [line.split()[0] for line in capsys.readouterr().out.partition("\n\n")[0].splitlines() if line]

    return run


def test_globs_are_alternatives(listed) -> None:
    assert listed("models", "vgg1?", "lenet*") == ["lenet5", "vgg11", "vgg13", "vgg16", "vgg19"]


@pytest.mark.parametrize("spelling", [["max_parameters=10M"], ["--max-parameters", "10M"], ["--max-parameters=10e6"]])
def test_models_are_found_by_their_size(listed, spelling: list[str]) -> None:
    names = listed("models", *spelling)
    counts = catalog.parameters()
    assert names == sorted(name for name in counts if counts[name] <= 10_000_000)
    assert "mobilenet_v2" in names and "resnet18" not in names


def test_filters_and_globs_go_together(listed) -> None:
    assert listed("models", "*net*", "family=resnet", "min_parameters=40M") == ["resnet101", "resnet152"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["models", "resnext*"], ["no model is 'resnext*'", "did you mean 'resnet"]),
        (["models", "max_parameter=10M"], ["no option 'max_parameter'", "did you mean 'max_parameters'"]),
        (["models", "max_parameters=ten"], ["max_parameters is 'ten'", "K, M or B", "try max_parameters=10M"]),
        (["models", "--max-parameters"], ["max_parameters was given no value"]),
        (["optimizers", "max_parameters=10M"], ["only models have parameters", "try netyard list models"]),
    ],
    ids=str,
)
def test_a_mistake_is_answered_in_three_parts(capsys, arguments: list[str], words: list[str]) -> None:
    assert main.main(["list", *arguments]) == 2
    said = capsys.readouterr()
    assert not said.out and said.err.count("\n") == 1
    for word in words:
        assert word in said.err
