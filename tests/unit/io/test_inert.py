"""Stand-ins for objects beside weights: which are accepted, and that none does anything."""

from __future__ import annotations

import argparse
import collections
import datetime
import os
import types
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
import torch
from lightning.fabric.utilities.data import AttributeDict
from omegaconf import OmegaConf

from netyard.io import inert, safe_load

BESIDE: dict[str, Any] = {
    "namespace": argparse.Namespace(lr=0.1, path=Path("x")),
    "simple namespace": types.SimpleNamespace(a=1),
    "numpy scalars": [np.float64(1.5), np.float32(1), np.int64(3), np.bool_(True)],
    "numpy arrays": [np.arange(3.0), np.array(["a"]), np.dtype("float32")],
    "numpy's random state": np.random.get_state(),
    "paths": [Path("x"), PurePosixPath("y")],
    "times": [datetime.datetime(2026, 1, 1), datetime.timedelta(1)],
    "collections": [collections.defaultdict(list, {"a": [1]}), collections.deque([1]), frozenset([1])],
    "omegaconf": OmegaConf.create({"a": {"b": [1, 2, "x"]}, "c": 1.5, "d": None}),
    "lightning": AttributeDict({"lr": 0.1}),
    "torch's version": torch.__version__,
    "types": [list, int],
}


@dataclass
class Settings:
    lr: float = 0.1


@pytest.mark.parametrize("beside", BESIDE.values(), ids=BESIDE)
@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_harmless_objects_are_replaced(beside: Any, zipped: bool, tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    torch.save({"model": {"w": torch.ones(2)}, "beside": beside}, path, _use_new_zipfile_serialization=zipped)
    content = safe_load.load_weights(path)
    assert torch.equal(content["model"]["w"], torch.ones(2))
    # Only the reader of foreign weights has stand-ins, and only while it reads.
    if any(isinstance(each, argparse.Namespace | Path) for each in (beside if isinstance(beside, list) else [beside])):
        with pytest.raises(safe_load.UNREADABLE):
            safe_load.load(path)


def test_a_class_of_a_training_script_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import __main__

    monkeypatch.setattr(Settings, "__module__", "__main__")
    monkeypatch.setattr(__main__, "Settings", Settings, raising=False)
    torch.save({"w": torch.ones(2), "config": Settings()}, tmp_path / "x.pt")
    monkeypatch.undo()
    assert isinstance(safe_load.load_weights(tmp_path / "x.pt")["config"], inert.Inert)


class Evil:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.mark}",)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_an_object_that_could_run_code_is_refused(tmp_path: Path, zipped: bool) -> None:
    mark = tmp_path / "mark"
    torch.save({"w": torch.ones(2), "args": Evil(mark)}, tmp_path / "x.pt", _use_new_zipfile_serialization=zipped)
    with pytest.raises(safe_load.UNREADABLE):
        safe_load.load_weights(tmp_path / "x.pt")
    assert not mark.exists()


@pytest.mark.parametrize(
    "name",
    [
        "__main__.__builtins__",
        "__main__.__builtins__.eval",
        "__main__.main",
        "__main__.A.b",
        "os.system",
        "timm.create_model",
    ],
)
def test_other_names_have_no_stand_in(name: str) -> None:
    assert name not in {listed for _, listed in inert.stand_ins({name})}


def test_a_stand_in_keeps_and_calls_nothing() -> None:
    made = inert.Inert(print, "x", key=1)
    made.__setstate__({"a": print})
    assert vars(made) == {} and inert.InertDict(print) == {} and inert.InertList(print) == []
