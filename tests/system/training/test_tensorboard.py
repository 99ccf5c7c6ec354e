"""What TensorBoard answers about the hyperparameters of a sweep."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from support.swept_hyperparameters import AXES, JOBS, SWEPT, run_jobs
from support.tensorboard_server import tensorboard
from support.waiting import PATIENCE, wait_until


def asked(address: str, question: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(address, json.dumps(question).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return json.load(answer)


def answered(address: str, runs: int) -> tuple[dict[str, Any], list[dict[str, Any]]] | None:
    """The experiment and its sessions, once the plugin knows every run."""
    states = [f"STATUS_{name}" for name in ("UNKNOWN", "SUCCESS", "FAILURE", "RUNNING")]
    try:
        experiment = asked(f"{address}experiment", {"experimentName": ""})
        columns = [{"hparam": each["name"]} for each in experiment.get("hparamInfos", [])]
        columns += [{"metric": each["name"]} for each in experiment.get("metricInfos", [])]
        question = {"allowedStatuses": states, "colParams": columns, "startIndex": 0, "sliceSize": 100}
        groups = asked(f"{address}session_groups", question).get("sessionGroups", [])
    except OSError:
        return None
    return (experiment, groups) if len(groups) == runs else None


def test_tensorboard_shows_every_job_with_its_objective(train, tmp_path: Path) -> None:
    sweep = run_jobs(train, tmp_path / "sweep")
    with tensorboard(sweep, tmp_path / "tensorboard.log") as address:
        plugin = f"{address}data/plugin/hparams/"
        experiment, groups = wait_until(lambda: answered(plugin, len(JOBS)), f"TensorBoard to show {len(JOBS)} runs")
    assert {*AXES, "model", "training_data", "seed"} <= {each["name"] for each in experiment["hparamInfos"]}
    for group in groups:
        (session,) = group["sessions"]
        job = Path(session["name"]).parts[0]
        assert {key: group["hparams"][key] for key in SWEPT[job]} == SWEPT[job]
        shown = {each["name"]["tag"]: each["value"] for each in group["metricValues"]}
        results = json.loads((sweep / job / "results.json").read_text(encoding="utf-8"))
        assert shown[f"objective/{results['objective']['name']}"] == pytest.approx(results["objective"]["value"])
        assert shown["test/accuracy"] == pytest.approx(results["metrics"]["test/accuracy"])
