"""Configs and pickles that would run code: refused, and the interpreter's own audit saw that nothing was."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import pytest
import torch

from netyard.config import allowlist
from netyard.training import checkpoint
from support.audit import watched
from support.hostile_overrides import OVERRIDES, followed_nowhere
from support.hostile_payloads import pickles

RUN = ("model=mlp_tiny", "data=iris", "trainer=cpu", "trainer.max_epochs=1", "logger=none")


@pytest.fixture
def canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "canary"


def test_hooks_of_other_libraries_in_a_checkpoint_are_inert(finished, tmp_path: Path) -> None:
    """Lightning would look for ``_instantiator`` and ``_class_path`` among the hyperparameters of a checkpoint."""
    made = checkpoint.read(finished("iris") / "checkpoints" / "best.ckpt")
    hostile = {
        "_instantiator": "os.system",
        "_class_path": "os.system",
        "class_path": "os.system",
        "target": "os.mkdir",
    }
    made["hyper_parameters"] = made["netyard"]["extra"] = {**hostile, "command": f"touch {tmp_path / 'canary'}"}
    torch.save(made, path := tmp_path / "best.ckpt")
    with watched() as seen:
        assert checkpoint.rebuild(checkpoint.read(path), path)
    assert not [each for each in seen if each[0].startswith(("os.system", "os.mkdir", "subprocess"))]
    assert not (tmp_path / "canary").exists()


def test_no_hostile_override_is_followed(train, canary: Path, rng: random.Random) -> None:
    for number, words in enumerate(rng.sample(OVERRIDES, 6)):
        assert followed_nowhere(train, words, canary, canary.parent / str(number)), words


def test_no_file_of_a_run_or_sweep_can_allow_anything(train, copied_run, canary: Path) -> None:
    run = copied_run("iris")
    recorded = run / ".hydra" / "overrides.yaml"
    honest = json.dumps([f"{text}" for text in RUN])
    (canary.parent / "rerun.pickle").write_bytes(next(pickles("os.mkdir", [str(canary)])))
    for text in (f"{allowlist.FLAG}=os.system", f"--experimental-rerun={canary.parent / 'rerun.pickle'}", "-m"):
        recorded.write_text(json.dumps([*json.loads(honest), text, "trainer.max_epochs=2"]))
        (run / "status.json").write_text("{}")
        again = train(f"resume={run}")
        assert again.code == 4 and "a recorded override is" in again.err, text
    recorded.write_text(json.dumps([*json.loads(honest), "+callbacks.mine._target_=os.system"]))
    again = train(f"resume={run}")
    assert again.code == 2 and "add --allow-target os.system" in again.err
    assert not canary.exists()


def test_no_ledger_of_a_sweep_can_allow_anything(train, canary: Path) -> None:
    folder = canary.parent / "sweep"
    ran = train("-m", *RUN, "seed=0", "launcher=basic", f"hydra.sweep.dir={folder}")
    assert ran.code == 0, ran.err
    path = folder / "sweep.json"
    ledger = json.loads(path.read_text())
    for text, code in ((f"{allowlist.FLAG}=os.system", 4), ("--experimental-rerun=x.pickle", 2)):
        path.write_text(json.dumps({**ledger, "state": "interrupted", "arguments": [*ledger["arguments"], text]}))
        again = train("-m", f"resume={folder}")
        assert again.code == code, again
    environment = {"NETYARD_ALLOW_TARGET": "os.system", "ALLOW_TARGET": "os.system"}
    os.environ.update(environment)
    assert train(*RUN, "model._target_=os.system").code == 2
    assert train(*RUN, "+allow_target=os.system", "model._target_=os.system").code == 2
