"""The encoder and the decoder of an autoencoder or a VAE, each as a function of its own."""

from __future__ import annotations

from typing import Any

from netyard.errors import ConfigError
from netyard.tasks.interfaces import ExportsParts


def signature_of(part: str, task: Any, choice: str) -> Any:
    """The export signature of the ``encoder`` or the ``decoder``.

    Raises:
        ConfigError: the task has none; ``choice`` is its name.
    """
    if not isinstance(task, ExportsParts):
        raise ConfigError(
            f"part={part} was given for a run of task={choice}, which has no encoder and decoder of codes;",
            "autoencoders, VAEs and VQ-VAEs have them, and a GAN is exported as its generator;",
            "leave part out.",
        )
    return task.encoder_signature() if part == "encoder" else task.decoder_signature()
