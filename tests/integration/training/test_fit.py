"""What a run leaves on disk: the files, their schema, and that each can be used for what it is for."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pytest
import torch
import yaml
from lightning import Callback
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from netyard.callbacks.attach import RunFacts
from netyard.cli import main
from netyard.config.compose import compose
from netyard.run_directories.directory import RunDir
from netyard.training import checkpoint, fit
from support.command_result import Ran
from support.finished_runs import RUNS

SCHEMA = {
    "model": str,
    "data": str,
    "task": str,
    "optimizer": str,
    "seed": int,
    "parameters": int,
    "epochs": int,
    "steps": int,
    "objective": {"name": str, "mode": str, "value": float, "epoch": int},
    "metrics": {"val/accuracy": float, "val/loss": float, "test/accuracy": float, "test/loss": float},
    "throughput": {"train_samples_per_second": float},
    "seconds": {"setup": float, "fit": float, "test": float},
    "best_checkpoint": str,
    "data_summary": {
        "parts": {part: {"samples": int, "from": str} for part in ("train", "val", "test")},
        "classes": dict.fromkeys("0123456789", int),
        "left_out": list,
        "duplicates": int,
    },
    "environment": dict.fromkeys(("netyard", "python", "torch", "lightning", "device", "git"), str),
}


def conforms(value: object, schema: object) -> bool:
    if isinstance(schema, dict):
        return isinstance(value, dict) and all(key in value and conforms(value[key], schema[key]) for key in schema)
    return isinstance(value, schema) and not isinstance(value, bool)


def rows_of(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def contract(finished) -> Ran:
    return Ran(0, "", "", finished("contract"))


def test_a_run_leaves_what_the_contract_says_and_tells_what_to_type_next(train) -> None:
    ran = train(*RUNS["contract"])
    assert ran.code == 0, ran.err
    *_, last = ran.out.splitlines()
    assert last.startswith("test again") and last.endswith("netyard evaluate run=run"), "as one would type it from here"
    assert "test/accuracy" in ran.out
    assert ran.err == ""

    run = ran.path
    assert {"config.yaml", "overrides.yaml", "hydra.yaml"} <= {path.name for path in (run / ".hydra").iterdir()}
    assert yaml.safe_load((run / ".hydra" / "overrides.yaml").read_text())[0] == "model=mlp_tiny"

    status = ran.json("status.json")
    assert status["state"] == "completed"
    assert {"started", "ended", "pid", "host", "error"} <= set(status)
    assert status["error"] is None

    results = ran.json("results.json")
    assert conforms(results, SCHEMA)
    assert (results["model"], results["data"]) == ("mlp_tiny", "digits")
    assert results["epochs"] == 3
    assert [results["data_summary"]["parts"][part]["samples"] for part in ("train", "val", "test")] == [1294, 144, 359]
    assert "data: train 1,294 (" in ran.out and "10 classes in training: 0 128, " in ran.out
    assert results["steps"] == 3 * 20
    assert results["parameters"] == 64 * 16 + 16 + 16 * 10 + 10
    assert (run / results["best_checkpoint"]).is_file()

    rows = rows_of(run)
    assert [row["epoch"] for row in rows] == ["0", "1", "2"]
    assert all(row[name] for row in rows for name in ("train/loss", "train/accuracy", "val/loss", "val/accuracy", "lr"))
    # Of equally accurate epochs it is the one with the smaller loss.
    best = max(range(3), key=lambda epoch: (float(rows[epoch]["val/accuracy"]), -float(rows[epoch]["val/loss"])))
    assert results["objective"] == {
        "name": "val/accuracy",
        "mode": "max",
        "value": pytest.approx(float(rows[best]["val/accuracy"]), abs=1e-5),
        "epoch": best,
    }
    log = (run / "train.log").read_text()
    assert "epoch   2" in log
    assert "test/accuracy" in log and "dashboard   " in log
    assert not list(run.rglob("*.tmp"))


@pytest.mark.parametrize("name", ["best", "last"])
def test_checkpoints_hold_plain_types_and_the_config(contract, name: str) -> None:
    held = torch.load(contract.path / "checkpoints" / f"{name}.ckpt", weights_only=True)
    assert {"state_dict", "optimizer_states", "lr_schedulers", "loops", "callbacks", "netyard"} <= set(held)
    assert held["netyard"]["config"]["model"]["_target_"] == "netyard.models.mlp.MLP"
    assert held["netyard"]["config"]["model"]["num_outputs"] == 10, "interpolations are followed"
    assert held["netyard"]["choices"]["model"] == "mlp_tiny"


def test_the_dashboard_has_curves_and_the_real_results(contract) -> None:
    events = EventAccumulator(str(contract.path)).Reload()
    assert {"train/loss", "train/accuracy", "val/loss", "val/accuracy", "test/accuracy", "lr"} <= set(
        events.Tags()["scalars"]
    )
    assert len(events.Scalars("val/accuracy")) == 3
    assert {"test/confusion", "test/mistakes"} <= set(events.Tags()["images"])
    rates = [point.value for point in events.Scalars("lr")]
    assert rates[-1] < rates[0]

    results = contract.json("results.json")
    best = events.Scalars(f"objective/{results['objective']['name']}")[-1].value
    assert best == pytest.approx(results["objective"]["value"])
    assert events.Scalars("test/accuracy")[-1].value == pytest.approx(results["metrics"]["test/accuracy"])
    written = events.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    for name in ("model", "optimizer", "optimizer.lr", "training_batch_size", "seed"):
        assert name.encode() in written


def test_evaluate_gives_the_recorded_score_again(contract, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in contract.path.rglob("*")}
    assert main.main(["evaluate", f"run={contract.path}"]) == 0
    recorded = contract.json("results.json")["metrics"]
    said = capsys.readouterr().out
    for name in ("test/accuracy", "test/loss"):
        assert f"{name} " in said
        assert f"{recorded[name]:.4f}" in said
    assert {path: path.stat().st_mtime_ns for path in contract.path.rglob("*")} == before, "it only looks"


def test_a_checkpoint_alone_rebuilds_its_network(contract) -> None:
    task = checkpoint.load(contract.path)
    assert task(torch.zeros(2, 1, 8, 8)).shape == (2, 10)
    assert not task.training


def test_resume_continues_in_place_and_ends_as_if_never_stopped(train, tmp_path: Path) -> None:
    words = ("model=mlp_tiny", "augmentation=standard", "trainer.limit_train_batches=5", "callbacks.figures=null")
    whole = train(*words, "trainer.max_epochs=4", path=tmp_path / "whole")
    assert whole.code == 0, whole.err
    half = train(*words, "trainer.max_epochs=2", path=tmp_path / "half")
    assert half.code == 0, half.err
    ran = train(f"resume={tmp_path / 'half'}", "trainer.max_epochs=4", path=tmp_path / "half")
    assert ran.code == 0, ran.err

    weights = [
        torch.load(path / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        for path in (whole.path, half.path)
    ]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    rows = [rows_of(path) for path in (whole.path, half.path)]
    assert rows[0] == rows[1]
    for path in (whole.path, half.path):
        steps = [point.step for point in EventAccumulator(str(path)).Reload().Scalars("val/loss")]
        assert steps == sorted(set(steps)), "no step is drawn twice"
        assert len(steps) == 4


def test_a_finished_run_is_not_touched_by_resume(copied_run, train) -> None:
    path = copied_run("contract")
    before = {path: path.stat().st_mtime_ns for path in path.rglob("*")}
    ran = train(f"resume={path}")
    assert ran.code == 0
    assert "finished already" in ran.out
    assert {path: path.stat().st_mtime_ns for path in path.rglob("*")} == before


def test_a_run_directory_is_written_once(copied_run, train) -> None:
    path = copied_run("contract")
    before = (path / "status.json").read_bytes()
    ran = train("model=mlp_tiny", path=path)
    assert ran.code == 4
    assert f"{path} already contains a run" in ran.err
    assert (path / "status.json").read_bytes() == before


def test_evaluate_takes_overrides_and_other_data(contract, capsys: pytest.CaptureFixture[str]) -> None:
    where = f"run={contract.path}"
    assert main.main(["evaluate", where, "data.eval_batch_size=7", "trainer=cpu"]) == 0
    assert f"{contract.json('results.json')['metrics']['test/accuracy']:.4f}" in capsys.readouterr().out
    assert main.main(["evaluate", where, "data=digits_rows"]) == 0, "the same pictures, in another shape"
    assert f"{contract.json('results.json')['metrics']['test/accuracy']:.4f}" in capsys.readouterr().out
    assert main.main(["evaluate", where, "data=fake", "data.channels=1", "data.image_size=8", "data.size=64"]) == 3
    assert "classes of the data are pattern 0, pattern 1" in capsys.readouterr().err
    assert main.main(["evaluate", where, "data=fake"]) == 2
    assert "does not fit the data" in capsys.readouterr().err
    assert main.main(["evaluate", where, "data=breast_cancer"]) == 2
    assert "trained for 10 outputs, and the data need 2" in capsys.readouterr().err
    assert main.main(["evaluate", where, "data=python_source", "data.max_characters=20000"]) == 2
    assert "trained for 10 outputs" in capsys.readouterr().err


def test_a_network_of_the_users_own(train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    (tmp_path / "own" / "model").mkdir(parents=True)
    (tmp_path / "own" / "own_net.py").write_text(
        "from torch import nn\n\n\nclass Net(nn.Sequential):\n    def __init__(self, width, num_outputs):\n"
        "        super().__init__(nn.Flatten(), nn.LazyLinear(width), nn.ReLU(), nn.LazyLinear(num_outputs))\n"
    )
    (tmp_path / "own" / "model" / "mine.yaml").write_text(
        "_target_: own_net.Net\nwidth: 8\nnum_outputs: ${task.num_outputs}\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path / "own"))
    words = ("model=mine", "debug=smoke", f"--config-dir={tmp_path / 'own'}", f"hydra.run.dir={tmp_path / 'run'}")
    refused = train(*words)
    assert refused.code == 2
    assert "model._target_ is own_net.Net, which netyard does not offer" in refused.err
    assert "add --allow-target own_net.Net to the command" in refused.err
    assert "own_net" not in sys.modules
    assert not (tmp_path / "run").exists()
    ran = train(*words, "--allow-target", "own_net.Net")
    assert ran.code == 0, ran.err
    assert ran.json("results.json")["parameters"] == 64 * 8 + 8 + 8 * 10 + 10
    where = f"run={tmp_path / 'run'}"
    assert main.main(["evaluate", where]) == 4, "what one command allowed is not allowed in the next"
    assert "add --allow-target own_net.Net" in capsys.readouterr().err
    assert main.main(["evaluate", where, "--allow-target=own_net.Net"]) == 0, "the checkpoint says what to build"


class Stranger(Callback):
    """A callback of somebody else's, which asks for its run as ours do."""

    def attach(self, run: RunFacts) -> None:
        self.run = run


def test_a_notebook_trains_twice_and_has_everything_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stranger = Stranger()
    monkeypatch.setattr(fit, "_pruning_callbacks", lambda run_dir: [stranger])
    threads, warn_only = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    found = []
    for name in ("one", "other"):
        cfg, choices = compose(["model=mlp_tiny", "data=iris", "trainer=cpu", "trainer.max_epochs=2", "threads=1"])
        done = fit.fit(cfg, choices, RunDir(tmp_path / name))
        assert stranger.run is done.context and done.context.run_dir.path == tmp_path / name
        assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == (threads, warn_only)
        assert done.results["objective"]["value"] == done.objective
        assert done.results["metrics"] == RunDir(tmp_path / name).results()["metrics"]
        assert done.context.datamodule.num_classes == 3
        best = checkpoint.read(tmp_path / name / "checkpoints" / "best.ckpt")["state_dict"]
        assert all(torch.equal(value, best[key]) for key, value in done.context.task.state_dict().items())
        found.append(done.results["metrics"])
    assert found[0] == found[1]
