"""Checkpoints: write them atomically, read them safely, and rebuild the trained task from one.

A checkpoint is Lightning's (weights, optimizers, schedulers, loops, callbacks) with one more key, ``netyard``: the
resolved config and the choices as plain types, so that the file alone is enough to rebuild its network. Every load is
``weights_only=True``: an unpickled object could run code, and checkpoints are passed around.
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
from netyard.config.overrides import argument
from netyard.errors import CheckpointError, ConfigError, DataError, first_line
from netyard.io import redact, safe_load
from netyard.io.atomic import open_atomically
from netyard.io.process import train_command
from netyard.io.readable import listed
from netyard.run_directories import manifest
from netyard.run_directories.directory import RunDir
from netyard.run_directories.manifest import Hashing
from netyard.tasks.interfaces import class_names

SCHEMA = 1  # of the entry ``netyard``; a file with a higher number is refused


class WholeFileIO(TorchCheckpointIO):
    """Writes checkpoints atomically: after a kill the old file or the new one is there, never a part of one.

    Lightning writes to ``$TMPDIR`` and moves the file; on another file system the move is a copy, which a kill cuts
    short. Here the temporary file is in the destination folder, synced and renamed. ``saved`` is the size and the
    SHA-256 of the last file written.

    Args:
        found: a path and the content that ``find`` read there; the first load of this path returns it.
    """

    def __init__(self, found: tuple[Path, dict[str, Any]] | None = None) -> None:
        super().__init__()
        self.saved = (0, "")
        self._found = found

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        with open_atomically(path, "wb") as file:
            hashing = Hashing(file)  # the manifest needs the hash; computed while writing, not by reading again
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
        # Returned once: a reference kept here would hold the whole state in memory during training.
        found, self._found = self._found, None
        return found[1] if found and found[0] == Path(path) else read(Path(path))


def describe(config: Mapping[str, Any], choices: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ``netyard`` entry of a checkpoint: schema version, config without secrets, and choices."""
    return {"schema": SCHEMA, "config": redact.tree(config), "choices": dict(choices)}


def read(path: Path) -> dict[str, Any]:
    """Load a checkpoint to the CPU, tensors and plain types only; ``last.ckpt`` means the newest intact one of its run.

    Raises:
        CheckpointError: see ``find``.
    """
    return find(path)[1]


def find(path: Path) -> tuple[Path, dict[str, Any]]:
    """Return the file that ``path`` means (see ``manifest.find_verified``) and its content.

    Raises:
        CheckpointError: there is no such file, or it is broken, contains other objects than tensors and plain types,
            or was written by a later version of netyard.
    """
    requested, verified = path, manifest.find_verified(path)
    path = verified or requested
    if not path.is_file():
        raise CheckpointError(
            f"there is no checkpoint at {path};",
            "a run writes best.ckpt and last.ckpt into checkpoints/;",
            "check the run directory.",
        )
    try:
        # A file with a manifest has just been compared with its SHA-256; any other has only the CRCs of its zip.
        if verified is None:
            require_intact(path)
        checkpoint = safe_load.load(path)
        if not isinstance(checkpoint, dict) or not isinstance(checkpoint.get("netyard", {}), dict):
            # Inside the try: a valid torch.save file of something else gets the same message as a broken one.
            raise ValueError(f"it holds a {type(checkpoint).__name__}, not a run's state")
    except safe_load.UNREADABLE as error:
        # torch's messages have many lines of advice (such as weights_only=False); only the first is the reason.
        raise CheckpointError(
            f"{requested} cannot be read as a checkpoint: {first_line(error)};",
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
    """Check the CRCs and the central directory of a zip file, which ``torch.load`` does not.

    Raises:
        ValueError: a record or the directory is damaged.
    """
    try:
        if not zipfile.is_zipfile(path):  # torch.save before 1.6, or no checkpoint: the loader decides
            return
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
            attributes = {(each.external_attr, each.internal_attr, each.compress_type) for each in archive.infolist()}
    except (zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        raise ValueError(str(error)) from error
    if damaged:
        raise ValueError(f"{damaged} in it is damaged")
    # torch.save writes every record with the same attributes. A flipped bit that marks a record as a folder would
    # make torch load it as empty, and no CRC covers these bits.
    if attributes != {(0, 0, zipfile.ZIP_STORED)}:
        raise ValueError("the list of what is in it is damaged")


def load(run_dir: str | Path, which: str = "best") -> LightningModule:
    """Return the trained task of a run, in evaluation mode on the CPU, rebuilt from the run directory alone.

    Args:
        run_dir: a run's directory.
        which: ``best`` or ``last``.

    Raises:
        CheckpointError: see ``read``.
        ConfigError: ``which`` is another word.
    """
    path = RunDir(run_dir).checkpoint(which)
    return rebuild(read(path), path)


def read_of(run_dir: RunDir, which: str = "best") -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return the best or the last checkpoint of a run, with the config and the choices in it.

    Raises:
        CheckpointError: the run does not exist or has saved nothing, or the file is another run's or is broken.
        ConfigError: ``which`` is neither ``best`` nor ``last``.
    """
    path = run_dir.checkpoint(which)
    run_dir.require()
    _require_saved(run_dir, path)
    checkpoint = read(path)
    config, choices = config_and_choices(checkpoint, path)
    _require_own(run_dir, path, config, choices)
    return checkpoint, config, choices


def require_pretrained(pretrained: Any) -> None:
    """Check the run directory whose weights a network is to start with; any other value is the network's business.

    Raises:
        CheckpointError: it is no run directory, the run has saved nothing, or its best checkpoint is broken.
    """
    if not isinstance(pretrained, str) or not Path(pretrained).expanduser().is_dir():
        return
    run_dir = RunDir(Path(pretrained).expanduser())
    run_dir.require()
    _require_saved(run_dir, run_dir.best)
    manifest.find_verified(run_dir.best)


def _require_saved(run_dir: RunDir, path: Path) -> None:
    if not run_dir.has_checkpoint and not path.is_file():
        if run_dir.baselines.is_file():
            raise CheckpointError(
                f"{run_dir.path} has baselines of netyard baseline, and no network;",
                "netyard predict uses them, and netyard runs lists them;",
                f"train a network by {train_command()}.",
            )
        status = run_dir.status()
        state, error = status.get("state", "in an unknown state"), status.get("error")
        raise CheckpointError(
            f"there is no checkpoint at {path}: the run is {state}{f', by {error}' if error else ''};",
            "its network is saved after its first epoch;",
            f"continue it with {train_command()} {argument('resume', run_dir.path)}.",
        )


def _require_own(run_dir: RunDir, path: Path, config: Mapping[str, Any], choices: Mapping[str, Any]) -> None:
    """Refuse a checkpoint that was copied into the directory of another run."""
    written, chosen = run_dir.composed()
    pairs = [(group, choices.get(group), chosen.get(group)) for group in ("model", "data", "task") if chosen]
    # The recorded config has interpolations as text, the checkpoint their values: those keys cannot be compared.
    own, found = (dict(leaves(each.get("model") or {})) for each in (written, config))
    keys = [(f"model.{key}", found.get(key), value) for key, value in own.items() if "${" not in str(value)]
    # Choices first: another model differs in dozens of keys, and its name alone is the better message.
    for differing in ([each for each in some if each[1] != each[2]] for some in (pairs, keys)):
        if differing:
            differences = [f"{key} is {has} in it, and {value} in the run" for key, has, value in differing[:3]]
            raise CheckpointError(
                f"{path} is another run's: {', '.join(differences)}{', ...' * (len(differing) > 3)};",
                "a run's directory and its checkpoints belong together;",
                "put its own back, or name the run that these came from.",
            )


def config_and_choices(checkpoint: Mapping[str, Any], path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the config and the choices of the run that wrote a checkpoint; ``path`` is only used in messages.

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
    # A config names the classes to build; one in a file from elsewhere could name any function.
    allowlist.require(described["config"], f"in {path}, config", CheckpointError)
    config = renamed.config(described["config"])
    return config, renamed.choices(described["choices"], config)


def rebuild(checkpoint: Mapping[str, Any], path: Path, settings: Mapping[str, Any] | None = None) -> LightningModule:
    """Return the task of a checkpoint, with its weights, in evaluation mode on the CPU.

    Args:
        checkpoint: see ``read``.
        path: the file it was read from, for messages.
        settings: values for keys of the ``task`` config, which replace the run's own.

    Raises:
        CheckpointError: it contains no netyard config; see ``config_and_choices``.
        ConfigError: with these settings the task has weights of other names or shapes.
    """
    config, _ = config_and_choices(checkpoint, path)
    # Only settings that differ can be the reason if the weights do not fit; otherwise the file itself is.
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
    """Load the weights of a checkpoint into a task.

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
            "evaluate with the model that the run trained.",
        ) from error


def restore_data(data: LightningDataModule, checkpoint: Mapping[str, Any]) -> None:
    """Load the state that the run's data module computed from its training split, such as a vocabulary."""
    if state := data_state(checkpoint):
        data.load_state_dict(state)


def build_data(checkpoint: Mapping[str, Any], config: Mapping[str, Any]) -> LightningDataModule:
    """Build the data module of a run, with its saved state; both arguments are returned by ``read_of``."""
    # Without it, a vocabulary or a mean would be computed anew, and differ if the files have changed.
    data = build(config["data"])
    restore_data(data, checkpoint)
    return data


def require_classes(data: LightningDataModule, checkpoint: Mapping[str, Any]) -> None:
    """Refuse data whose classes are not those of the run: the network only outputs their indices.

    Raises:
        DataError: a class has another name, or the order differs.
    """
    trained = data_state(checkpoint).get("class_names") or []
    if not trained:
        return
    data.prepare_data()
    data.setup("test")
    found = class_names(data) or trained
    # torchvision's MNIST names its classes "0 - zero"; a copy of it as folders has "0". They are the same.
    # zip_longest: a class more or less is a difference too.
    pairs = zip_longest(*([name.partition(" - ")[0] for name in names] for names in (found, trained)))
    number = next((number for number, (one, other) in enumerate(pairs) if one != other), None)
    if number is None:
        return
    of_data, of_run = (listed(names, 20) for names in (found, trained))
    raise DataError(
        f"the classes of the data are {of_data};",
        f"those that the run was trained on are {of_run}, and from number {number} on they differ;",
        "test on data with the same classes, named alike, or train anew.",
    )


def data_state(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """Return the state of the run's data module; Lightning stores it under the name of the class."""
    return checkpoint.get(checkpoint["netyard"]["config"]["data"]["_target_"].rpartition(".")[2]) or {}


def without_pretrained(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the config of a run with ``pretrained`` off: the checkpoint has every weight, so nothing is downloaded."""
    model = {key: (None if key == "pretrained" else value) for key, value in config["model"].items()}
    return {**config, "model": model, "task": {**config["task"], "net": model}}
