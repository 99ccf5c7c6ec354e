"""The config group ``trainer`` as arguments of Lightning's Trainer, and as callbacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch.profilers import SimpleProfiler

from netyard.config.catalog import option_file
from netyard.errors import ConfigError
from netyard.run_directories.directory import RunDir
from netyard.training import trainer_arguments


def given(**keys: Any) -> dict[str, Any]:
    return {**option_file("trainer", "auto"), "max_epochs": 5, **keys}


def test_keys_of_netyard_are_not_passed_on(tmp_path: Path) -> None:
    found = trainer_arguments.arguments(given(max_epochs=None, max_time="1h"), RunDir(tmp_path))
    assert not {*trainer_arguments.OWN_KEYS} & {*found}
    assert found["max_epochs"] == -1 and found["enable_progress_bar"] is False and "fast_dev_run" not in found


@pytest.mark.parametrize(("value", "batches"), [(True, 1), (3, 3)])
def test_a_fast_run_is_of_so_many_batches(value: Any, batches: int, tmp_path: Path) -> None:
    found = trainer_arguments.arguments(
        given(fast_dev_run=value, max_steps=900, val_check_interval=7), RunDir(tmp_path)
    )
    assert [found[f"limit_{stage}_batches"] for stage in ("train", "val", "test")] == [batches] * 3
    assert (found["max_epochs"], found["max_steps"], found["val_check_interval"]) == (1, -1, 1.0)


def test_a_profiler_writes_into_the_run_directory(tmp_path: Path) -> None:
    found = trainer_arguments.arguments(given(profiler="simple"), RunDir(tmp_path))["profiler"]
    assert isinstance(found, SimpleProfiler) and found.dirpath == str(tmp_path)


@pytest.mark.parametrize(
    ("keys", "names"),
    [
        ({}, ["CutEpoch"]),
        ({"accumulate_grad_batches": 3}, ["CutEpoch", "LastAccumulation"]),
        ({"max_time": "2h", "min_steps": 5}, ["CutEpoch", "TimeLimit", "Minimum"]),
        ({"max_steps": 10}, ["CutEpoch", "EpochsFirst"]),
        ({"max_steps": 10, "max_epochs": -1}, ["CutEpoch"]),
    ],
    ids=str,
)
def test_some_arguments_are_callbacks(keys: dict[str, Any], names: list[str]) -> None:
    assert [type(each).__name__ for each in trainer_arguments.callbacks(given(**keys), [])] == names


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("accelerator", ["cpu", "auto"])
def test_float16_on_the_cpu_is_refused_and_said_of_a_resumed_run(accelerator: str, caplog) -> None:
    node = given(precision="16-mixed", accelerator=accelerator)
    with pytest.raises(ConfigError, match=r"the device is the CPU; .* try trainer\.precision=bf16-mixed"):
        trainer_arguments.require_precision(node, resumed=False)
    trainer_arguments.require_precision(node, resumed=True)
    assert "on the CPU trainer.precision=16-mixed is bf16-mixed" in caplog.text
    trainer_arguments.require_precision(given(precision="bf16-mixed", accelerator=accelerator), resumed=False)
