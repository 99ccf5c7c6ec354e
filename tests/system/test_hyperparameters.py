"""The HPARAMS tab: what TensorBoard is told of a run, and what its server answers about a sweep."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

AXES = ["optimizer", "optimizer.lr", "optimizer.momentum", "model.hidden_sizes"]
JOBS = [
    ["optimizer=adam", "optimizer.lr=0.01"],
    ["optimizer=momentum", "optimizer.momentum=0.5"],
    ["optimizer=adam", "model.hidden_sizes=[8,8]"],
]
SWEPT = {
    "0": {"optimizer.lr": 0.01, "optimizer.momentum": "-", "model.hidden_sizes": "[16]"},
    "1": {"optimizer.lr": 0.03, "optimizer.momentum": 0.5, "model.hidden_sizes": "[16]"},
    "2": {"optimizer.lr": 0.001, "optimizer.momentum": "-", "model.hidden_sizes": "[8, 8]"},
}


@pytest.fixture
def sweep(train, tmp_path: Path) -> Path:
    """Three short runs that are told to be jobs of one sweep."""
    for number, overrides in enumerate(JOBS):
        path = tmp_path / "sweep" / str(number)
        path.mkdir(parents=True)
        (path / "job.json").write_text(json.dumps({"number": number, "axes": AXES, "study": None}), encoding="utf-8")
        ran = train("model=mlp_tiny", *overrides, "debug=smoke", f"seed={number}", f"hydra.run.dir={path}", path=path)
        assert ran.code == 0, ran.err
    return tmp_path / "sweep"


@contextmanager
def board(logdir: Path) -> Iterator[str]:
    """The address of a TensorBoard over a folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(logdir), "--host", "127.0.0.1"]
    server = subprocess.Popen([*command, "--port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}/data/plugin/hparams/"
    finally:
        server.terminate()
        server.wait(30)


def asked(address: str, question: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(address, json.dumps(question).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def answered(address: str, runs: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The experiment and its sessions, once the server is up and has read every run."""
    states = [f"STATUS_{name}" for name in ("UNKNOWN", "SUCCESS", "FAILURE", "RUNNING")]
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        try:
            experiment = asked(address + "experiment", {"experimentName": ""})
            columns = [{"hparam": each["name"]} for each in experiment.get("hparamInfos", [])]
            columns += [{"metric": each["name"]} for each in experiment.get("metricInfos", [])]
            question = {"allowedStatuses": states, "colParams": columns, "startIndex": 0, "sliceSize": 100}
            groups = asked(address + "session_groups", question).get("sessionGroups", [])
        except (urllib.error.URLError, ConnectionError):
            groups = []
        if len(groups) == runs:
            return experiment, groups
        time.sleep(0.3)
    raise AssertionError(f"TensorBoard did not show {runs} runs in time")


def test_tensorboard_shows_every_job_with_its_objective(sweep: Path) -> None:
    with board(sweep) as address:
        experiment, groups = answered(address, len(JOBS))
    assert {*AXES, "model", "data", "lr", "seed"} <= {each["name"] for each in experiment["hparamInfos"]}
    for group in groups:
        (session,) = group["sessions"]
        job = Path(session["name"]).parts[0]
        assert {key: group["hparams"][key] for key in SWEPT[job]} == SWEPT[job]
        shown = {each["name"]["tag"]: each["value"] for each in group["metricValues"]}
        results = json.loads((sweep / job / "results.json").read_text(encoding="utf-8"))
        assert shown["hp/objective"] == pytest.approx(results["objective"]["value"])
        assert shown["hp/test/accuracy"] == pytest.approx(results["metrics"]["test/accuracy"])
