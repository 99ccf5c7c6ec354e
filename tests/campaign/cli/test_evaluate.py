"""Keys besides those of the integration tests of which a change would have no effect on a test."""

from __future__ import annotations

import pytest

from netyard.cli import main


@pytest.mark.parametrize(
    ("name", "override", "words"),
    [
        ("photos", "model.channels=[4]", ["model.channels cannot be changed", "take model.channels out"]),
        ("photos", "task=regression", ["task cannot be changed", "and settings of the task"]),
        ("photos", "task.num_outputs=3", ["task.num_outputs cannot be changed"]),
        ("photos", "scheduler=cosine", ["scheduler cannot be changed"]),
        ("photos", "augmentation=standard", ["augmentation cannot be changed"]),
        ("variational", "task.importance_sample=9", ["importance_sample", "parameters of its _target_"]),
    ],
)
def test_what_would_have_no_effect_is_refused(finished, capsys, name: str, override: str, words: list[str]) -> None:
    path = finished(name)
    capsys.readouterr()
    assert main.main(["evaluate", f"run={path}", override]) == 2
    said = capsys.readouterr()
    assert not said.out and said.err.startswith("error: ") and said.err.count("\n") == 1
    for word in words:
        assert word in said.err
