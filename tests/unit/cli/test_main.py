"""What the command line answers to a name that is nearly right, and to `list`."""

from __future__ import annotations

import pytest

from netyard.cli import main


def test_nearest_names_are_for_the_asking(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["evalute"]) == 2
    assert "did you mean 'evaluate'?" in capsys.readouterr().err
    assert main.main(["list", "modles"]) == 2
    assert "did you mean 'models' or 'model'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("test outputs/a", "try netyard evaluate outputs/a."),
        ("fit", "try netyard train."),
        ("sample outputs/a count=4", "try netyard generate outputs/a count=4."),
        ("sweep seed=0,1", "try netyard train -m seed=0,1."),
        ("model=resnet50 optimizer=adam", "try netyard train model=resnet50 optimizer=adam."),
        ("--model resnet50", "try netyard train model=resnet50."),
        ("version", "try netyard --version."),
        ("ls", "try netyard runs."),
    ],
)
def test_a_command_of_another_tool_is_answered_with_ours(typed: str, answer: str, capsys) -> None:
    assert main.main(typed.split()) == 2
    assert capsys.readouterr().err.rstrip().endswith(answer)


def test_list_prints_names_and_what_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["list", "models", "resnet1*"]) == 0
    lines = capsys.readouterr().out.splitlines()[:3]
    assert [line.split()[0] for line in lines] == ["resnet101", "resnet152", "resnet18"]
    assert "arXiv:1512.03385" in lines[0]
    assert "44,549,160" in lines[0]
