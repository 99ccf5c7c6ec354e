"""What libraries say and what people mistype, each answered by one message."""

from __future__ import annotations

import random
from itertools import islice

import pytest
import torch

from netyard.cli import error_messages
from netyard.errors import LostPeer, PlatformError
from support.typos import GRAMMAR, fault, mistakes, quickened


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
    found = error_messages.explain(error)
    assert isinstance(found, kind) and said in str(found)


@pytest.mark.parametrize(("kind", "times"), [("options", 18), ("keys", 5), ("values", 4)])
def test_a_mistake_is_named_in_one_message(train, rng: random.Random, monkeypatch, kind: str, times: int) -> None:
    quickened(monkeypatch)
    faults = [fault(train, text, named) for text, named in islice(mistakes(kind, rng), times)]
    assert faults == [""] * times


def test_what_hydra_cannot_read_is_one_message(train, rng: random.Random, monkeypatch) -> None:
    quickened(monkeypatch)
    assert [fault(train, text, "") for text in rng.sample(GRAMMAR, 3)] == [""] * 3
