"""The metadata of an exported file, in plain types: its inputs and outputs, and facts of the run and its data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from netyard.tasks.interfaces import (
    DescribesData,
    DescribesEnvironment,
    DescribesSeries,
    NormalizedData,
    NormalizedImages,
    PreparesImages,
    target_names,
)

_FACTS = (
    "channels",
    "image_size",
    "as_sequence",
    "mean",
    "std",
    "value_range",
    "interpolation",
    "crop_ratio",
    "sequence_length",
    "window",
    "horizon",
    "frame_stack",
)
_MOST_TEXT = 2**18  # characters of JSON; a larger vocabulary would bloat the file and stays in the checkpoint


def of_graph(signature: Any, inputs: tuple[Tensor, ...], data: Any, normalized: bool) -> dict[str, Any]:
    """Describe inputs and outputs by name, and the normalisation of the inputs."""
    described = {
        spec.name: {
            "dtype": str(each.dtype).removeprefix("torch."),
            "shape": [*spec.axes, *each.shape[len(spec.axes) :]],  # names of free axes, then fixed sizes
            "meaning": spec.meaning,
        }
        for spec, each in zip(signature.inputs, inputs, strict=True)
    }
    units = data.own_units if isinstance(data, NormalizedData) else None
    if units and signature.reads_data:  # the input of a GAN is noise, without units
        described[signature.inputs[0].name]["meaning"] = units if normalized else f"({units} - mean) / std"
    prepared = _preparation(data, normalized) if signature.reads_data else None
    outputs = {spec.name: spec.meaning for spec in signature.outputs}
    if signature.like_data and not signature.reads_data:  # a decoder, whose samples are never normalised
        with torch.no_grad():
            made = signature(*inputs)
        unit = units or "in the units of the data"
        for spec, each in zip(signature.outputs, made, strict=True):
            outputs[spec.name] = f"({', '.join(map(str, ('batch', *each.shape[1:])))}), {unit}"
    return {
        "inputs": described,
        "outputs": outputs,
        **({"preparation": prepared} if prepared else {}),
    }


def _preparation(data: Any, normalized: bool) -> dict[str, Any] | None:
    """How an image file becomes an input: the steps, and ``scale`` and ``shift`` of the pixels; None for other data."""
    described = data.describe_preparation() if isinstance(data, PreparesImages) else None
    if described is None:
        return None
    if normalized:  # the graph takes pixels in [0, 1]
        described |= {
            "scale": [1 / described["white"]] * len(described["scale"]),
            "shift": [0.0] * len(described["shift"]),
        }
    return {**described, "value": "pixels from 0 to white, times scale, plus shift, of each channel"}


def of_run(version: str, choices: Mapping[str, Any], config: Mapping[str, Any], data: Any) -> dict[str, Any]:
    """Describe the run: version, model, data and task, and the facts of its data."""
    # Mean and std that the config leaves open are measured on the training split.
    if isinstance(data, NormalizedImages) and data.image_size is not None and data.mean is None:
        data.mean, data.std = (each.flatten().tolist() for each in data.pixel_statistics())
    facts = {name: getattr(data, name, None) for name in _FACTS}
    targets = target_names(data) or []
    labels = data.output_names() if isinstance(data, DescribesData) and not targets else []
    # Two keys of the state only: that of an environment contains the replay memory.
    learned = data.state_dict() if isinstance(data, DescribesData) else {}
    learned = {name: value for name, value in learned.items() if name in ("columns", "vocabularies")}
    return {
        "netyard": version,
        **{name: choices[name] for name in ("model", "data", "task")},
        # ``pretrained`` may be a path of this machine, and the weights have been replaced by training.
        "network": {name: value for name, value in config["model"].items() if name != "pretrained"},
        "facts": {name: value for name, value in facts.items() if value is not None},
        **({"class_names": labels} if labels else {}),
        **(data.describe_environment() if isinstance(data, DescribesEnvironment) else {}),
        **({"target_names": targets} if targets else {}),
        **({"series": data.describe_series()} if isinstance(data, DescribesSeries) else {}),
        **{name: value for name, value in learned.items() if len(json.dumps(value)) <= _MOST_TEXT},
    }


def as_text(description: Mapping[str, Any]) -> dict[str, str]:
    """Metadata as strings, which is all that ONNX and safetensors files can hold: other types become JSON."""
    return {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for key, value in description.items()
    }
