"""What is refused before any job of a sweep runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from netyard.errors import ConfigError
from netyard.sweeps.ledger import Ledger, Locks
from support.sweep_command import QUICK


def test_a_second_driver_is_refused(train, tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    folder.mkdir()
    locks = Locks(folder)
    ran = train("-m", *QUICK, "seed=1,2", f"hydra.sweep.dir={folder}")
    locks.release()
    assert ran.code == 5
    assert "run by another process" in ran.err


def test_keys_of_a_sweep_want_a_sweep(train, tmp_path: Path) -> None:
    assert "try python train.py -m sweep.keep=3" in train("sweep.keep=3").err
    (tmp_path / "sweep.json").write_text("{}")
    ran = train(f"resume={tmp_path}")
    assert ran.code == 4
    assert f"try python train.py -m resume={tmp_path}" in ran.err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["seed=1,2", "sweep.kep=3"], 2, "hydra/sweeper=grid has no 'kep'; did you mean 'keep'?"),
        (["sweep=mlp_search", "sweep.num_trial=3"], 2, "did you mean 'num_trials'?"),
        (["seed=1,2", "hydra.launcher.timout=3"], 2, "hydra/launcher=local has no 'timout'; did you mean 'timeout'?"),
        (["seed=1,2", "sweep.objectives=[val/loss]"], 2, "NAME:min or NAME:max"),
        (["optimizer=adam,adan"], 2, "did you mean 'adam'"),
        (["optimzer.lr=1,2"], 2, "optimzer.lr"),
        (["resume=nowhere"], 4, "nowhere is not a sweep: it does not exist"),
        (["seed=1,2", "tags=[${oc.env:UNSET}]"], 2, "the environment variable UNSET is not set"),
        (["optimizer.lr=0.1,${oc.env:UNSET}"], 2, "the environment variable UNSET is not set"),
        (["seed=1,2", "sweep.num_trials=3"], 2, "hydra/sweeper=optuna and random have it"),
        (["seed=1,2", "launcher.retries=1,2"], 2, "launcher.retries=1,2 has several values"),
        (["seed=1,2", "hydra.sweep.subdir=${hydra.job.override_dirname}"], 2, "the folder of a job is its number"),
        (["debug=null,smoke"], 2, "there is no debug=null"),
    ],
)
def test_a_mistake_is_found_before_anything_runs(train, tmp_path: Path, words, code, said) -> None:
    where = [] if words[0].startswith("resume") else [f"hydra.sweep.dir={tmp_path / 'sweep'}"]
    ran = train("-m", *QUICK, *words, *where)
    assert ran.code == code, ran.err
    assert said in ran.err
    assert not (tmp_path / "sweep").exists()
    assert not (tmp_path / "outputs").exists()


def test_a_sweep_can_be_resumed_before_torch_is_imported(train, tmp_path: Path, monkeypatch) -> None:
    folder, found = tmp_path / "sweep", []

    def runner(*given: object) -> None:
        found.append(Ledger.read(folder))
        raise KeyboardInterrupt

    monkeypatch.setattr("netyard.sweeps.start._runner", runner)
    ran = train("-m", *QUICK, "seed=1,2", f"hydra.sweep.dir={folder}")
    assert (ran.code, found[0].state, len(found[0].jobs)) == (130, "running", 2)
    assert Ledger.read(folder).state == "interrupted"
    assert "continue with: python train.py -m resume=sweep" in ran.out
    assert train("-m", f"resume={folder}").code == 130
    assert len(found[1].jobs) == 2


def test_a_refused_start_leaves_nothing_and_changes_no_ledger(train, tmp_path: Path, monkeypatch) -> None:
    def runner(*given: object) -> None:
        raise ConfigError("launcher.devices is 9;", "there are none;", "try launcher.devices=cpu.")

    monkeypatch.setattr("netyard.sweeps.start._runner", runner)
    folder = tmp_path / "sweep"
    assert train("-m", *QUICK, "seed=1,2", f"hydra.sweep.dir={folder}").code == 2
    assert not folder.exists()
    ledger = Ledger(folder, [*QUICK, "seed=1,2"], "grid", {}, ["seed"], [], state="interrupted", started="2026-01-01")
    folder.mkdir()
    ledger.write()
    train("-m", f"resume={folder}")
    assert Ledger.read(folder).state == "interrupted"
