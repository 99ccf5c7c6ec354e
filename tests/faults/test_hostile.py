"""Configs and pickles that would run code: refused, and the interpreter's own audit saw that nothing was."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from campaign import enter
from omegaconf import OmegaConf
from payloads import CALLS, NO_NAMES, container, nodes, pickles, with_canary

from netyard import checkpoint, cli, plain, targets
from netyard.build import build
from netyard.errors import CheckpointError, ConfigError
from netyard.models import weights

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


def refused(attempt: Any, *kinds: type[BaseException], reads: Path | None = None) -> bool:
    """Whether an attempt ends in one of these errors, and nothing happened but that a file was read."""
    with watched() as seen:
        try:
            attempt()
        except kinds:
            pass
        else:
            return False
    strange = [each for each in seen if reads is None or each != ("open", (str(reads),))]
    assert not strange, strange
    return True


def test_the_audit_would_see_it(canary: Path) -> None:
    stream = next(pickles("builtins.open", [str(canary), "w"]))
    with watched() as seen:
        pickle.loads(stream).close()
    assert ("open", (str(canary),)) in seen and canary.exists()
    targets.allow(["os.mkdir"])
    with watched() as seen, contextlib.suppress(Exception):  # Hydra's own list knows this one
        build({"_target_": "importlib.import_module", "_args_": ["antigravity"]})
    assert not seen
    targets.allow(["pathlib.Path"])
    assert isinstance(build({"_target_": "pathlib.Path", "_args_": ["x"]}), Path), "what is allowed is built"
    targets.allow([])


def test_no_hostile_config_is_built(canary: Path) -> None:
    times = withstood = 0
    config = {"model": {"_target_": "netyard.models.mlp.MLP"}, "data": {"_target_": "netyard.data.scikit.ScikitData"}}
    for name, arguments in CALLS.items():
        for node in nodes(name, with_canary(arguments, str(canary))):
            recorded = {"netyard": {"config": {**config, "task": {"net": [node]}}, "choices": {}}}
            attempts = (
                (lambda node=node: build(node), ConfigError),
                (lambda node=node: build(OmegaConf.create(node)), ConfigError),
                (lambda made=recorded: checkpoint.rebuild(made, Path("best.ckpt")), CheckpointError),
            )
            for attempt, kind in attempts:
                times += 1
                withstood += refused(attempt, kind)
    for odd in NO_NAMES:
        times += 1
        withstood += refused(lambda odd=odd: build({"_target_": odd, "_args_": ["touch canary"]}), ConfigError)
    assert list(canary.parent.iterdir()) == []
    enter("given a config that names code to run", times, withstood)


INTERPOLATIONS = [
    {"net": "${oc.create:'{_target_: os.system, _args_: [touch canary]}'}"},
    {"net": "\\${oc.create:'{_target_: os.system, _args_: [touch canary]}'}"},
    {"net": "${x}", "x": {"_target_": "os.system", "_args_": ["touch canary"]}},
    {"net": ["${oc.decode:'{_target_: os.system}'}"]},
    {"net": "${oc.env:HOME}"},
    {"net": "${unclaimed:canary}"},
]


@pytest.mark.parametrize("keys", INTERPOLATIONS)
def test_a_recorded_config_is_followed_nowhere(canary: Path, keys: dict[str, Any]) -> None:
    node = {"_target_": "netyard.models.mlp.MLP", **keys}
    with watched() as seen, pytest.raises(ConfigError):
        build(node)
    assert not seen and not canary.exists()


def test_no_hostile_pickle_is_opened(canary: Path) -> None:
    honest = io.BytesIO()
    torch.save({"state_dict": {"net.weight": torch.zeros(2)}}, honest)
    path, times, withstood = canary.parent / "best.ckpt", 0, 0
    readers = (
        (lambda: plain.load(path), plain.UNREADABLE),
        (lambda: checkpoint.read(path), (CheckpointError,)),
        (lambda: weights.read(str(path)), (ValueError,)),
    )
    path.write_bytes(b"nothing")
    for read, kinds in readers:  # what torch imports late is imported now
        with contextlib.suppress(*kinds):
            read()
    for name, arguments in CALLS.items():
        if not name.isascii() or not all(part.isidentifier() for part in name.split(".")) or "." not in name:
            continue
        for stream in pickles(name, with_canary(arguments, str(canary))):
            path.write_bytes(container(times % 3, stream, honest.getvalue()))
            read, kinds = readers[times // 3 % 3]
            times += 1
            withstood += refused(read, *kinds, reads=path)
    assert not canary.exists()
    enter("given a checkpoint whose pickle would run code", times, withstood)


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


def test_no_hostile_override_is_followed(train, canary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    enter("given an override that names code to run", times, withstood)


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


@pytest.mark.parametrize(
    "words", [["--allow-target"], ["--allow-target="], ["--allow-target=os.*"], ["--allow-target", "a b"]]
)
def test_the_flag_takes_one_name(train, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    ran = train(*RUN, *words)
    assert ran.code == 2 and "try --allow-target my_package" in ran.err
    assert cli.main(["evaluate", "run=x", *words]) == 2
    assert "try --allow-target my_package" in capsys.readouterr().err
