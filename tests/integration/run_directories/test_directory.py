"""A run's directory that is deleted while it runs, or that has an odd name."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from netyard.callbacks.terminate_on_nan import Finite
from netyard.run_directories.directory import RunDir

IRIS = ("model=mlp_tiny", "data=iris", "trainer=cpu", "logger=none")


def test_a_directory_that_is_deleted_ends_the_run_with_one_message(train, monkeypatch) -> None:
    def deleted(self: Finite, trainer: Any, module: Any) -> None:
        if trainer.current_epoch == 1:
            shutil.rmtree(trainer.default_root_dir)

    monkeypatch.setattr(Finite, "on_train_epoch_end", deleted)
    ran = train(*IRIS, "trainer.max_epochs=4")
    assert ran.code == 5 and "was deleted while the run wrote to it" in ran.err
    assert ran.err.count("error: ") == 1 and "Traceback" not in ran.err
    assert not ran.path.exists()


def test_odd_names_and_values_come_back_as_they_were(train, tmp_path: Path) -> None:
    run = tmp_path / "a b=ü,[c]"
    tags = """tags=["two words","x=y","new\\nline","日本","it's"]"""
    assert train(*IRIS, tags, "trainer.max_epochs=1", f"hydra.run.dir='{run}'").code == 0
    before = (run / ".hydra" / "overrides.yaml").read_text()
    resumed = train(f"resume='{run}'", "trainer.max_epochs=2")
    assert resumed.code == 0, resumed.err
    assert RunDir(run).results()["epochs"] == 2 and RunDir(run).overrides()[: len(IRIS)] == [*IRIS]
    assert before.splitlines()[len(IRIS)] in (run / ".hydra" / "overrides.yaml").read_text()
    assert RunDir(run).status()["state"] == "completed"
