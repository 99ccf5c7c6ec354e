"""The process that forks jobs says so if what they need cannot be imported."""

from __future__ import annotations

import json
import signal
import socket

import pytest

from netyard.sweeps.runners import fork_server


def test_a_package_that_cannot_be_imported_is_reported_and_the_server_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise RuntimeError("operator torchvision::nms does not exist\nmore lines")

    handler, wake = signal.getsignal(signal.SIGCHLD), signal.set_wakeup_fd(-1)
    monkeypatch.setattr(fork_server, "_warm_up", refuse)
    ours, theirs = socket.socketpair()
    try:
        with ours, theirs:
            assert fork_server.Server(theirs).serve() is None
            assert json.loads(ours.recv(4096)) == {"broken": "RuntimeError: operator torchvision::nms does not exist"}
    finally:
        signal.set_wakeup_fd(wake)
        signal.signal(signal.SIGCHLD, handler)
