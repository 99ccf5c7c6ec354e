"""The encoder and the decoder of an autoencoder or a VAE, each as a function of its own."""

from __future__ import annotations

from typing import Any

from netyard.errors import ConfigError
from netyard.export.graph import Normalized
from netyard.tasks.interfaces import ExportsParts, NormalizedData


def signature_of(part: str, task: Any, data: Any, choice: str) -> Any:
    """The export signature of the ``encoder`` or the ``decoder``, which makes pixels in [0, 1] or rows in own units.

    Raises:
        ConfigError: the task has none; ``choice`` is its name.
    """
    if not isinstance(task, ExportsParts):
        raise ConfigError(
            f"part={part} was given for a run of task={choice}, which has no encoder and decoder of codes;",
            "autoencoders, VAEs and VQ-VAEs have them, and a GAN is exported as its generator;",
            "leave part out.",
        )
    if part == "encoder":
        return task.encoder_signature()
    signature = task.decoder_signature()
    has_units = signature.like_data and isinstance(data, NormalizedData) and data.own_units
    return Normalized(signature, data) if has_units else signature
