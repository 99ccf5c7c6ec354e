"""Options that depend on the data where none was typed; a defaults list of Hydra cannot ask for values.

Imports no torch.
"""

from __future__ import annotations

from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

PIXELS = "netyard.losses.likelihoods.Bernoulli"
"""The default likelihood of a VAE, which is one of pixels in [0, 1]."""
COLUMNS = ("loss=gaussian", "loss.num_parameters=2")
"""That of the columns of a table or of a series: a Gaussian, whose standard deviation is learned."""


def overrides_for(config: DictConfig) -> list[str]:
    """What to add to the overrides of a composed config, so that its loss fits its data; empty if it does."""
    typed = {str(each).lstrip("+").partition("=")[0] for each in config.hydra.overrides.task}
    try:
        if "loss" in typed or config.loss.get("_target_") != PIXELS or len(config.data.input_shape) == 3:
            return []
    except (OmegaConfBaseException, TypeError, AttributeError):  # what is missing or no node is refused elsewhere
        return []
    return [each for each in COLUMNS if each.partition("=")[0] not in typed]
