"""The name of a job in messages and dashboards."""

from __future__ import annotations

import pytest

from netyard.sweeps.job_name import job_name


@pytest.mark.parametrize(
    ("overrides", "axes", "name"),
    [
        (["data=iris", "model=mlp", "seed=0"], ["model", "seed"], "model=mlp seed=0"),
        (["+model={activation:relu}", "+model={dropout:0.1}"], ["model.activation", "model.dropout"], None),
        (["model=lenet5", "+model={activation:relu,kernel:3}"], ["model.activation"], "model.activation=relu"),
        (["model.hidden_sizes=[8,8]", "++tags=[a]"], ["tags"], "tags=[a]"),
        (["seed=0"], [], ""),
    ],
)
def test_a_job_is_named_by_what_varies(overrides: list[str], axes: list[str], name: str | None) -> None:
    assert job_name(overrides, axes) == (name if name is not None else "model.activation=relu model.dropout=0.1")
