"""Mean, std, filter and crop of images: those that pretrained weights were made for, instead of the data's own.

Weights of timm and torchvision expect images that are normalised, resized and cropped as in their training. The values
are written into the config before the data are built, so that the checkpoint has them, and evaluation, prediction and
exports use the same.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, open_dict

from netyard.errors import CheckpointError
from netyard.io import safe_load
from netyard.run_directories.directory import RunDir

log = logging.getLogger(__name__)

FILTERS = ("nearest", "bilinear", "bicubic", "lanczos")  # of ``data.interpolation``

KEYS = ("mean", "std", "interpolation", "crop_ratio")
"""Of the config of the data. The crop is a key of data that are read from image files."""


@dataclass(frozen=True)
class Preprocessing:
    """What weights were made for."""

    source: str
    """Whose weights they are, for messages: ``timm's resnet18``."""
    values: dict[str, Any]
    """By ``KEYS``."""

    def record(self) -> dict[str, Any]:
        """In plain types, for the summary of the data."""
        return {"made_for": self.source, **self.values}


def apply(cfg: DictConfig, run_dir: RunDir, recorded: Mapping[str, Any] | None = None) -> Preprocessing | None:
    """Write what the weights of a config were made for into ``cfg.data``; returns what was written, None for nothing.

    Keys that were typed (``data.mean=...``) stay. A resumed run keeps what it was begun with.

    Args:
        cfg: a composed config.
        run_dir: the run directory, which has the typed overrides.
        recorded: the config in the checkpoint of a resumed run.
    """
    if not _applies(cfg.model, cfg.data):
        return None
    if recorded is not None:
        found = Preprocessing("the run", _known(recorded.get("data") or {}))
    else:
        found = _of_weights(cfg.model) or Preprocessing("", {})
    return _write(cfg, found, _typed(run_dir))


def keep(cfg: DictConfig, recorded: Mapping[str, Any], state: Mapping[str, Any], typed: Iterable[str]) -> None:
    """Write the preprocessing of a run into the config of other images that its network is tested on.

    Args:
        cfg: the run's config with other data.
        recorded: the config in the run's checkpoint.
        state: of the run's data, in its checkpoint.
        typed: the keys that the user has set.
    """
    if cfg.data.get("image_size") is None or recorded["data"].get("image_size") is None:
        return
    found = _known(recorded["data"])
    # Statistics that were measured on the training split.
    if "mean" not in found and (measured := state.get("statistics")):
        found["mean"], found["std"] = measured
    _write(cfg, Preprocessing("the run", found), typed)


def _applies(model: Mapping[str, Any], data: Mapping[str, Any]) -> bool:
    """Whether a config has images and a network of a library, whose weights say how images are prepared."""
    wanted = model.get("preprocessing")
    if "library" not in model or "image_size" not in data or wanted == "data":
        return False
    return wanted == "weights" or bool(model.get("pretrained"))


def _of_weights(model: Mapping[str, Any]) -> Preprocessing | None:
    library, architecture, pretrained = model["library"], model["architecture"], model.get("pretrained")
    # A run of netyard knows what it was trained with. Only files of netyard are read for it: reading takes time.
    if isinstance(pretrained, str) and (trained := _of_run(Path(pretrained).expanduser())):
        return Preprocessing(pretrained, trained)
    # An architecture that does not exist, or has no weights, is refused when the network is built.
    with contextlib.suppress(ValueError, RuntimeError, OSError, KeyError):
        if library == "timm":
            return Preprocessing(f"timm's {architecture}", _of_timm(architecture))
        if library == "torchvision":
            import torchvision

            made = torchvision.models.get_model_weights(architecture).DEFAULT.transforms()
            values = {"mean": list(made.mean), "std": list(made.std), "interpolation": made.interpolation.value}
            return Preprocessing(
                f"torchvision's {architecture}", {**values, "crop_ratio": made.crop_size[0] / made.resize_size[0]}
            )
    return None


def _of_timm(architecture: str) -> dict[str, Any]:
    # Imported here: it takes a second, and most runs have no network of timm.
    import timm
    import torch
    from timm.data import resolve_data_config

    config = None if ":" in architecture else timm.get_pretrained_cfg(architecture)
    if config is None:  # hf-hub:owner/name, local-dir:path
        with torch.device("meta"):
            known = timm.create_model(architecture).pretrained_cfg
    else:
        known = config.to_dict()
    made = resolve_data_config({}, pretrained_cfg=known)
    values = {"mean": list(made["mean"]), "std": list(made["std"]), "interpolation": made["interpolation"]}
    return {**values, "crop_ratio": made["crop_pct"]}


def _of_run(path: Path) -> dict[str, Any]:
    """What the run of a checkpoint was trained with; empty for a file of another program."""
    path = path / "checkpoints" / "best.ckpt" if path.is_dir() else path
    if path.suffix != ".ckpt" or not path.is_file():
        return {}
    try:
        content = safe_load.load(path)
        data = content["netyard"]["config"]["data"]
        found = _known(data)
        # Statistics that were measured on its training split are in the state of its data.
        measured = content.get(str(data["_target_"]).rpartition(".")[2], {}).get("statistics")
        if measured and "mean" not in found:
            found["mean"], found["std"] = measured
    except (*safe_load.UNREADABLE, AttributeError):
        return {}
    return found


def _known(data: Mapping[str, Any]) -> dict[str, Any]:
    return {key: data[key] for key in KEYS if data.get(key) is not None}


def _typed(run_dir: RunDir) -> list[str]:
    try:
        return [text.lstrip("+~").partition("=")[0] for text in run_dir.overrides()]
    except CheckpointError:  # a run that was started from Python with a config of its own
        return []


def _write(cfg: DictConfig, found: Preprocessing, typed: Iterable[str]) -> Preprocessing | None:
    channels, typed = cfg.data.get("channels"), set(typed)
    values = {key: value for key, value in found.values.items() if f"data.{key}" not in typed}
    for key in ("mean", "std"):
        value = values.get(key)
        if value is None or len(value) == channels:
            continue
        if channels == 1:
            values[key] = [sum(value) / len(value)]  # as timm sums the kernels of the first layer over the colours
        else:
            del values[key]
    if values.get("interpolation") not in FILTERS:
        values.pop("interpolation", None)
    if "crop_ratio" not in cfg.data:
        values.pop("crop_ratio", None)
    if not values:
        return None
    with open_dict(cfg):
        cfg.data.update(values)
    return Preprocessing(found.source, values)
