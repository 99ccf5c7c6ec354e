"""``.pt2`` files of torch.export: a program that torch runs without the Python code of the network."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim

from netyard.export.graph import Run, no_graph


def to_bytes(signature: Any, inputs: tuple[Tensor, ...], description: Mapping[str, Any]) -> bytes:
    """The export signature as a .pt2 file, which contains its description as ``netyard.json``.

    Raises:
        ConfigError: torch cannot trace it.
    """
    # Refused here, because the exported program would raise an error for every other sequence length.
    steps_are_free = any(len(spec.axes) > 1 for spec in signature.inputs)
    if steps_are_free and any(isinstance(module, nn.RNNBase) for module in signature.modules()):
        raise no_graph(ValueError("torch.export fixes the number of steps of recurrent layers"), "onnx")
    # The leading axes (batch, steps) of each input may have any size; torch infers their relations.
    free = tuple(dict.fromkeys(range(len(spec.axes)), Dim.DYNAMIC) for spec in signature.inputs)
    logging.getLogger("torch._guards").setLevel(logging.CRITICAL)  # it prints the errors that are caught below
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecations inside torch's own layers
            program = torch.export.export(signature, inputs, dynamic_shapes=(free,), strict=False)
    except Exception as error:  # the network's code may raise anything, and torch has a dozen types
        raise no_graph(error, "onnx") from error
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # it has paths of this machine
    buffer = io.BytesIO()
    text = json.dumps(description, ensure_ascii=False, indent=2)
    torch.export.save(program, buffer, extra_files={"netyard.json": text})
    return buffer.getvalue()


def opened(path: Path) -> Run:
    """Load a file as a function that runs on the CPU."""
    with path.open("rb") as file:
        module = torch.export.load(file).module()
    return torch.no_grad()(module)
