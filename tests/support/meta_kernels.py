"""Runs networks on the meta device with fewer checks than PyTorch's own kernels have."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten
ACTIVATIONS = ("gelu", "hardsigmoid", "hardswish", "relu", "sigmoid", "silu", "tanh")
NAMES = [
    *("add", "sub", "mul", "div", "add_", "mul_", "div_", "fill_", "zero_", "normal_", "uniform_"),
    *(f"{name}{kind}" for name in ACTIVATIONS for kind in ("", "_", "_backward")),
    "threshold_backward",  # of ReLU
]
ELEMENTWISE = {getattr(aten, name) for name in NAMES if hasattr(aten, name)}


class ShapesOnly(TorchDispatchMode):
    """Inside, elementwise functions and batch normalization on meta tensors return tensors of the right shape.

    PyTorch's meta kernels of these are decompositions in Python, which take most of the time of a pass.
    """

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        first = args[0] if args else None
        if not isinstance(first, Tensor) or not first.is_meta or not first.is_floating_point():
            return func(*args, **(kwargs or {}))
        if func.overloadpacket in ELEMENTWISE:
            shapes = {each.shape for each in args if isinstance(each, Tensor)}
            shape = first.shape if len(shapes) == 1 else torch.broadcast_shapes(*shapes)
            if not func.overloadpacket.__name__.endswith("_"):
                return first.new_empty(shape)
            assert shape == first.shape, f"{func}: {shape} does not fit in {first.shape}"
            return first
        if func is aten.native_batch_norm.default and (weight := args[1]) is not None:
            return first.new_empty(first.shape), weight.new_empty(weight.shape), weight.new_empty(weight.shape)
        if func is aten.native_batch_norm_backward.default and args[2] is not None:
            return tuple(each.new_empty(each.shape) for each in (args[1], args[2], args[2]))
        return func(*args, **(kwargs or {}))


@contextlib.contextmanager
def on_meta() -> Iterator[None]:
    """Inside, networks are built and run on the meta device: shapes without values."""
    with torch.device("meta"), ShapesOnly():
        yield
