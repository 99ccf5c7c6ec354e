"""The Inception network whose features most papers use for FID. Heusel et al. 2017, arXiv:1706.08500."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from netyard.errors import DataError, PlatformError, first_line
from netyard.io import safe_load
from netyard.io.download import download

DIGEST = "sha256:6726825d"  # of the weights; torch-fidelity puts its first digits into the file name
_MAX_BYTES = 200_000_000  # twice the size of the file: a longer download is not the file


class Inception(nn.Module):
    """(B, 1 or 3, H, W) in [0, 1] -> features (B, 2048), by torchmetrics' port of the TensorFlow network.

    Images are rounded to 8 bits and resized to 299 x 299 pixels with anti-aliasing; grey images are repeated over
    three channels. Distances are comparable only if port and number of samples are the same.

    Args:
        folder: of the weights, downloaded to it (96 MB) if neither it nor torch's folder of downloads has them.

    Raises:
        PlatformError: torch-fidelity, which holds the network, is not installed.
        DataError: the weights cannot be downloaded or read.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        try:  # optional dependencies, imported only when these features are chosen
            from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3
            from torchmetrics.image.fid import NoTrainInceptionV3
        except ImportError as error:
            raise PlatformError(
                "callbacks.scores.features is inception, and torch-fidelity, which contains that network, is missing;",
                "other features: auto, or a run directory;",
                "type pip install 'netyard[inception]'.",
            ) from error
        path = find_weights(URL_INCEPTION_V3, folder)
        try:
            # torchmetrics calls torch.load without weights_only, which can run code of the file.
            # This load raises an error first if the file contains anything but tensors and plain types.
            safe_load.load(path)
            self.network = NoTrainInceptionV3("inception-v3-compat", ["2048"], str(path))
        except safe_load.UNREADABLE as error:
            reason = first_line(error)
            raise DataError(
                f"{path} cannot be read as Inception's weights: {reason};",
                "it must be the file that torch-fidelity publishes;",
                "delete it, and it is downloaded again.",
            ) from error

    def forward(self, images: Tensor) -> Tensor:
        # 8 bits, as image files have: published scores were computed from files.
        pixels = (images.clamp(0, 1) * 255).round().byte()
        return self.network(pixels.expand(-1, 3, -1, -1))  # (B, 2048)


def find_weights(url: str, folder: Path) -> Path:
    """The path of the weights in ``folder`` or in torch's folder of downloads; else they are downloaded and verified.

    Raises:
        DataError: there is no such file, and the download fails.
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
