"""A Trainer for tests of tasks: on the CPU, without output and files."""

from __future__ import annotations

from typing import Any

import lightning as L


def trainer_of(epochs: int = 1, **settings: Any) -> L.Trainer:
    quiet = {
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "num_sanity_val_steps": 0,
    }
    return L.Trainer(accelerator="cpu", max_epochs=epochs, **{**quiet, **settings})
