"""Weights that were trained before: from a library's publication, or from a file."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
import torchvision
from timm.models import adapt_input_conv
from torch import Tensor, nn

from netyard.errors import ArgumentError
from netyard.io import safe_load
from netyard.models.libraries import create, first_convolution

logger = logging.getLogger(__name__)

StateDict = dict[str, Tensor]


def timm_published(architecture: str, num_outputs: int, in_channels: int, **arguments: Any) -> nn.Module:
    """A timm network with its published weights, fitted by timm to the outputs, channels and image size.

    Raises:
        ArgumentError: timm publishes none for it.
        OSError: they cannot be downloaded.
    """
    try:
        return create("timm", architecture, num_outputs, in_channels, pretrained=True, **arguments)
    except OSError as error:
        raise _no_download(architecture, error) from error
    except RuntimeError as error:
        raise _not_published(architecture, str(error)) from error


def torchvision_published(architecture: str, network: nn.Module) -> StateDict:
    """torchvision's newest weights of an architecture, fitted to the channels the network takes.

    Raises:
        ArgumentError: torchvision publishes none for it.
        OSError: they cannot be downloaded.
    """
    try:
        weights = torchvision.models.get_model_weights(architecture).DEFAULT
    except ValueError as error:
        raise _not_published(architecture, str(error)) from error
    try:
        state: StateDict = dict(weights.get_state_dict(progress=False, check_hash=True))
    except (OSError, RuntimeError) as error:  # RuntimeError: a file came, with the wrong hash
        raise _no_download(architecture, error) from error
    path, layer = cast("tuple[str, nn.Conv2d]", first_convolution(network))
    if hasattr(network, "transform_input"):
        _absorb_input_scale(state, path)
    state[f"{path}.weight"] = adapt_input_conv(layer.in_channels, state[f"{path}.weight"])
    return state


def _absorb_input_scale(state: StateDict, path: str) -> None:
    """Let weights that expect pixels in [-1, 1] take pixels normalised as for every other network.

    GoogLeNet's and Inception v3's come from TensorFlow; torchvision rescales in the forward pass
    (``transform_input``). In the first convolution and the batch norm behind it the same scale costs nothing
    and survives an export.
    """
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    weight = state[f"{path}.weight"]
    shift = ((mean - 0.5) / 0.5).view(1, 3, 1, 1)
    norm = f"{path.removesuffix('.conv')}.bn.running_mean"
    state[norm] = state[norm] - (weight * shift).sum(dim=(1, 2, 3))
    state[f"{path}.weight"] = weight * (std / 0.5).view(1, 3, 1, 1)


def _no_download(architecture: str, error: Exception) -> OSError:
    return OSError(
        f"the published weights of {architecture} could not be downloaded ({error}); model.pretrained=true "
        "needs the internet, or the library's cache filled before; "
        "try model.pretrained=FILE with weights you have, or false."
    )


def _not_published(architecture: str, why: str) -> ArgumentError:
    return ArgumentError(
        f"model.pretrained is true, but {architecture} has no published weights that fit ({why});",
        "it must be false or a file here;",
        "try model.pretrained=false.",
    )


def read(path: str) -> StateDict:
    """The state dict in a ``.pt``, ``.pth``, ``.ckpt`` or ``.safetensors`` file.

    Of a netyard checkpoint it is the network's part, of a wrapped network the library's.

    Raises:
        ArgumentError: the file is missing, damaged, or holds no state dict, or anything but tensors and plain types.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise _unreadable(path, "is not there")
    try:
        content = safe_load.load(file)
    except Exception as error:  # a damaged file shows as any of nine kinds
        raise _unreadable(path, f"cannot be read ({str(error).splitlines()[0]})") from error
    state = content.get("state_dict", content) if isinstance(content, Mapping) else {}
    for prefix in ("net.", "network."):  # of the task's net in a checkpoint, of the library's network in ours
        inside = {key.removeprefix(prefix): value for key, value in state.items() if str(key).startswith(prefix)}
        state = inside or state
    if not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise _unreadable(path, "holds no state dict")
    return dict(state)


def _unreadable(path: str, why: str) -> ArgumentError:
    return ArgumentError(
        f"model.pretrained is {path}, which {why};",
        "it must be true, false, or a .pt, .pth, .ckpt or .safetensors file with a state dict;",
        "try model.pretrained=true for the published weights.",
    )


def misfits(network: nn.Module, state: StateDict, heads: Sequence[str]) -> list[str]:
    """What keeps a state dict from being loaded, a line each; the output layers may differ or be absent."""
    own = network.state_dict()
    lines = []
    for key in sorted(own.keys() | state.keys()):
        # Counters that torch did not have before 0.4.1 are missing in old files.
        if _is_optional(key, heads) or key.endswith("num_batches_tracked"):
            continue
        if key not in state:
            lines.append(f"{key} is missing")
        elif key not in own:
            lines.append(f"{key} is not known")
        elif own[key].shape != state[key].shape:
            lines.append(f"{key} is {list(state[key].shape)}, not {list(own[key].shape)}")
    return lines


def load(network: nn.Module, state: StateDict, heads: Sequence[str], source: str) -> None:
    """Load a state dict; output layers of another size and absent auxiliary heads are skipped, and logged.

    Raises:
        ArgumentError: anything else does not fit.
    """
    lines = misfits(network, state, heads)
    if lines:
        _refuse(network, state, source, lines)
    own = network.state_dict()
    fitting = {key: value for key, value in state.items() if key in own and own[key].shape == value.shape}
    skipped = sorted(key for key in own.keys() - fitting.keys() if not key.endswith("num_batches_tracked"))
    if skipped:
        logger.info("%s: these stay at their first values, the file's do not fit: %s", source, ", ".join(skipped))
    network.load_state_dict(fitting, strict=False)


def _is_optional(key: str, heads: Sequence[str]) -> bool:
    """Whether a key belongs to an output layer, or to an auxiliary head (every head but the first)."""
    roots = [*heads[:1], *(head.split(".")[0] for head in heads[1:])]
    return any(key.startswith(f"{root}.") for root in roots)


def _refuse(network: nn.Module, state: StateDict, source: str, lines: Sequence[str]) -> None:
    first = first_convolution(network)
    if first is not None:
        path, layer = first
        weight = state.get(f"{path}.weight")
        if weight is not None and weight.ndim == 4 and weight.shape[1] != layer.weight.shape[1]:
            raise ArgumentError(
                f"{source} was trained on images of {weight.shape[1]} channels and the data has"
                f" {layer.weight.shape[1]};",
                "the first layer must fit the data;",
                f"try data with {weight.shape[1]} channels, or other weights.",
            )
    shown = "; ".join(lines[:3]) + (f"; and {len(lines) - 3} more" if len(lines) > 3 else "")
    raise ArgumentError(
        f"{source} does not fit this network ({shown});",
        "the weights must be of the same architecture, or its small-image form at a similar image size;",
        "try the model= and data.image_size it was trained with.",
    )
