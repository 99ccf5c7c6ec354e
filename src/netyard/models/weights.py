"""Pretrained weights: published by a library, or from a file."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, cast

import torch
import torchvision
from timm.models import adapt_input_conv
from torch import nn

from netyard.errors import ArgumentError, first_line
from netyard.io import safe_load
from netyard.models.libraries import create, first_convolution
from netyard.models.state_dicts import Found, StateDict, find

logger = logging.getLogger(__name__)

_OTHER_SHAPE = " in the network"  # ends the line of a tensor of another shape


def timm_published(architecture: str, num_outputs: int, in_channels: int, **arguments: Any) -> nn.Module:
    """Return a timm network with its published weights, adapted by timm to outputs, channels and image size.

    Raises:
        ArgumentError: timm has no weights for the architecture.
        OSError: the weights cannot be downloaded.
    """
    try:
        return create("timm", architecture, num_outputs, in_channels, pretrained=True, **arguments)
    except OSError as error:
        raise _no_download(architecture, error) from error
    except RuntimeError as error:  # what timm raises for an architecture without weights, or weights that do not fit
        raise _not_published(architecture, str(error)) from error


def torchvision_published(architecture: str, network: nn.Module) -> StateDict:
    """Return torchvision's newest weights of an architecture, adapted to the number of channels of the network.

    Raises:
        ArgumentError: torchvision has no weights for the architecture.
        OSError: the weights cannot be downloaded.
    """
    try:
        weights = torchvision.models.get_model_weights(architecture).DEFAULT
    except ValueError as error:
        raise _not_published(architecture, str(error)) from error
    try:
        state: StateDict = dict(weights.get_state_dict(progress=False, check_hash=True))
    except (OSError, RuntimeError) as error:  # RuntimeError: the downloaded file has a wrong hash
        raise _no_download(architecture, error) from error
    # timm's adaptation for other channels: one is the sum over RGB, others repeat them at the same total scale.
    path, layer = cast("tuple[str, nn.Conv2d]", first_convolution(network))
    if hasattr(network, "transform_input"):
        _absorb_input_scale(state, path)
    state[f"{path}.weight"] = adapt_input_conv(layer.in_channels, state[f"{path}.weight"])
    return state


def _absorb_input_scale(state: StateDict, path: str) -> None:
    """Convert weights for pixels in [-1, 1] to weights for pixels normalised by the ImageNet mean and std.

    The weights of GoogLeNet and Inception v3 are those of TensorFlow; torchvision rescales pixels in the forward pass
    (``transform_input``). Here the scale is part of the first convolution and of the batch norm after it, which costs
    no time and is exported with the weights.
    """
    # With x = (p - mean) / std, a pixel 2 p - 1 is x * std / 0.5 + (mean - 0.5) / 0.5: a scale and a shift per channel.
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    weight = state[f"{path}.weight"]
    shift = ((mean - 0.5) / 0.5).view(1, 3, 1, 1)
    # The convolution has no bias; batch norm subtracts its running mean, which takes the shift with the sign reversed.
    # Exact but for GoogLeNet's padding, whose zeros now mean an average pixel instead of a grey one.
    norm = f"{path.removesuffix('.conv')}.bn.running_mean"
    state[norm] = state[norm] - (weight * shift).sum(dim=(1, 2, 3))
    state[f"{path}.weight"] = weight * (std / 0.5).view(1, 3, 1, 1)


def _no_download(architecture: str, error: Exception) -> OSError:
    return OSError(
        f"the published weights of {architecture} could not be downloaded ({error}); model.pretrained=true "
        "needs the internet, or weights that are already in the library's cache; "
        "try model.pretrained=FILE with weights you have, or false."
    )


def _not_published(architecture: str, why: str) -> ArgumentError:
    return ArgumentError(
        f"model.pretrained is true, but {architecture} has no published weights that fit ({why});",
        "for this architecture it must be false or a file;",
        "try model.pretrained=false.",
    )


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
    made_for = f"{file.made_for}, as the file says, and" if file.made_for else "the model= and"
    raise ArgumentError(
        f"{source} does not fit this network: {found.num_fitting} of its {len(network.state_dict())} tensors are among"
        f" the {len(state)} of the file ({shown});",
        "the weights must be of the same architecture, or its small-image form at a similar image size;",
        f"try {made_for} data.image_size it was trained with.",
    )
