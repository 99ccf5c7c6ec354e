"""Configs and pickles that would run code: refused, and the interpreter's own audit saw that nothing was."""

from __future__ import annotations

import contextlib
import io
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from netyard.cli import main
from netyard.config import allowlist
from netyard.config.instantiate import build
from netyard.errors import CheckpointError, ConfigError
from netyard.io import safe_load
from netyard.models import weight_files
from netyard.training import checkpoint
from support.audit import refused, watched
from support.hostile_payloads import CALLS, NO_NAMES, container, nodes, pickles, with_canary

RUN = ("model=mlp_tiny", "data=iris", "trainer=cpu", "trainer.max_epochs=1", "logger=none")
CHUNKS = 4


@pytest.fixture
def canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "canary"


def test_the_audit_would_see_it(canary: Path) -> None:
    stream = next(pickles("builtins.open", [str(canary), "w"]))
    with watched() as seen:
        pickle.loads(stream).close()
    assert ("open", (str(canary),)) in seen and canary.exists()
    allowlist.allow(["os.mkdir"])
    with watched() as seen, contextlib.suppress(Exception):  # Hydra's own list knows this one
        build({"_target_": "importlib.import_module", "_args_": ["antigravity"]})
    assert not seen
    allowlist.allow(["pathlib.Path"])
    assert isinstance(build({"_target_": "pathlib.Path", "_args_": ["x"]}), Path), "what is allowed is built"
    allowlist.allow([])


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_no_hostile_config_is_built(tally, canary: Path, chunk: int) -> None:
    times = withstood = 0
    config = {
        "model": {"_target_": "netyard.models.mlp.MLP"},
        "data": {"_target_": "netyard.data.tables.scikit.ScikitData"},
    }
    for name, arguments in [*CALLS.items()][chunk::CHUNKS]:
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
    for odd in NO_NAMES[chunk::CHUNKS]:
        times += 1
        withstood += refused(lambda odd=odd: build({"_target_": odd, "_args_": ["touch canary"]}), ConfigError)
    assert list(canary.parent.iterdir()) == []
    tally("given a config that names code to run", times, withstood)


@pytest.mark.parametrize("container_kind", range(3), ids=["bare", "zip", "tar"])
def test_no_hostile_pickle_is_opened(tally, canary: Path, container_kind: int) -> None:
    honest = io.BytesIO()
    torch.save({"state_dict": {"net.weight": torch.zeros(2)}}, honest)
    path, times, withstood = canary.parent / "best.ckpt", 0, 0
    readers = (
        (lambda: safe_load.load(path), safe_load.UNREADABLE),
        (lambda: checkpoint.read(path), (CheckpointError,)),
        (lambda: weight_files.read(str(path)), (ValueError,)),
    )
    path.write_bytes(b"nothing")
    for read, kinds in readers:  # what torch imports late is imported now
        with contextlib.suppress(*kinds):
            read()
    streams = [
        stream
        for name, arguments in CALLS.items()
        if "." in name and name.isascii() and all(part.isidentifier() for part in name.split("."))
        for stream in pickles(name, with_canary(arguments, str(canary)))
    ]
    for stream in streams[container_kind::3]:
        path.write_bytes(container(container_kind, stream, honest.getvalue()))
        read, kinds = readers[times % 3]
        times += 1
        withstood += refused(read, *kinds, reads=path)
    assert not canary.exists()
    tally("given a checkpoint whose pickle would run code", times, withstood)


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


@pytest.mark.parametrize(
    "words", [["--allow-target"], ["--allow-target="], ["--allow-target=os.*"], ["--allow-target", "a b"]]
)
def test_the_flag_takes_one_name(train, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    ran = train(*RUN, *words)
    assert ran.code == 2 and "try --allow-target my_package" in ran.err
    assert main.main(["evaluate", "run=x", *words]) == 2
    assert "try --allow-target my_package" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("file", "name", "found"),
    [
        ("net.py", "net.Net", True),
        ("nets/net.py", "nets.net.Net", True),
        ("nets/small/net.py", "nets.small.net.Net", True),
        ("nets/src/nets/net.py", "nets.net.Net", False),
    ],
)
def test_an_allowed_class_is_found_in_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, name: str, found: bool
) -> None:
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text("class Net: ...\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each])
    allowlist.allow([name])
    try:
        assert (str(tmp_path) in sys.path) == found
    finally:
        allowlist.allow([])
