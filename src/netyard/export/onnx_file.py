"""ONNX files: written by torch's exporter, run by ONNX Runtime."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnxruntime
import torch
from torch import Tensor

from netyard.errors import ConfigError
from netyard.export.description import as_text
from netyard.export.graph import Run, no_graph

OPSET = 20
_MAX_BYTES = 2**31 - 2**20  # the limit of a protocol buffer is 2 GiB; 1 MiB remains for the graph


def to_bytes(signature: Any, inputs: tuple[Tensor, ...], description: Mapping[str, Any]) -> bytes:
    """The export signature as an ONNX file, with each key of its description as an entry of the metadata.

    Raises:
        ConfigError: it cannot be traced, or its weights exceed 2 GB.
    """
    weights = sum(tensor.nbytes for tensor in signature.state_dict().values())
    if weights > _MAX_BYTES:
        raise ConfigError(
            f"the network has {weights / 1e9:.1f} GB of weights;",
            "a single ONNX file can hold 2 GB;",
            "try format=pt2.",
        )
    # Their warnings do not help the user: the file is compared with the network in any case.
    for name in ("onnxscript", "torch.onnx"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations inside torch's exporter
        try:
            exported = torch.onnx.export(
                signature,
                inputs,
                dynamo=True,
                verbose=False,
                opset_version=OPSET,
                input_names=[spec.name for spec in signature.inputs],
                output_names=[spec.name for spec in signature.outputs],
                # A nested tuple: ``forward`` takes *inputs, which torch.export sees as one argument.
                dynamic_shapes=(tuple(dict(enumerate(spec.axes)) for spec in signature.inputs),),
                external_data=False,
            )
        except torch.onnx.OnnxExporterError as error:
            raise no_graph(error, "state_dict") from error
    assert exported is not None  # None is the result of the older exporter, dynamo=False
    exported.model.metadata_props.update(as_text(description))
    model = exported.model_proto
    for each in (*model.graph.node, *model.graph.value_info, *(node for part in model.functions for node in part.node)):
        del each.metadata_props[:]  # notes of the exporter, with paths of this machine
    return model.SerializeToString()


def opened(path: Path) -> Run:
    """Load a file as a function that runs on the CPU, with as many threads as torch uses."""
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = torch.get_num_threads()  # the default, all cores, would distort a benchmark
    settings.log_severity_level = 3  # errors only
    session = onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]

    def run(*inputs: Tensor) -> tuple[Tensor, ...]:
        arrays = {name: each.numpy() for name, each in zip(names, inputs, strict=True)}
        return tuple(torch.from_numpy(each) for each in session.run(None, arrays))  # None: all outputs

    return run
