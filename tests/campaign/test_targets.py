"""Configs and pickles that would run code: refused, and the interpreter's own audit saw that nothing was."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from netyard import checkpoint, plain, targets
from netyard.build import build
from netyard.errors import CheckpointError, ConfigError
from netyard.models import weights
from support.hostile_payloads import CALLS, NO_NAMES, container, nodes, pickles, with_canary

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


def test_no_hostile_config_is_built(tally, canary: Path) -> None:
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
    tally("given a config that names code to run", times, withstood)


def test_no_hostile_pickle_is_opened(tally, canary: Path) -> None:
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
    tally("given a checkpoint whose pickle would run code", times, withstood)
