"""What is imported for good is not looked through for garbage."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator

import pytest
import torch

from netyard.cli import torch_import


@pytest.fixture
def asleep(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("asleep")
def test_nothing_is_collected_while_torch_wakes_and_all_of_it_stays() -> None:
    with torch_import.torch():
        assert not gc.isenabled()
        made = [[number] for number in range(1000)]
    assert gc.isenabled()
    assert gc.get_freeze_count() >= len(made)
    assert not any(each is made for each in gc.get_objects())


@pytest.mark.usefixtures("asleep")
def test_an_import_that_fails_leaves_the_collection_on() -> None:
    with pytest.raises(ImportError), torch_import.torch():
        raise ImportError
    assert gc.isenabled()


def test_torch_awake_is_left_alone() -> None:
    """Jobs may share a process: what one has left behind must not stay for good."""
    assert sys.modules["torch"] is torch
    frozen = gc.get_freeze_count()
    with torch_import.torch():
        assert gc.isenabled()
    assert gc.get_freeze_count() == frozen
