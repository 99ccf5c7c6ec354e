"""Writes the latent codes of the test samples for TensorBoard's projector, each with its class and its image."""

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
MAX_SAMPLES = 1_000  # of a classification: the browser computes t-SNE of all points


class Projector(Callback):
    """After a test, writes the codes that the task has stored; nothing if the task has no codes.

    With ``features`` also for a classification: the inputs of the last linear layer for the first 1,000 test samples.

    ``projector/tensors.tsv``, ``metadata.tsv`` and ``sprite.png`` are written next to the event files, with the
    projector's config. A running TensorBoard that has already loaded the run shows them only after a restart, or when
    another run appears.

    Args:
        features: whether to write the features of a classification.
    """

    def __init__(self, features: bool = False) -> None:
        self.features = features
        self._batches: list[tuple[Tensor, ...]] = []  # features (B, D), labels (B,), inputs (B, ...)
        self._hook: RemovableHandle | None = None

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._batches, net = [], pl_module.net
        if self.features and isinstance(pl_module, CountsConfusion):
            # What the last linear layer reads is the representation that the classes are separated in.
            self._hook = classifier_head(net).register_forward_pre_hook(self._store_features)

    def _store_features(self, layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self._features = inputs[0].flatten(1)  # (B, D)

    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        room = MAX_SAMPLES - sum(len(labels) for _, labels, _ in self._batches)
        if self._hook is not None and room > 0:
            self._batches.append(tuple(each[:room].cpu() for each in (self._features, batch[1], batch[0])))

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        logger: Any = trainer.logger
        codes = pl_module.codes if isinstance(pl_module, KeepsCodes) else None
        if self._hook is not None:
            self._hook.remove()
            self._hook = None
            codes = _classification_codes(self._batches, trainer.datamodule)
        # The interface of TensorBoard's writer is what counts: other loggers have no projector.
        if codes is None or not trainer.is_global_zero or not hasattr(getattr(logger, "experiment", None), "add_image"):
            return
        names = class_names(trainer.datamodule)
        labels = [str(names[label]) if names else str(label) for label in codes.labels.tolist()]
        write_projection(Path(logger.log_dir), codes.codes, labels, codes.pictures)


def _classification_codes(batches: Sequence[tuple[Tensor, ...]], data: Any) -> Any:
    """Join batches of features (B, D), labels (B,) and inputs (B, ...) into the form of a task's ``codes``."""
    codes, labels, inputs = (torch.cat(parts) for parts in zip(*batches, strict=True))
    pictures = data.denormalize(inputs) if isinstance(data, ImageData) and data.image_size else None
    return SimpleNamespace(codes=codes, labels=labels, pictures=pictures)


# Not SummaryWriter.add_embedding: its folder is 00230/test%2fcodes, a new one for each step, and it refuses images
# that are higher than wide or have other than 1 or 3 channels.
def write_projection(directory: Path, codes: Tensor, labels: Sequence[str], pictures: Tensor | None = None) -> None:
    """Write codes (N, D), their labels and optional images (N, C, H, W) in [0, 1] in the projector's file format."""
    folder = directory / FOLDER
    # Seven significant digits are those of a float32.
    _write(folder / "tensors.tsv", ("\t".join(f"{value:.7g}" for value in code) for code in codes.float().tolist()))
    # One row per code: a tab in a label would start another column, and TensorBoard skips empty lines.
    _write(folder / "metadata.tsv", (" ".join(label.split()) or "?" for label in labels))
    # The text format of the protocol buffer ``ProjectorConfig``; paths are relative to the event files.
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
    """Write lines to a file atomically."""
    with open_atomically(path) as file:
        file.writelines(f"{line}\n" for line in lines)
