"""The metadata of an exported file, in plain types: inputs, outputs, and the meaning of their numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from netyard.tasks.interfaces import DescribesData, NormalizedData, NormalizedImages

_FACTS = ("channels", "image_size", "as_sequence", "mean", "std", "sequence_length", "window", "horizon", "frame_stack")
_MOST_TEXT = 2**18  # characters of JSON; a larger vocabulary would bloat the file and stays in the checkpoint


def of_graph(signature: Any, inputs: tuple[Tensor, ...], data: Any, normalized: bool) -> dict[str, Any]:
    """Inputs and outputs by name, and how a sample becomes an input."""
    described = {
        spec.name: {
            "dtype": str(each.dtype).removeprefix("torch."),
            "shape": [*spec.axes, *each.shape[len(spec.axes) :]],
            "meaning": spec.meaning,
        }
        for spec, each in zip(signature.inputs, inputs, strict=True)
    }
    units = data.own_units if isinstance(data, NormalizedData) else None
    if units and signature.reads_data:
        described[signature.inputs[0].name]["meaning"] = units if normalized else f"({units} - mean) / std"
    return {"inputs": described, "outputs": {spec.name: spec.meaning for spec in signature.outputs}}


def of_run(version: str, choices: Mapping[str, Any], config: Mapping[str, Any], data: Any) -> dict[str, Any]:
    """Version, model, data and task of the run, and the facts of its data."""
    if isinstance(data, NormalizedImages) and data.image_size is not None and data.mean is None:
        data.mean, data.std = (each.flatten().tolist() for each in data.pixel_statistics())
    facts = {name: getattr(data, name, None) for name in _FACTS}
    labels = data.labels() if isinstance(data, DescribesData) else []
    learned = data.state_dict() if isinstance(data, DescribesData) else {}  # of an environment, it is the replay memory
    learned = {name: value for name, value in learned.items() if name in ("columns", "vocabularies")}
    return {
        "netyard": version,
        **{name: choices[name] for name in ("model", "data", "task")},
        "network": {name: value for name, value in config["model"].items() if name != "pretrained"},
        "facts": {name: value for name, value in facts.items() if value is not None},
        **({"class_names": labels} if labels else {}),
        **{name: value for name, value in learned.items() if len(json.dumps(value)) <= _MOST_TEXT},
    }


def as_text(description: Mapping[str, Any]) -> dict[str, str]:
    """Metadata as text: strings as they are, anything else as JSON."""
    return {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for key, value in description.items()
    }
