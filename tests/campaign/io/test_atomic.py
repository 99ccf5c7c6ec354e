"""A process that dies at any instant of a write leaves what was there before or the new, whole; the next tidies up."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from support import file_writers, tensor_writers
from support.fork_server import ForkServer
from support.kill_points import deaths, server_of
from support.warm_processes import WarmServer

KINDS = {kind: module for module in (file_writers, tensor_writers) for kind in module.WRITERS}


@pytest.fixture(scope="module")
def servers(warm_server: WarmServer) -> Iterator[dict[str, ForkServer]]:
    """By the modules of the writers."""
    with ExitStack() as stack:
        modules = (file_writers.__name__, tensor_writers.__name__)
        yield {module: stack.enter_context(closing(server_of(module, warm_server))) for module in modules}


@pytest.mark.parametrize("kind", KINDS)
def test_a_kill_at_any_point_of_any_write(tally, servers, kind: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)  # as the server does
    module, faults = KINDS[kind], []
    for number, (name, writer) in enumerate(module.WRITERS[kind].items()):
        for point, wrong in deaths(servers[module.__name__], kind, name, writer, tmp_path / str(number)):
            faults.append(wrong)
            print(*[f"{name}, {point}: {wrong[:500]}"] * bool(wrong), sep="\n", end="")
    tally("killed at any call that writes, and within any file", len(faults), faults.count(""))
