"""Build a network from the library that defines it.

The network is the library's own, with ``num_outputs`` outputs and ``in_channels`` inputs; at 1000 and 3 it is
untouched, so that state dicts pass between it and the library in both directions.
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
from netyard.ranges.bounds import OneOf
from netyard.ranges.signature import check

LIBRARIES = ("timm", "torchvision", "netyard")
Library: TypeAlias = Annotated[str, OneOf(LIBRARIES)]
_OWN = {"bn_inception": BNInception}
# What constructors of timm and torchvision raise for arguments that they do not accept.
_REFUSALS = (TypeError, ValueError, AssertionError, LookupError, ArithmeticError, AttributeError)
_SIZE_STEP = 32  # pixels between the image sizes that are tried on a network


def create(library: str, architecture: str, num_outputs: int, in_channels: int, **arguments: Any) -> nn.Module:
    """A network of a library; random weights, or timm's published ones with ``pretrained=True``.

    Raises:
        ArgumentError: the library has no such architecture, or the architecture takes no such argument.
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
            f"{architecture} was given {given}, and {library} answered: {error};",
            "an architecture takes only its own arguments;",
            "try it without model.arguments, model.auxiliary and model.dropout.",
        ) from error
    if in_channels != 3:
        _replace_first_convolution(network, in_channels)
    return network


def check_name(library: Library, architecture: str) -> None:
    """Raise ArgumentError with the most similar names if the library does not have the architecture."""
    check(check_name, locals(), "model")
    if library == "timm":
        if ":" in architecture or timm.is_model(architecture):  # hf-hub:owner/name and local-dir:path are timm's too
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
    architecture: str, num_outputs: int, in_channels: int, smallest: int, **arguments: Any
) -> tuple[int, dict[str, int]]:
    """The smallest image size from ``smallest`` up at which a timm network trains, and how to ask for it.

    Transformers are made for one size (``img_size``); most others take any that survives their halvings. The
    attempts run on the meta device: they cost neither memory nor arithmetic.

    Raises:
        ArgumentError: no such architecture, or it gives no logits at any size tried.
    """
    check_name("timm", architecture)
    shape = {"num_classes": num_outputs, "in_chans": in_channels}
    refusal: Exception | None = None
    for size in _sizes(architecture, smallest):
        for made_for in ({"img_size": size}, {}):
            try:
                with torch.device("meta"):
                    network = timm.create_model(architecture, **shape, **arguments, **made_for)
                    output = network.train()(torch.empty(2, in_channels, size, size))
            except Exception as error:  # a size that does not fit shows as any of half a dozen kinds
                refusal = error
            else:
                if isinstance(output, Tensor) and output.shape == (2, num_outputs):
                    return size, made_for
                refusal = TypeError(f"in training it returns {type(output).__name__}, not one tensor of logits")
    raise ArgumentError(
        f"{architecture} was tried with images of {smallest} pixels and more, and timm answered: {refusal};",
        "a network must map images to logits;",
        "try model.architecture=resnet18.",
    )


def _sizes(architecture: str, smallest: int) -> Iterator[int]:
    config = None if ":" in architecture else timm.get_pretrained_cfg(architecture)
    native = max(config.input_size[1:]) if config else 224
    yield smallest
    yield from range(smallest - smallest % _SIZE_STEP + _SIZE_STEP, native, _SIZE_STEP)
    yield native


def library_heads(network: nn.Module) -> tuple[str, ...]:
    """The paths of a timm network's output layers."""
    config = cast("dict[str, Any]", network.pretrained_cfg)
    paths = config.get("classifier") or ()
    return (paths,) if isinstance(paths, str) else tuple(paths)


def first_convolution(network: nn.Module) -> tuple[str, nn.Conv2d] | None:
    """The path and the layer that read the channels of the image; None in a network without convolutions."""
    return next(((path, layer) for path, layer in network.named_modules() if isinstance(layer, nn.Conv2d)), None)


def _replace_first_convolution(network: nn.Module, in_channels: int) -> None:
    path, old = cast("tuple[str, nn.Conv2d]", first_convolution(network))
    settings: dict[str, Any] = {"stride": old.stride, "padding": old.padding, "bias": old.bias is not None}
    new = nn.Conv2d(in_channels, old.out_channels, cast("tuple[int, int]", old.kernel_size), **settings)
    nn.init.kaiming_normal_(new.weight, mode="fan_out", nonlinearity="relu")
    network.set_submodule(path, new)
