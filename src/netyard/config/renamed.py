"""Names that stood in configs once and have moved since: runs and checkpoints of before are read by them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# Modules of version 0.1. A recorded config names classes in them; the classes are where the right column says.
MODULES = {
    "netyard.callbacks.batch_size": "netyard.callbacks.batch_size_finder",
    "netyard.callbacks.checkpoint": "netyard.callbacks.best_and_last",
    "netyard.callbacks.curves": "netyard.callbacks.metrics_logger",
    "netyard.callbacks.episodes": "netyard.callbacks.episode_video",
    "netyard.callbacks.finite": "netyard.callbacks.terminate_on_nan",
    "netyard.callbacks.graph": "netyard.callbacks.model_graph",
    "netyard.callbacks.histograms": "netyard.callbacks.weight_histograms",
    "netyard.callbacks.profile": "netyard.callbacks.profiler",
    "netyard.callbacks.progress": "netyard.callbacks.progress_bar",
    "netyard.callbacks.projector": "netyard.callbacks.embedding_projector",
    "netyard.callbacks.samples": "netyard.callbacks.sample_images",
    "netyard.callbacks.scores": "netyard.callbacks.sample_quality",
    "netyard.callbacks.signals": "netyard.callbacks.graceful_stop",
    "netyard.callbacks.unfreeze": "netyard.callbacks.finetuning",
    "netyard.data.atari": "netyard.data.environments.atari",
    "netyard.data.augment": "netyard.data.images.augment",
    "netyard.data.csv_file": "netyard.data.tables.csv_file",
    "netyard.data.experience": "netyard.data.environments.experience",
    "netyard.data.fake": "netyard.data.images.fake",
    "netyard.data.folders": "netyard.data.images.image_folder",
    "netyard.data.labelled_text": "netyard.data.text.labelled_text",
    "netyard.data.number_words": "netyard.data.text.number_words",
    "netyard.data.python_source": "netyard.data.text.python_source",
    "netyard.data.scikit": "netyard.data.tables.scikit",
    "netyard.data.series": "netyard.data.series.series",
    "netyard.data.text": "netyard.data.text.text_file",
    "netyard.data.torchvision_sets": "netyard.data.images.torchvision_sets",
    "netyard.tasks.q_learning": "netyard.tasks.q_learning.q_learning",
}

# Classes of other packages that runs of version 0.1 were built with, and what takes the same arguments now.
CLASSES = {
    "lightning.pytorch.loggers.TensorBoardLogger": "netyard.training.tensorboard.BufferedTensorBoardLogger",
}


def target(name: str) -> str:
    """The dotted name of a class as it is now: ``netyard.data.csv_file.CsvFile`` -> ``netyard.data.tables...``."""
    if name in CLASSES:
        return CLASSES[name]
    module, _, last = name.rpartition(".")
    return f"{MODULES[module]}.{last}" if module in MODULES else name


def config(node: Any) -> Any:
    """A recorded config, plain mappings and lists, with every ``_target_`` as it is now; a copy."""
    if isinstance(node, Mapping):
        return {
            key: target(value) if key == "_target_" and isinstance(value, str) else config(value)
            for key, value in node.items()
        }
    return [config(value) for value in node] if isinstance(node, list | tuple) else node


def text(recorded: str) -> str:
    """The same of a config as YAML."""
    return re.sub(r"(?m)(\b_target_: )([\w.]+)$", lambda found: found[1] + target(found[2]), recorded)
