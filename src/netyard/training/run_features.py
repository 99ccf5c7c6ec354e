"""A classifier of another run as feature extractor for this run's samples: ``callbacks.scores.features=RUN_DIR``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from netyard.errors import CheckpointError, ConfigError
from netyard.metrics.features import HeadInput
from netyard.ranges.image_size import height_and_width
from netyard.run_directories.directory import RunDir
from netyard.training import checkpoint


def feature_extractor(path: str, data: Mapping[str, Any]) -> nn.Module:
    """Return a module, images (B, C, H, W) in [0, 1] -> features (B, D), from the best network of a classification run.

    Args:
        path: the directory of that run.
        data: the ``data`` config of the run whose images are scored.

    Raises:
        CheckpointError: there is no such run, or it is not an image classification run.
        ConfigError: it was trained on images of another size or number of channels.
    """
    run_dir = RunDir(path)
    if not run_dir.best.is_file():
        raise CheckpointError(
            f"callbacks.scores.features is {path}, which has no best checkpoint;",
            "it is auto, inception, or the directory of a run that classifies such images;",
            "try callbacks.scores.features=auto.",
        )
    recorded, config, choices = checkpoint.read_of(run_dir)
    trained = config["data"]
    shape = [trained.get("channels"), trained.get("image_size")]
    # as_sequence: the network read each image as a sequence of rows, so it does not accept (B, C, H, W).
    if choices["task"] != "classification" or None in shape or trained.get("as_sequence"):
        raise CheckpointError(
            f"{path} is a run of task={choices['task']} on data={choices['data']};",
            "samples are scored in the features of an image classifier;",
            "try a run of model=cnn on the same data, or callbacks.scores.features=auto.",
        )
    # Resizing the samples instead would change the statistics that a Frechet distance compares.
    if shape != [data.get("channels"), data.get("image_size")]:
        raise ConfigError(
            f"{path} was trained on images of {_written(trained)}, and these have {_written(data)};",
            "the features must come from a network for images of this size;",
            "try a run on the same data, or callbacks.scores.features=auto.",
        )
    # Samples are in [0, 1]; the extractor normalises them with the mean and std that its own run was trained with.
    return HeadInput(checkpoint.rebuild(recorded, run_dir.best).net, trained["mean"], trained["std"]).eval()


def _written(data: Mapping[str, Any]) -> str:
    return " x ".join(map(str, (data.get("channels"), *height_and_width(data.get("image_size") or 0))))
