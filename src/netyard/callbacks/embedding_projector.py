"""The codes of a test as points in TensorBoard's projector, each with its class and its image."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from netyard.io.atomic import open_atomically
from netyard.metrics.features import classifier_head
from netyard.plots.image_grid import sprite, write_png
from netyard.tasks.interfaces import CountsConfusion, ImageData, KeepsCodes, class_names

FOLDER = "projector"
NAME = "test/codes"
MOST = 1_000  # samples of a classification


class Projector(Callback):
    """After a test, writes the codes that the task has kept; a task without codes gets no map.

    Of a classification, on request: the inputs of the last linear layer for the first thousand test samples.

    ``projector/tensors.tsv``, ``metadata.tsv`` and ``sprite.png`` are written beside the event files, with the
    projector's config.

    A TensorBoard that has read the run before finds the map when another run begins, or when it is started
    again.

    Args:
        features: whether a classification gets a map.
    """

    def __init__(self, features: bool = False) -> None:
        self.features = features
        self._seen: list[tuple[Tensor, ...]] = []
        self._hook: RemovableHandle | None = None

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._seen, net = [], pl_module.net
        if self.features and isinstance(pl_module, CountsConfusion):
            self._hook = classifier_head(net).register_forward_pre_hook(self._keep)

    def _keep(self, layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self._now = inputs[0].flatten(1)

    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        room = MOST - sum(len(labels) for _, labels, _ in self._seen)
        if self._hook is not None and room > 0:
            self._seen.append(tuple(each[:room].cpu() for each in (self._now, batch[1], batch[0])))

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        logger: Any = trainer.logger
        codes = pl_module.codes if isinstance(pl_module, KeepsCodes) else None
        if self._hook is not None:
            self._hook.remove()
            self._hook = None
            codes = _of_classes(self._seen, trainer.datamodule)
        if codes is None or not trainer.is_global_zero or not hasattr(getattr(logger, "experiment", None), "add_image"):
            return
        names = class_names(trainer.datamodule)
        labels = [str(names[label]) if names else str(label) for label in codes.labels.tolist()]
        write_map(Path(logger.log_dir), codes.codes, labels, codes.pictures)


def _of_classes(seen: Sequence[tuple[Tensor, ...]], data: Any) -> Any:
    """What a task with a code in the middle keeps, of features (B, D), labels (B,) and inputs (B, ...)."""
    codes, labels, inputs = (torch.cat(parts) for parts in zip(*seen, strict=True))
    pictures = data.denormalize(inputs) if isinstance(data, ImageData) and data.image_size else None
    return SimpleNamespace(codes=codes, labels=labels, pictures=pictures)


# Not SummaryWriter.add_embedding: its folder is 00230/test%2fcodes, a new one for each step, and it refuses pictures
# that are higher than wide or have other than 1 or 3 channels.
def write_map(directory: Path, codes: Tensor, labels: Sequence[str], pictures: Tensor | None = None) -> None:
    """Codes (N, D), a label each and perhaps pictures (N, C, H, W) in [0, 1], as files that the projector reads."""
    folder = directory / FOLDER
    _write(folder / "tensors.tsv", ("\t".join(f"{value:.7g}" for value in code) for code in codes.float().tolist()))
    # A tab would begin another column, and an empty line be left out.
    _write(folder / "metadata.tsv", (" ".join(label.split()) or "?" for label in labels))
    lines = [
        f'  tensor_name: "{NAME}"',
        f'  tensor_path: "{FOLDER}/tensors.tsv"',
        f'  metadata_path: "{FOLDER}/metadata.tsv"',
    ]
    if pictures is not None:
        sheet, side = sprite(pictures)
        write_png(sheet, folder / "sprite.png")
        lines += [
            "  sprite {",
            f'    image_path: "{FOLDER}/sprite.png"',
            *[f"    single_image_dim: {side}"] * 2,
            "  }",
        ]
    _write(directory / "projector_config.pbtxt", ("embeddings {", *lines, "}"))


def _write(path: Path, lines: Iterable[str]) -> None:
    """A file of these lines, whole at every moment."""
    with open_atomically(path) as file:
        file.writelines(f"{line}\n" for line in lines)
