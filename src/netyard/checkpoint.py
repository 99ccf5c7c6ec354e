"""The checkpoint protocol: how a file is written so that it is whole, what it holds, and how it is read back.

A checkpoint is what Lightning makes of a run (weights, optimizers, schedules, loops, callbacks) plus ``netyard``: the
resolved config and the choices as plain types, so that the file alone rebuilds its network. Every load is
``weights_only=True``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io import TorchCheckpointIO
from lightning.fabric.utilities.types import _PATH
from lightning.pytorch import LightningDataModule, LightningModule

from netyard.build import build
from netyard.errors import CheckpointError
from netyard.files import whole
from netyard.rundir import RunDir
from netyard.scores.cache import UNREADABLE, load_plain

SCHEMA = 1


class WholeFileIO(TorchCheckpointIO):
    """Writes beside the destination, syncs, and renames: a kill leaves the old file or the new one, never half of one.

    Lightning stages in ``$TMPDIR`` and moves; on another file system the move is a copy, and a kill leaves it torn.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: _PATH, storage_options: Any = None) -> None:
        with whole(path, "wb") as file:
            torch.save(checkpoint, file)

    def load_checkpoint(
        self, path: _PATH, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        return read(Path(path))


def describe(config: Mapping[str, Any], choices: Mapping[str, Any]) -> dict[str, Any]:
    """What a checkpoint says of its own making."""
    return {"schema": SCHEMA, "config": dict(config), "choices": dict(choices)}


def read(path: Path) -> dict[str, Any]:
    """Load a checkpoint to the CPU, tensors and plain types only.

    Raises:
        CheckpointError: no such file, a broken one, one with other objects in it, or one of a later netyard.
    """
    if not path.is_file():
        raise CheckpointError(
            f"there is no checkpoint at {path};",
            "a run writes best.ckpt and last.ckpt into checkpoints/;",
            "check the run directory.",
        )
    try:
        checkpoint = load_plain(path)
        if not isinstance(checkpoint, dict) or not isinstance(checkpoint.get("netyard", {}), dict):
            raise ValueError(f"a {type(checkpoint).__name__} that no run wrote")
    except UNREADABLE as error:
        raise CheckpointError(
            f"{path} cannot be read as a checkpoint: {(str(error) or type(error).__name__).splitlines()[0]};",
            "a checkpoint is a file that torch.save wrote, of tensors and plain types only;",
            "if it was cut short, take the other one of best.ckpt and last.ckpt.",
        ) from error
    if checkpoint.get("netyard", {}).get("schema", 0) > SCHEMA:
        raise CheckpointError(
            f"{path} was written by a later netyard;",
            f"this one reads schema {SCHEMA};",
            "install a netyard as new as the run's.",
        )
    return checkpoint


def load(run_dir: str | Path, which: str = "best") -> LightningModule:
    """The trained task of a run, in evaluation mode on the CPU, rebuilt from nothing but its directory.

    Args:
        run_dir: a run's directory.
        which: ``best`` or ``last``.

    Raises:
        CheckpointError: see ``read``.
    """
    path = RunDir(run_dir).checkpoints / f"{which}.ckpt"
    return rebuild(read(path), path)


def made_of(checkpoint: Mapping[str, Any], path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The config and the choices of the run that wrote a checkpoint, which was read from ``path``.

    Raises:
        CheckpointError: it does not say.
    """
    described = checkpoint.get("netyard", {})
    if "config" not in described:
        raise CheckpointError(
            f"{path} does not say what network it is of;",
            "netyard writes the config into each of its checkpoints;",
            "check that a run of netyard wrote it.",
        )
    return dict(described["config"]), dict(described["choices"])


def rebuild(checkpoint: Mapping[str, Any], path: Path) -> LightningModule:
    """The task of a checkpoint read from ``path``, with its weights, in evaluation mode on the CPU.

    Raises:
        CheckpointError: it does not say what it is of.
    """
    config, _ = made_of(checkpoint, path)
    task = build(without_pretrained(config)["task"])
    restore(task, checkpoint)
    return task.eval()


def restore(task: LightningModule, checkpoint: Mapping[str, Any]) -> None:
    """Put a checkpoint's weights into a task.

    Raises:
        CheckpointError: the weights are another network's.
    """
    try:
        task.load_state_dict(checkpoint["state_dict"])
    except RuntimeError as error:
        made = checkpoint.get("netyard", {}).get("choices", {})
        reason = str(error).splitlines()[min(1, str(error).count("\n"))].strip()
        raise CheckpointError(
            f"the checkpoint does not fit the network: {reason};",
            f"it holds model={made.get('model')} trained on data={made.get('data')};",
            "evaluate with the model the run was made of.",
        ) from error


def restore_data(data: LightningDataModule, checkpoint: Mapping[str, Any]) -> None:
    """Give data what the run's own had learned from its training part, a vocabulary for instance."""
    target = checkpoint["netyard"]["config"]["data"]["_target_"]
    if state := checkpoint.get(target.rpartition(".")[2]):  # Lightning keeps it under the name of the class
        data.load_state_dict(state)


def without_pretrained(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config of a run with nothing to download: a checkpoint brings every weight itself."""
    model = {key: (False if key == "pretrained" else value) for key, value in config["model"].items()}
    return {**config, "model": model, "task": {**config["task"], "net": model}}
