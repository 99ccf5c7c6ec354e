"""The arguments of a resumed sweep."""

from __future__ import annotations

from pathlib import Path

import pytest

from netyard.errors import CheckpointError
from netyard.sweeps import arguments
from netyard.sweeps.ledger import Job, Ledger
from support.fake_packages import Install


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sweep of three jobs: the last one has not started, and the second one uses a class of package ``acme``."""
    monkeypatch.chdir(tmp_path)
    folder = Path("sweep")
    objectives = [{"name": "val/loss", "mode": "min"}]
    jobs = [Job(0, ["model=mlp"], "completed"), Job(1, ["model=acme_net"], "failed"), Job(2, ["model=cnn"])]
    folder.mkdir()
    Ledger(folder, ["model=mlp,acme_net,cnn"], "grid", {}, ["model"], objectives, jobs).begin()
    for number, target in enumerate(["netyard.models.mlp.MLP", "acme.net.Net"]):
        (folder / str(number) / ".hydra").mkdir(parents=True)
        text = f"model:\n  _target_: {target}\n  width: 8\n"
        (folder / str(number) / ".hydra" / "config.yaml").write_text(text, encoding="utf-8")
    return folder


def test_without_the_package_of_a_job_a_sweep_is_refused_and_says_what_to_install(sweep: Path) -> None:
    with pytest.raises(CheckpointError) as refused:
        arguments.resume_arguments(sweep, [])
    assert refused.value.given == "in sweep/1, config._target_ is acme.net.Net, and no package acme is installed;"
    assert "install package acme" in refused.value.type_this


def test_with_the_package_it_is_resumed(sweep: Path, install: Install) -> None:
    install("acme")
    assert arguments.resume_arguments(sweep, ["seed=3"]) == [
        "model=mlp,acme_net,cnn",
        "seed=3",
        "hydra.sweep.dir=sweep",
        "hydra.sweeper.resume=true",
    ]


def test_a_new_override_replaces_the_one_that_it_changes(sweep: Path, install: Install) -> None:
    install("acme")
    assert arguments.resume_arguments(sweep, ["model=mlp,cnn"])[0] == "model=mlp,cnn"


@pytest.mark.parametrize(
    ("typed", "long"),
    [
        ("hydra.sweeper.params.optimizer.lr=0.1,0.2", "++hydra.sweeper.params.optimizer.lr='0.1,0.2'"),
        ("sweep.params.optimizer.lr=interval(0,1)", "++hydra.sweeper.params.optimizer.lr='interval(0,1)'"),
        ("+hydra.sweeper.params.seed=1,2", "+hydra.sweeper.params.seed='1,2'"),
        ("sweep.params.tags='a,b',c", r"++hydra.sweeper.params.tags='\'a,b\',c'"),
        ("sweep.params.model.hidden_sizes=[8],[16]", "++hydra.sweeper.params.model.hidden_sizes='[8],[16]'"),
        ("sweep.params.seed=[1,2]", "++hydra.sweeper.params.seed=[1,2]"),
        ("sweep.params.seed='1,2'", "++hydra.sweeper.params.seed='1,2'"),
        ("hydra.sweeper.params={seed:[1,2]}", "++hydra.sweeper.params={seed:[1,2]}"),
        ("sweep.keep=3", "hydra.sweeper.keep=3"),
    ],
)
def test_axes_may_be_set_as_settings_of_the_sweeper(typed: str, long: str) -> None:
    assert arguments.with_full_names([typed], True) == [long]
