"""Old names of classes in recorded configs, so that runs and checkpoints of earlier versions can be read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

# Modules of version 0.1, and where their classes are now.
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

# Classes of other packages that earlier versions used, and the classes with the same arguments that replace them.
CLASSES = {
    "torch.nn.CrossEntropyLoss": "netyard.losses.class_weights.CrossEntropyLoss",
    "torch.nn.MultiMarginLoss": "netyard.losses.class_weights.MultiMarginLoss",
    "lightning.pytorch.callbacks.EMAWeightAveraging": "netyard.callbacks.weight_average.WeightAverage",
    "lightning.pytorch.callbacks.EarlyStopping": "netyard.callbacks.early_stopping.EarlyStopping",
    "lightning.pytorch.loggers.TensorBoardLogger": "netyard.training.tensorboard.BufferedTensorBoardLogger",
}

# Files in other packages that earlier versions read, and where netyard has them: package and path.
FILES = {("statsmodels", "datasets/sunspots/sunspots.csv"): ("netyard", "data/series/sunspots.csv")}

# Keys that a class no longer has, with the value that had no effect.
REMOVED: dict[str, dict[str, Any]] = {
    "netyard.tasks.reconstruction.Reconstruction": {"anomaly_class": None},  # task=anomaly
}


def target(name: str) -> str:
    """The present dotted name of a class: ``netyard.data.csv_file.CsvFile`` -> ``netyard.data.tables...``."""
    if name in CLASSES:
        return CLASSES[name]
    module, _, last = name.rpartition(".")  # classes kept their names when modules moved
    return f"{MODULES[module]}.{last}" if module in MODULES else name


def config(node: Any) -> Any:
    """A copy of a recorded config, plain mappings and lists, with the present name in every ``_target_``."""
    if isinstance(node, Mapping):
        if file := FILES.get((str(node.get("package")), str(node.get("path")))):
            node = {**node, "package": file[0], "path": file[1]}
        removed = REMOVED.get(str(node.get("_target_")), {})
        return {
            key: target(value) if key == "_target_" and isinstance(value, str) else config(value)
            for key, value in node.items()
            if not (key in removed and value == removed[key])
        }
    return [config(value) for value in node] if isinstance(node, list | tuple) else node


def choices(recorded: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a run's recorded choices with the present names of options.

    ``augmentation=none`` was what ``auto`` is now: it cropped and mirrored photographs.
    """
    was_auto = recorded.get("augmentation") == "none" and _was_auto(config)
    return {**recorded, "augmentation": "auto"} if was_auto else dict(recorded)


def overrides(recorded: Iterable[str], config: Mapping[str, Any]) -> list[str]:
    """A run's recorded overrides with the present names of options; ``config`` matters if they are ``ambiguous``."""
    was_auto = _was_auto(config)
    return ["augmentation=auto" if was_auto and text == "augmentation=none" else text for text in recorded]


def ambiguous(recorded: Iterable[str]) -> bool:
    """Whether overrides have an option whose meaning depends on the version that recorded them."""
    return "augmentation=none" in recorded


def _was_auto(config: Mapping[str, Any]) -> bool:
    # Since it means that nothing is changed, ``none`` has a class.
    return "augmentation" in config and not config["augmentation"]


def text(recorded: str) -> str:
    """The same for a config as YAML text."""
    # Line by line, without parsing: texts of many runs are compared with one config.
    for (package, path), (our_package, our_path) in FILES.items():
        if f" path: {path}\n" in recorded:
            recorded = recorded.replace(f" path: {path}\n", f" path: {our_path}\n")
            recorded = recorded.replace(f" package: {package}\n", f" package: {our_package}\n")
    return re.sub(r"(?m)(\b_target_: )([\w.]+)$", lambda found: found[1] + target(found[2]), recorded)
