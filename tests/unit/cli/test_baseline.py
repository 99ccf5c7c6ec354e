"""``netyard baseline``: what it refuses, and which network stands in where the default one does not fit the data."""

from __future__ import annotations

import pytest

from netyard.cli import main
from netyard.cli.baseline import fitting_model


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("-m data=iris seed=0,1", "netyard baseline takes no sweep (-m);"),
        ("data=iris resume=outputs/a", "netyard baseline resumes nothing;"),
        ("data=iris --cfg job", "netyard baseline takes no flag that prints a config;"),
        ("data=iriss", "did you mean 'iris'?"),
    ],
)
def test_what_it_refuses(typed: str, answer: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["baseline", *typed.split()]) == 2
    assert answer in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "added"),
    [
        ([], []),
        (["data=iris"], []),
        (["data=labelled_text", "model=lstm"], []),
        (["data=labelled_text"], ["model=rnn_tiny"]),
        (["data=python_source"], ["model=rnn_tiny"]),
        (["data=nothing"], []),
    ],
)
def test_a_network_that_fits_stands_in(typed: list[str], added: list[str]) -> None:
    assert fitting_model(typed) == added
