"""Quantise ONNX graphs to 8-bit integers by ONNX Runtime, and measure their score."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import onnx
import torch
from onnxruntime.quantization import CalibrationDataReader, quantize_dynamic, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import Tensor

from netyard.errors import ConfigError
from netyard.export.graph import Normalized, Run

_CALIBRATION_BATCHES = 8  # enough for stable ranges; ONNX Runtime keeps the activations of all in memory


class _TrainingSamples(CalibrationDataReader):
    """Batches of the training split in the units of the graph's input; the interface is that of ONNX Runtime."""

    def __init__(self, signature: Any, data: Any) -> None:
        self.name = signature.inputs[0].name
        self.batches = islice(_batches(signature, data, data.train_dataloader()), _CALIBRATION_BATCHES)

    def get_next(self) -> dict[str, Any] | None:
        batch = next(self.batches, None)
        return None if batch is None else {self.name: batch[0].numpy()}


def quantized(graph: bytes, how: str, signature: Any, data: Any) -> bytes:
    """The graph with weights and activations in 8-bit integers.

    Args:
        how: ``dynamic``, activations are scaled by the range of each batch; ``static``, by ranges measured on training
            samples.

    Raises:
        ConfigError: the graph has no layer that can be quantised this way.
    """
    with tempfile.TemporaryDirectory() as folder:  # ONNX Runtime quantises files only
        plain, ready, small = (Path(folder) / name for name in ("plain.onnx", "ready.onnx", "small.onnx"))
        plain.write_bytes(graph)
        # Optimises the graph (such as batch norm fused into convolutions) and infers shapes, which quantisation needs.
        # Symbolic inference is only for shapes that the inference of ONNX does not find.
        quant_pre_process(str(plain), str(ready), skip_symbolic_shape=True)
        if how == "dynamic":
            quantize_dynamic(ready, small)
        else:
            quantize_static(ready, small, _TrainingSamples(signature, data))
        model = onnx.load(small)
    # ONNX Runtime copies a graph without layers that it can quantise, and says nothing.
    if not any("Integer" in node.op_type or "Quantize" in node.op_type for node in model.graph.node):
        raise ConfigError(
            f"quantize={how} finds no layer to quantise in this network;",
            "dynamic is for linear layers and LSTMs, static for linear layers and convolutions;",
            f"try quantize={'static' if how == 'dynamic' else 'dynamic'}.",
        )
    return model.SerializeToString()


def score(run: Run, signature: Any, data: Any) -> tuple[float, int]:
    """The mean score of the outputs on the run's test split, and the number of samples."""
    total, count = 0.0, 0
    names = [spec.name for spec in signature.outputs]
    for graph_input, x, y in _batches(signature, data, data.test_dataloader()):
        outputs = dict(zip(names, run(graph_input), strict=True))
        total += float(signature.score.compute(outputs, x, y).double().sum())
        count += len(x)
    return total / count, count


def _batches(signature: Any, data: Any, loader: Any) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Input of the graph, input of the network (normalised) and targets of each batch."""
    with torch.no_grad():
        for stored, target, _ in loader:
            x, y = data.prepare(stored, target)  # without keys, hence without augmentation
            yield data.denormalize(x) if isinstance(signature, Normalized) else x, x, y
