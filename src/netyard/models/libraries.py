"""Build networks of timm, torchvision and netyard by library and name.

The network is that of the library, with ``num_outputs`` outputs and ``in_channels`` inputs. With 1000 and 3 it is not
changed at all, so that a state dict of either can be loaded into the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Annotated, Any, TypeAlias, cast

import timm
import torch
import torchvision
from torch import Tensor, nn

from netyard.errors import ArgumentError
from netyard.models.inception import BNInception
from netyard.models.weight_files import first_convolution
from netyard.ranges.bounds import OneOf
from netyard.ranges.signature import check

LIBRARIES = ("timm", "torchvision", "netyard")
Library: TypeAlias = Annotated[str, OneOf(LIBRARIES)]
_OWN = {"bn_inception": BNInception}
# What constructors of timm and torchvision raise for arguments that they do not accept; neither has one class for it.
_REFUSALS = (TypeError, ValueError, AssertionError, LookupError, ArithmeticError, AttributeError)
Size = tuple[int, int]
"""Height and width."""
_SIZE_STEP = 32  # pixels between the image sizes that are tried on a network


def create(library: str, architecture: str, num_outputs: int, in_channels: int, **arguments: Any) -> nn.Module:
    """Return a network of a library, with random weights, or with timm's published ones for ``pretrained=True``.

    Raises:
        ArgumentError: the library does not have the architecture, or the architecture does not accept an argument.
    """
    check_name(library, architecture)
    try:
        if library == "timm":
            return timm.create_model(architecture, num_classes=num_outputs, in_chans=in_channels, **arguments)
        if library == "netyard":
            return _OWN[architecture](num_outputs, in_channels, **arguments)
        network = torchvision.models.get_model(architecture, num_classes=num_outputs, **arguments)
    except _REFUSALS as error:
        if library == "netyard" and not isinstance(error, TypeError):  # a bug of ours must keep its traceback
            raise
        given = ", ".join(f"{key}={value}" for key, value in arguments.items()) or "nothing"
        raise ArgumentError(
            f"{architecture} was given {given}, and {library} raised: {error};",
            "an architecture accepts only its own arguments;",
            "try it without model.arguments, model.auxiliary and model.dropout.",
        ) from error
    if in_channels != 3:  # timm has a parameter for it, torchvision has not
        _replace_first_convolution(network, in_channels)
    return network


def check_name(library: Library, architecture: str) -> None:
    """Raise ArgumentError with the most similar names if the library does not have the architecture."""
    check(check_name, locals(), "model")
    if library == "timm":
        if ":" in architecture or timm.is_model(architecture):  # timm also accepts hf-hub:owner/name, local-dir:path
            return
        names = timm.list_models()
    else:
        names = torchvision.models.list_models(torchvision.models) if library == "torchvision" else list(_OWN)
        if architecture in names:
            return
    nearest = get_close_matches(str(architecture), names, n=3, cutoff=0.0)
    raise ArgumentError(
        f"architecture is {architecture!r};",
        f"it must be one of the {len(names)} names in {library}; the nearest are {', '.join(nearest)};",
        f"try model.architecture={nearest[0]}.",
    )


def find_size(
    architecture: str, num_outputs: int, in_channels: int, smallest: Size, **arguments: Any
) -> tuple[Size, dict[str, Any]]:
    """Return the smallest height and width of at least ``smallest`` at which a timm network trains, and arguments.

    Transformers are built for one size (``img_size``); most other networks accept any size that can be halved often
    enough. The attempts run on the meta device, which allocates no memory and computes shapes only.

    Raises:
        ArgumentError: the architecture is unknown, or does not return logits at any of the sizes.
    """
    check_name("timm", architecture)
    shape = {"num_classes": num_outputs, "in_chans": in_channels}
    refusal: Exception | None = None
    for size in _sizes(architecture, smallest):
        for made_for in (
            {"img_size": size[0] if size[0] == size[1] else size},
            {},
        ):  # with the argument first: without it a ViT would be built for 224
            try:
                with torch.device("meta"):
                    network = timm.create_model(architecture, **shape, **arguments, **made_for)
                    # In training mode, where batch norm of a 1x1 map fails for a batch of one; hence two images.
                    output = network.train()(torch.empty(2, in_channels, *size))
            except Exception as error:  # a size that does not fit raises one of many types
                refusal = error
            else:
                if isinstance(output, Tensor) and output.shape == (2, num_outputs):
                    return size, made_for
                refusal = TypeError(f"in training it returns {type(output).__name__}, not one tensor of logits")
    raise ArgumentError(
        f"{architecture} was tried at {smallest[1]} x {smallest[0]} pixels and more, and timm raised: {refusal};",
        "a network must map images to logits;",
        "try model.architecture=resnet18.",
    )


def _sizes(architecture: str, smallest: Size) -> Iterator[Size]:
    config = None if ":" in architecture else timm.get_pretrained_cfg(architecture)
    native = max(config.input_size[1:]) if config else 224
    yield smallest
    # Multiples of 32, the total stride of most networks, up to the size that the architecture was published with.
    height, width = (side - side % _SIZE_STEP + _SIZE_STEP for side in smallest)
    while max(height, width) < native:
        yield height, width
        height, width = height + _SIZE_STEP, width + _SIZE_STEP
    yield native, native


def library_heads(network: nn.Module) -> tuple[str, ...]:
    """Return the paths of the output layers of a timm network."""
    # One string, or several for networks with a distillation head (DeiT).
    config = cast("dict[str, Any]", network.pretrained_cfg)
    paths = config.get("classifier") or ()
    return (paths,) if isinstance(paths, str) else tuple(paths)


def _replace_first_convolution(network: nn.Module, in_channels: int) -> None:
    path, old = cast("tuple[str, nn.Conv2d]", first_convolution(network))
    settings: dict[str, Any] = {"stride": old.stride, "padding": old.padding, "bias": old.bias is not None}
    new = nn.Conv2d(in_channels, old.out_channels, cast("tuple[int, int]", old.kernel_size), **settings)
    # As torchvision initialises the convolutions of its ResNet: fan_out keeps the variance of gradients.
    nn.init.kaiming_normal_(new.weight, mode="fan_out", nonlinearity="relu")
    network.set_submodule(path, new)
