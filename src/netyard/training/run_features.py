"""A run's classifier as feature extractor for another run's samples: ``callbacks.scores.features=RUN_DIR``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from netyard.errors import CheckpointError, ConfigError
from netyard.metrics.features import HeadInput
from netyard.run_directories.directory import RunDir
from netyard.training import checkpoint


def feature_extractor(path: str, data: Mapping[str, Any]) -> nn.Module:
    """Images (B, C, H, W) in [0, 1] -> features (B, D), by the best network of a run of image classification.

    Args:
        path: the run's directory.
        data: the config of the data whose images are to be scored.

    Raises:
        CheckpointError: there is no such run, or it is no image classification.
        ConfigError: it was trained on images of another size or number of channels.
    """
    run_dir = RunDir(path)
    if not run_dir.best.is_file():
        raise CheckpointError(
            f"callbacks.scores.features is {path}, which has no best checkpoint;",
            "it is auto, inception, or the directory of a run that classifies such images;",
            "try callbacks.scores.features=auto.",
        )
    recorded, config, choices = checkpoint.read_best(run_dir)
    trained = config["data"]
    shape = [trained.get("channels"), trained.get("image_size")]
    if choices["task"] != "classification" or None in shape or trained.get("as_sequence"):
        raise CheckpointError(
            f"{path} is a run of task={choices['task']} on data={choices['data']};",
            "samples are scored in the features of an image classifier;",
            "try a run of model=cnn on the same data, or callbacks.scores.features=auto.",
        )
    if shape != [data.get("channels"), data.get("image_size")]:
        raise ConfigError(
            f"{path} was trained on images of {shape[0]} x {shape[1]} x {shape[1]}, and these have "
            f"{data.get('channels')} x {data.get('image_size')} x {data.get('image_size')};",
            "the features must come from a network for images of this size;",
            "try a run on the same data, or callbacks.scores.features=auto.",
        )
    # Samples come in [0, 1]; the extractor normalises them by the statistics that its own run trained with.
    return HeadInput(checkpoint.rebuild(recorded, run_dir.best).net, trained["mean"], trained["std"]).eval()
