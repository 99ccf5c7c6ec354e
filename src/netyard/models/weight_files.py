"""Weights from files: checkpoints of runs, and state dicts of other programs. Imports no timm and no torchvision."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from torch import nn

from netyard.errors import ArgumentError, first_line
from netyard.io import safe_load
from netyard.models.state_dicts import Found, StateDict, find

_OTHER_SHAPE = " in the network"  # ends the line of a tensor of another shape

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class WeightFile:
    """A file of weights: its content, and what messages say of it."""

    source: str
    """As the user named it: ``model.pretrained=FILE``."""
    content: Any

    def weights_of(self, network: nn.Module) -> Found:
        """Return the weights for a network, wherever they are in the file; see ``state_dicts.find``.

        Raises:
            ArgumentError: the file holds no tensors.
        """
        found = find(self.content, network)
        if found is None:
            raise _unreadable(self.source.partition("=")[2], "holds no state dict")
        return found

    @property
    def made_for(self) -> str:
        """The override that chooses the network that the file names, as netyard, timm and others record it, or ""."""
        content = self.content if isinstance(self.content, Mapping) else {}
        described = content.get("netyard")
        choices = described.get("choices") if isinstance(described, Mapping) else None
        if isinstance(choices, Mapping) and choices.get("model"):
            return f"model={choices['model']}"
        named = next((content[key] for key in ("arch", "architecture", "model_name") if key in content), None)
        return f"model=timm model.architecture={named}" if isinstance(named, str) and named else ""


def read(path: str) -> WeightFile:
    """Read a file of weights, a checkpoint, or the best checkpoint of a run directory; no code in it is run.

    Raises:
        ArgumentError: there is no such file, it is damaged, or it holds objects that could run code.
    """
    place = file = Path(path).expanduser()
    if place.is_dir():
        file = place / "checkpoints" / "best.ckpt"
        if not file.is_file():
            raise _unreadable(path, "is a folder without checkpoints/best.ckpt")
    if not file.is_file():
        raise _unreadable(path, "is not there")
    try:
        content = safe_load.load_weights(file)
    except Exception as error:  # a damaged file raises one of many types
        raise _unreadable(path, f"cannot be read ({first_line(error)})") from error
    return WeightFile(f"model.pretrained={path}", content)


def _unreadable(path: str, why: str) -> ArgumentError:
    return ArgumentError(
        f"model.pretrained is {path}, which {why};",
        "it must be the directory of a run, or a .pt, .pth, .ckpt or .safetensors file with a state dict;",
        "try model.pretrained=RUN_DIR, or save the weights alone where they were made: "
        "torch.save(model.state_dict(), FILE).",
    )


def load_pretrained(network: nn.Module, path: str | None) -> None:
    """Load weights into a network of netyard, or of yours; call it at the end of ``__init__``. None: nothing is loaded.

    A tensor of another shape, as of an output layer for another number of classes, keeps its initial values, which is
    logged.

    Args:
        path: a run directory, of which the best weights are loaded, or a file; see ``read``.

    Raises:
        ArgumentError: see ``read``; a layer is missing or unknown, or fewer than half of the tensors fit.
    """
    if path is None:
        return
    file = read(path)
    found, own = file.weights_of(network), network.state_dict()
    lines = [line for line in misfits(network, found.state, ()) if not line.endswith(_OTHER_SHAPE)]
    if lines or 2 * found.num_fitting < len(own):
        _refuse(network, file, found, misfits(network, found.state, ()))
    _load_fitting(network, found, file.source)


def misfits(network: nn.Module, state: StateDict, heads: Sequence[str]) -> list[str]:
    """Return one line for each key that keeps a state dict from being loaded; output layers may differ or be absent."""
    own = network.state_dict()
    lines = []
    for key in sorted(own.keys() | state.keys()):
        # Counters that torch did not have before 0.4.1 are missing in old files.
        if _is_optional(key, heads) or key.endswith("num_batches_tracked"):
            continue
        if key not in state:
            lines.append(f"{key} is missing")
        elif key not in own:
            lines.append(f"{key} is unknown")
        elif own[key].shape != state[key].shape:
            lines.append(f"{key} is {list(state[key].shape)}, not {list(own[key].shape)}{_OTHER_SHAPE}")
    return lines


def load(network: nn.Module, file: WeightFile, heads: Sequence[str]) -> None:
    """Load the weights of a file; output layers of another size and absent auxiliary heads are skipped and logged.

    Raises:
        ArgumentError: any other key does not fit.
    """
    found = file.weights_of(network)
    lines = misfits(network, found.state, heads)
    if lines:
        _refuse(network, file, found, lines)
    _load_fitting(network, found, file.source)


def _load_fitting(network: nn.Module, found: Found, source: str) -> None:
    own = network.state_dict()
    fitting = {key: value for key, value in found.state.items() if key in own and own[key].shape == value.shape}
    skipped = sorted(key for key in own.keys() - fitting.keys() if not key.endswith("num_batches_tracked"))
    logger.info("%s: %d of %d tensors loaded, of %s", source, len(fitting), len(own), found.described())
    if skipped:
        logger.info("%s does not fit these weights, which keep their initial values: %s", source, ", ".join(skipped))
    # strict=False for the skipped ones alone: the callers have looked at all others.
    network.load_state_dict(fitting, strict=False)


def _is_optional(key: str, heads: Sequence[str]) -> bool:
    """Whether a key belongs to an output layer, or to an auxiliary head (every head but the first)."""
    roots = [*heads[:1], *(head.split(".")[0] for head in heads[1:])]
    return any(key.startswith(f"{root}.") for root in roots)


def _refuse(network: nn.Module, file: WeightFile, found: Found, lines: Sequence[str]) -> NoReturn:
    first, state, source = first_convolution(network), found.state, file.source
    if first is not None:
        path, layer = first
        weight = state.get(f"{path}.weight")
        if weight is not None and weight.ndim == 4 and weight.shape[1] != layer.weight.shape[1]:
            raise ArgumentError(
                f"{source} was trained on images of {weight.shape[1]} channels and the data has"
                f" {layer.weight.shape[1]};",
                "the numbers of channels must be equal;",
                f"try data with {weight.shape[1]} channels, or other weights.",
            )
    shown = "; ".join(lines[:3]) + (f"; and {len(lines) - 3} more" if len(lines) > 3 else "")
    made_for = f"{file.made_for}, as the file says, with" if file.made_for else "the model= with"
    raise ArgumentError(
        f"{source} does not fit this network: {found.num_fitting} of its {len(network.state_dict())} tensors are among"
        f" the {len(state)} of the file ({shown});",
        "the weights must be of the same architecture with the same settings, at a similar image size;",
        f"try {made_for} the settings and the data.image_size it was trained with.",
    )


def first_convolution(network: nn.Module) -> tuple[str, nn.Conv2d] | None:
    """Return the first convolution, which reads the channels of the image, and its path; None if there is none."""
    return next(((path, layer) for path, layer in network.named_modules() if isinstance(layer, nn.Conv2d)), None)
