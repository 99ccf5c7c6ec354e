"""Runs that are trained on all samples: ``data.test_fraction=0``, with and without ``data.val_fraction=0``."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import netyard
from netyard.cli import main
from support.finished_runs import RUNS


def test_a_run_is_trained_without_the_test_and_tested_later(train, tmp_path: Path) -> None:
    run = tmp_path / "run"
    ran = train(*RUNS["iris"], "trainer.test=false", path=run)
    assert ran.code == 0, ran.err
    assert "not tested, trainer.test is false; test it by" in ran.out
    metrics = ran.json("results.json")["metrics"]
    assert metrics and all(name.startswith("val/") for name in metrics)
    ran = train(f"resume={run}", "trainer.test=true", path=run)
    assert ran.code == 0, ran.err
    tested = ran.json("results.json")["metrics"]
    assert "test/accuracy" in tested and netyard.load(run).evaluate()["test/accuracy"] == tested["test/accuracy"]


@pytest.mark.parametrize("without", [["test"], ["test", "val"]])
def test_a_run_is_trained_on_all_samples(finished, train, tmp_path: Path, capsys, without: list[str]) -> None:
    table = tmp_path / "table.csv"
    shutil.copy(finished.files / "table.csv", table)
    overrides = [text.replace("FILES", str(tmp_path)) for text in RUNS["kind"]]
    run = tmp_path / "run"
    ran = train(*overrides, *[f"data.{name}_fraction=0" for name in without], "logger=tensorboard", path=run)
    assert ran.code == 0, ran.err
    assert "not tested, there is no test part; test it by" in ran.out and "data.path=..." in ran.out
    results = ran.json("results.json")
    trained = 90 if "val" in without else 81
    assert results["data_summary"]["parts"]["train"]["samples"] == trained
    assert not any(name.startswith("test/") for name in results["metrics"])
    assert bool(results["metrics"]) == ("val" not in without)
    # The best checkpoint is there, after a resume that of the last epoch, and is tested on a file.
    ran = train(f"resume={run}", "trainer.max_epochs=2", path=run)
    assert ran.code == 0, ran.err
    if "val" in without:
        assert ran.json("results.json")["objective"] == {
            "name": "val/accuracy",
            "mode": "max",
            "value": None,
            "epoch": 1,
        }
        assert (run / "checkpoints" / "best.ckpt").samefile(run / "checkpoints" / "last.ckpt")
    other = tmp_path / "other.csv"
    other.write_text("\n".join(table.read_text().splitlines()[:20]))
    assert netyard.load(run).evaluate(f"data.path={other}")["test/accuracy"] >= 0
    assert str(run) in repr(netyard.load(run)) and netyard.runs(tmp_path).table
    capsys.readouterr()
    for command, hint in (
        (["evaluate"], "evaluate RUN_DIR data.path=..."),
        (["predict", f"output={tmp_path / 'rows.csv'}"], "try input=FILE."),
    ):
        assert main.main([*command, f"run={run}"]) == 3
        said = capsys.readouterr().err
        assert "no test part" in said and hint in said
    assert main.main(["report", str(run)]) == 0
    assert ("No completed run was validated." in capsys.readouterr().out) == ("val" in without)
