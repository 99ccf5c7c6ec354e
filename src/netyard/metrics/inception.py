"""The Inception network in whose features most papers measure. Heusel et al. 2017, arXiv:1706.08500."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from netyard.errors import DataError, PlatformError
from netyard.io import safe_load
from netyard.io.download import download

DIGEST = "sha256:6726825d"  # of the weights; torch-fidelity names the file by it
_MAX_BYTES = 200_000_000


class Inception(nn.Module):
    """(B, 1 or 3, H, W) in [0, 1] -> features (B, 2048), by torchmetrics' port of the TensorFlow network.

    Pictures are rounded to 8 bits and enlarged to 299 pixels with anti-aliasing, grey ones become three equal channels.
    Distances are comparable only within one port and number of samples.

    Args:
        folder: where the weights lie, or are downloaded to (96 MB); torch's own folder of downloads is looked into too.

    Raises:
        PlatformError: torch-fidelity, which holds the network, is not installed.
        DataError: the weights cannot be downloaded or read.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        try:
            from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3
            from torchmetrics.image.fid import NoTrainInceptionV3
        except ImportError as error:
            raise PlatformError(
                "callbacks.scores.features is inception, and torch-fidelity, which holds that network, is missing;",
                "other features: auto, or a run directory;",
                "type pip install 'netyard[inception]'.",
            ) from error
        path = find_weights(URL_INCEPTION_V3, folder)
        try:
            # torchmetrics reads the file with everything a pickle may hold; this reading refuses what is not plain.
            safe_load.load(path)
            self.network = NoTrainInceptionV3("inception-v3-compat", ["2048"], str(path))
        except safe_load.UNREADABLE as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise DataError(
                f"{path} cannot be read as Inception's weights: {reason};",
                "it must be the file that torch-fidelity publishes;",
                "delete it, and it is downloaded again.",
            ) from error

    def forward(self, pictures: Tensor) -> Tensor:
        pixels = (pictures.clamp(0, 1) * 255).round().byte()
        return self.network(pixels.expand(-1, 3, -1, -1))


def find_weights(url: str, folder: Path) -> Path:
    """The file of weights in the folder or among torch's downloads, or downloaded into the folder, its hash checked.

    Raises:
        DataError: it is not there, and there is no network.
    """
    name = url.rpartition("/")[2]
    here = folder.expanduser() / name
    for path in (here, Path(torch.hub.get_dir()) / "checkpoints" / name):
        if path.is_file():
            return path
    try:
        download([url], here, DIGEST, _MAX_BYTES)
    except OSError as error:
        raise DataError(
            f"the weights of Inception cannot be downloaded: {error};",
            "callbacks.scores.features is auto, a run directory, or inception;",
            f"fetch {url} on another machine into {here.parent}, or try callbacks.scores.features=auto.",
        ) from error
    return here
