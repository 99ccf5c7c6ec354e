"""Configs and pickles that would run code: refused, and the interpreter's own audit saw that nothing was."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from netyard import checkpoint, targets
from support.hostile_payloads import pickles

RUN = ("model=mlp_tiny", "data=iris", "trainer=cpu", "trainer.max_epochs=1", "logger=none")
EVENTS = ("exec", "import", "open", "os.", "subprocess.", "socket.", "shutil.", "ctypes.", "code.", "compile", "pty.")
HARMLESS = ("os.listdir", "os.scandir")  # a folder is looked through for manifests
_seen: list[tuple[str, Any]] | None = None


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _seen is not None and event.startswith(EVENTS) and event not in HARMLESS:
        _seen.append((event, arguments[:1]))


@pytest.fixture(scope="module", autouse=True)
def audited() -> None:
    import encodings.cp437  # noqa: F401  (by which zipfile reads old names)

    targets.offered()  # reads conf/ once
    sys.addaudithook(_audit)  # stays for the life of the process, and is idle but for ``watched``


@contextlib.contextmanager
def watched() -> Iterator[list[tuple[str, Any]]]:
    """What happens inside that running code would bring about."""
    global _seen
    _seen = seen = []
    try:
        yield seen
    finally:
        _seen = None


@pytest.fixture
def canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "canary"


def test_hooks_of_other_libraries_in_a_checkpoint_are_inert(train, tmp_path: Path) -> None:
    """Lightning would look for ``_instantiator`` and ``_class_path`` among the hyperparameters of a checkpoint."""
    ran = train(*RUN)
    assert ran.code == 0, ran.err
    made = checkpoint.read(ran.path / "checkpoints" / "best.ckpt")
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


OVERRIDES = [
    "model._target_=os.system",
    "task._target_=subprocess.run",
    "data._target_=netyard.build.build",
    "optimizer._target_=torch.hub.load",
    "loss._target_=logging.os.system",
    "+callbacks.mine={_target_:builtins.eval,_args_:[1]}",
    "+callbacks.mine._target_=hydra.experimental.callbacks.PickleJobInfoCallback",
    "trainer.strategy={_target_:os.system,command:ls}",
    "trainer._target_=lightning.pytorch.cli.LightningCLI",
    "+model.extra=[{_target_:os.system}]",
    "model._target_=${oc.env:HOME}",
    "model._target_=${data._target_}",
    "data.id=antigravity:Env-v0",
    "hydra.launcher._target_=os.system",
    "hydra.sweeper._target_=os.system",
    "+hydra.callbacks.mine={_target_:os.system,command:ls}",
    "+hydra.callbacks.mine._target_=hydra.experimental.callbacks.PickleJobInfoCallback",
    "hydra/job_logging=default hydra.job_logging.handlers.console.class=os.system",
    "hydra/job_logging=default +hydra.job_logging.handlers.console.()=os.system",
    "hydra/job_logging=default +hydra.job_logging.filters.x={\"()\":subprocess.Popen}",
    "hydra/job_logging=default hydra.job_logging.handlers.console.stream=ext://os.environ",
    "hydra/job_logging=default +hydra.job_logging.formatters.simple.class=code.InteractiveConsole",
    "hydra.hydra_logging.handlers.console.class=logging.config.fileConfig",
    "hydra.hydra_logging.handlers.console.stream=cfg://handlers",
    "+hydra.job.env_set.PATH=canary",
    "+hydra.job.env_set.LD_PRELOAD=canary.so",
    "hydra.searchpath=[pkg://antigravity]",
    "--experimental-rerun=canary.pickle",
    "--experimental-r=canary.pickle",
    "--config-dir=pkg://antigravity",
]  # fmt: skip


def test_no_hostile_override_is_followed(tally, train, canary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (canary.parent / "canary.pickle").write_bytes(next(pickles("os.mkdir", [str(canary)])))
    times = withstood = 0
    for text in OVERRIDES:
        words = text.split(" ") if text.startswith("hydra/") else [text]
        company = ("data=gym", "model=dqn", "threads=1") if text.startswith("data.id") else RUN
        for flags in ([], ["-m"])[: 1 + text.startswith(("hydra.", "model"))]:
            place = canary.parent / str(times)
            times += 1
            where = f"hydra.{'sweep' if flags else 'run'}.dir={place}"
            before = set(sys.modules)
            ran = train(*flags, *company, *words, "hydra/launcher=basic", where)
            assert ran.code in (2, 7), (text, ran)
            assert not {"antigravity", "cli"} & (set(sys.modules) - before)
            withstood += not canary.exists() and not list(place.rglob("results.json"))
    tally("given an override that names code to run", times, withstood)


def test_no_file_of_a_run_or_sweep_can_allow_anything(train, canary: Path) -> None:
    ran = train(*RUN)
    recorded = ran.path / ".hydra" / "overrides.yaml"
    honest = json.dumps([f"{text}" for text in RUN])
    (canary.parent / "rerun.pickle").write_bytes(next(pickles("os.mkdir", [str(canary)])))
    for text in (f"{targets.FLAG}=os.system", f"--experimental-rerun={canary.parent / 'rerun.pickle'}", "-m"):
        recorded.write_text(json.dumps([*json.loads(honest), text, "trainer.max_epochs=2"]))
        (ran.path / "status.json").write_text("{}")
        again = train(f"resume={ran.path}")
        assert again.code == 4 and "an override that was recorded is" in again.err, text
    recorded.write_text(json.dumps([*json.loads(honest), "+callbacks.mine._target_=os.system"]))
    again = train(f"resume={ran.path}")
    assert again.code == 2 and "add --allow-target os.system" in again.err
    assert not canary.exists()


def test_no_ledger_of_a_sweep_can_allow_anything(train, canary: Path) -> None:
    folder = canary.parent / "sweep"
    ran = train("-m", *RUN, "seed=0", "launcher=basic", f"hydra.sweep.dir={folder}")
    assert ran.code == 0, ran.err
    path = folder / "sweep.json"
    ledger = json.loads(path.read_text())
    for text, code in ((f"{targets.FLAG}=os.system", 4), ("--experimental-rerun=x.pickle", 2)):
        path.write_text(json.dumps({**ledger, "state": "interrupted", "arguments": [*ledger["arguments"], text]}))
        again = train("-m", f"resume={folder}")
        assert again.code == code, again
    environment = {"NETYARD_ALLOW_TARGET": "os.system", "ALLOW_TARGET": "os.system"}
    os.environ.update(environment)
    assert train(*RUN, "model._target_=os.system").code == 2
    assert train(*RUN, "+allow_target=os.system", "model._target_=os.system").code == 2
