"""What makes a test a unit test: it trains nothing and starts no process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

STARTS = ("subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.exec", "os.system")

_running: str | None = None


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _running is not None and event in STARTS:
        raise RuntimeError(f"{_running} starts a process ({event}); its place is tests/integration or tests/system")


# An audit hook stays for the life of the process, and watches while a unit test runs.
sys.addaudithook(_audit)


@pytest.fixture(autouse=True)
def neither_trains_nor_starts_a_process(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Fails a test that runs a Trainer or a process: there is a tier for those, and this one stays quick."""
    global _running

    # Not above: the process that only hands out the tests needs no torch.
    from lightning import Trainer

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError(f"{request.node.nodeid} trains; its place is tests/integration")

    for name in ("fit", "validate", "test", "predict"):
        monkeypatch.setattr(Trainer, name, refuse)
    _running = request.node.nodeid
    yield
    _running = None
