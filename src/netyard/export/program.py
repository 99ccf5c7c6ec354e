"""Files of torch.export: a program that torch runs without the Python that it was made of."""

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
    """What is served as a .pt2 file, with its description as ``netyard.json`` in it.

    Raises:
        ConfigError: torch cannot follow it.
    """
    steps_are_free = any(len(spec.axes) > 1 for spec in signature.inputs)
    if steps_are_free and any(isinstance(module, nn.RNNBase) for module in signature.modules()):
        raise no_graph(ValueError("through recurrent layers torch.export leaves no number of steps free"), "onnx")
    free = tuple(dict.fromkeys(range(len(spec.axes)), Dim.DYNAMIC) for spec in signature.inputs)
    logging.getLogger("torch._guards").setLevel(logging.CRITICAL)  # it prints what is caught here
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what torch's own layers do to themselves
            program = torch.export.export(signature, inputs, dynamic_shapes=(free,), strict=False)
    except Exception as error:  # of the network's own code, or one of torch's dozen
        raise no_graph(error, "onnx") from error
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # it names files of this machine
    buffer = io.BytesIO()
    text = json.dumps(description, ensure_ascii=False, indent=2)
    torch.export.save(program, buffer, extra_files={"netyard.json": text})
    return buffer.getvalue()


def opened(path: Path) -> Run:
    """A file as a function, on the CPU."""
    with path.open("rb") as file:
        module = torch.export.load(file).module()
    return torch.no_grad()(module)
