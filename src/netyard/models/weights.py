"""Pretrained weights that timm and torchvision publish."""

from __future__ import annotations

from typing import Any, cast

import torch
import torchvision
from timm.models import adapt_input_conv
from torch import nn

from netyard.errors import ArgumentError
from netyard.models.libraries import create
from netyard.models.state_dicts import StateDict
from netyard.models.weight_files import first_convolution


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
