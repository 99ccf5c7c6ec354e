"""What the machine does to the processes of a run: one message, its code, and a run that can go on."""

from __future__ import annotations

import pytest
import torch

from netyard import explain
from netyard.errors import LostPeer, PlatformError


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (MemoryError(), PlatformError, "not enough memory: MemoryError, after "),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), PlatformError, "data.batch_size"),
        (torch.OutOfMemoryError("CUDA out of memory. Tried"), PlatformError, "not enough memory: CUDA"),
        (OSError(11, "Resource temporarily unavailable"), PlatformError, "ulimit"),
        (OSError(24, "Too many open files", "x.png"), PlatformError, "x.png: Too many open files"),
        (OSError(28, "No space left on device"), PlatformError, "the disk is full"),
        (OSError(5, "Input/output error", "a"), PlatformError, "a: Input/output error"),
        (RuntimeError("Could not determine home directory."), PlatformError, "set HOME"),
        (RuntimeError("Connection closed by peer [127.0.0.1]:1"), LostPeer, "another process"),
        (RuntimeError("what no library says"), type(None), "None"),
        (FileNotFoundError(2, "No such file", "x"), type(None), "None"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_libraries_say_of_the_machine_is_understood(error: Exception, kind: type, said: str) -> None:
    found = explain.explain(error)
    assert isinstance(found, kind) and said in str(found)
