"""The checkpoint protocol: how a file is written so that it is whole, what it holds, and how it is read back.

A checkpoint is Lightning's (weights, optimizers, schedulers, loops, callbacks) with one more key, ``netyard``: the
resolved config and the choices as plain types, so that the file alone is enough to rebuild its network. Every load is
``weights_only=True``.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io import TorchCheckpointIO
from lightning.pytorch import LightningDataModule, LightningModule

from netyard.config import allowlist, renamed
from netyard.config.flatten import leaves
from netyard.config.instantiate import build
from netyard.errors import CheckpointError, ConfigError, DataError
from netyard.io import redact, safe_load
from netyard.io.atomic import open_atomically
from netyard.run_directories import manifest
from netyard.run_directories.directory import RunDir
from netyard.run_directories.manifest import Hashing
from netyard.tasks.interfaces import class_names

SCHEMA = 1


class WholeFileIO(TorchCheckpointIO):
    """Writes beside the destination, syncs, and renames: a kill leaves the old file or the new one, never half of one.

    Lightning stages in ``$TMPDIR`` and moves; on another file system the move is a copy, and a kill leaves it torn.
    ``saved`` has the size and the SHA-256 of what was written last.

    Args:
        found: a path and what ``find`` read there, handed out instead of being read once more.
    """

    def __init__(self, found: tuple[Path, dict[str, Any]] | None = None) -> None:
        super().__init__()
        self.saved = (0, "")
        self._found = found

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        with open_atomically(path, "wb") as file:
            hashing = Hashing(file)
            try:
                torch.save(checkpoint, hashing)
            except RuntimeError as error:
                # torch hides the OSError of a failed write behind a RuntimeError; the caller needs its errno.
                raise error.__context__ if isinstance(error.__context__, OSError) else error from None
            finally:
                self.saved = hashing.size, hashing.close()

    def load_checkpoint(
        self, path: str | Path, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        # Handed out once: a reference kept here would hold the whole state in memory during training.
        found, self._found = self._found, None
        return found[1] if found and found[0] == Path(path) else read(Path(path))


def describe(config: Mapping[str, Any], choices: Mapping[str, Any]) -> dict[str, Any]:
    """The ``netyard`` entry of a checkpoint: schema version, config without secrets, and choices."""
    return {"schema": SCHEMA, "config": redact.tree(config), "choices": dict(choices)}


def read(path: Path) -> dict[str, Any]:
    """Load a checkpoint to the CPU, tensors and plain types only; ``last.ckpt`` is the newest whole one of its run.

    Raises:
        CheckpointError: see ``find``.
    """
    return find(path)[1]


def find(path: Path) -> tuple[Path, dict[str, Any]]:
    """The file that a name stands for, and what is in it.

    Raises:
        CheckpointError: no such file, a broken one, one with other objects in it, or one of a later netyard.
    """
    asked, verified = path, manifest.find_verified(path)
    path = verified or asked
    if not path.is_file():
        raise CheckpointError(
            f"there is no checkpoint at {path};",
            "a run writes best.ckpt and last.ckpt into checkpoints/;",
            "check the run directory.",
        )
    try:
        # A file with a manifest has just been compared with its SHA-256; any other is checked by its own CRCs.
        if verified is None:
            require_intact(path)
        checkpoint = safe_load.load(path)
        if not isinstance(checkpoint, dict) or not isinstance(checkpoint.get("netyard", {}), dict):
            raise ValueError(f"it holds a {type(checkpoint).__name__}, not a run's state")
    except safe_load.UNREADABLE as error:
        raise CheckpointError(
            f"{asked} cannot be read as a checkpoint: {(str(error) or type(error).__name__).splitlines()[0]};",
            "a checkpoint is a file that torch.save wrote, of tensors and plain types only;",
            "if it was cut short, take the other one of best.ckpt and last.ckpt.",
        ) from error
    if checkpoint.get("netyard", {}).get("schema", 0) > SCHEMA:
        raise CheckpointError(
            f"{path} was written by a later netyard;",
            f"this one reads schema {SCHEMA};",
            "install a netyard as new as the run's.",
        )
    return path, checkpoint


def require_intact(path: Path) -> None:
    """Check the CRCs and the directory of a zip file, which ``torch.load`` does not.

    Raises:
        ValueError: a record or the directory is damaged.
    """
    try:
        if not zipfile.is_zipfile(path):
            return
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
            attributes = {(each.external_attr, each.internal_attr, each.compress_type) for each in archive.infolist()}
    except (zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        raise ValueError(str(error)) from error
    if damaged:
        raise ValueError(f"{damaged} in it is damaged")
    # torch.save stores every record alike. A record whose attributes mark it as a folder would be loaded as empty.
    if attributes != {(0, 0, zipfile.ZIP_STORED)}:
        raise ValueError("the list of what is in it is damaged")


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


def read_best(run_dir: RunDir) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The best checkpoint of a run, with the config and the choices in it.

    Raises:
        CheckpointError: the run does not exist or has saved nothing, or the file is another run's or is broken.
    """
    run_dir.require()
    if not run_dir.has_checkpoint and not run_dir.best.is_file():
        status = run_dir.status()
        state, error = status.get("state", "in an unknown state"), status.get("error")
        raise CheckpointError(
            f"there is no checkpoint at {run_dir.best}: the run is {state}{f', by {error}' if error else ''};",
            "its best network is saved after its first epoch;",
            f"continue it with python train.py resume={run_dir.path}.",
        )
    checkpoint = read(run_dir.best)
    config, choices = config_and_choices(checkpoint, run_dir.best)
    _require_own(run_dir, config, choices)
    return checkpoint, config, choices


def _require_own(run_dir: RunDir, config: Mapping[str, Any], choices: Mapping[str, Any]) -> None:
    """Refuse a checkpoint that was put into the directory of a run that did not write it."""
    written, chosen = run_dir.composed()
    pairs = [(group, choices.get(group), chosen.get(group)) for group in ("model", "data", "task") if chosen]
    # Interpolations of the composed config are left out: only the checkpoint has them resolved.
    own, found = (dict(leaves(each.get("model") or {})) for each in (written, config))
    keys = [(f"model.{key}", found.get(key), value) for key, value in own.items() if "${" not in str(value)]
    # Choices first: another model differs in dozens of keys, and its name says all of them.
    for differing in ([each for each in some if each[1] != each[2]] for some in (pairs, keys)):
        if differing:
            differences = [f"{key} is {has} in it, and {value} in the run" for key, has, value in differing[:3]]
            raise CheckpointError(
                f"{run_dir.best} is another run's: {', '.join(differences)}{', ...' * (len(differing) > 3)};",
                "a run's directory and its checkpoints belong together;",
                "put its own back, or name the run that these came from.",
            )


def config_and_choices(checkpoint: Mapping[str, Any], path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The config and the choices of the run that wrote a checkpoint, which was read from ``path``.

    Raises:
        CheckpointError: it contains no config, or the config names a target that is not allowed; see ``allowlist``.
    """
    described = checkpoint.get("netyard", {})
    if "config" not in described:
        raise CheckpointError(
            f"{path} contains no netyard config;",
            "netyard writes the config into each of its checkpoints;",
            "check that a run of netyard wrote it.",
        )
    allowlist.require(described["config"], f"in {path}, config", CheckpointError)
    return renamed.config(described["config"]), dict(described["choices"])


def rebuild(checkpoint: Mapping[str, Any], path: Path, settings: Mapping[str, Any] | None = None) -> LightningModule:
    """The task of a checkpoint read from ``path``, with its weights, in evaluation mode on the CPU.

    Args:
        checkpoint: see ``read``.
        path: where it was read, for messages.
        settings: of the task, to be taken instead of the run's own.

    Raises:
        CheckpointError: it contains no netyard config; see ``config_and_choices``.
        ConfigError: with these settings the task has other weights.
    """
    config, _ = config_and_choices(checkpoint, path)
    # Only settings that differ can be the reason for weights that do not fit.
    changed = [key for key, value in (settings or {}).items() if value != config["task"].get(key)]
    task = build(without_pretrained({**config, "task": {**config["task"], **(settings or {})}})["task"])
    try:
        restore(task, checkpoint)
    except CheckpointError as error:
        if not changed:
            raise
        raise ConfigError(
            f"with another {' and '.join(f'task.{key}' for key in changed)} the task has other weights: {error.given}",
            "a trained network can be tested with other settings, but its structure is fixed;",
            "leave that out, or train with it.",
        ) from error
    return task.eval()


def restore(task: LightningModule, checkpoint: Mapping[str, Any]) -> None:
    """Put a checkpoint's weights into a task.

    Raises:
        CheckpointError: the weights do not fit the network.
    """
    try:
        task.load_state_dict(checkpoint["state_dict"])
    except RuntimeError as error:
        made = checkpoint.get("netyard", {}).get("choices", {})
        # torch's first line only names the class; the second has the first key or shape that differs.
        reason = str(error).splitlines()[min(1, str(error).count("\n"))].strip()
        raise CheckpointError(
            f"the checkpoint does not fit the network: {reason};",
            f"it holds model={made.get('model')} trained on data={made.get('data')};",
            "evaluate with the model the run was made of.",
        ) from error


def restore_data(data: LightningDataModule, checkpoint: Mapping[str, Any]) -> None:
    """Load the state that the run's data module learned from its training part, a vocabulary for instance."""
    if state := _data_state(checkpoint):
        data.load_state_dict(state)


def build_data(checkpoint: Mapping[str, Any], config: Mapping[str, Any]) -> LightningDataModule:
    """The data module of a run, with what it learned from its training part; ``read_best`` returns both arguments."""
    data = build(config["data"])
    restore_data(data, checkpoint)
    return data


def require_classes(data: LightningDataModule, checkpoint: Mapping[str, Any]) -> None:
    """Refuse data whose classes are not those of the run: a network knows them by their numbers alone.

    Raises:
        DataError: another name, or another order.
    """
    known = _data_state(checkpoint).get("class_names") or []
    if not known:
        return
    data.prepare_data()
    data.setup("test")
    found = class_names(data) or known
    # MNIST's own name of a class is "0 - zero", where others call it "0".
    pairs = zip_longest(*([name.partition(" - ")[0] for name in names] for names in (found, known)))
    number = next((number for number, (one, other) in enumerate(pairs) if one != other), None)
    if number is None:
        return
    of_data, of_run = (", ".join(names[:20]) + ", ..." * (len(names) > 20) for names in (found, known))
    raise DataError(
        f"the classes of the data are {of_data};",
        f"those that the run was trained on are {of_run}, and from number {number} on they differ;",
        "test on data with the same classes, named alike, or train anew.",
    )


def _data_state(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """The state of the run's data module, which Lightning keeps under the name of its class."""
    return checkpoint.get(checkpoint["netyard"]["config"]["data"]["_target_"].rpartition(".")[2]) or {}


def without_pretrained(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config of a run with nothing to download: a checkpoint brings every weight itself."""
    model = {key: (False if key == "pretrained" else value) for key, value in config["model"].items()}
    return {**config, "model": model, "task": {**config["task"], "net": model}}
