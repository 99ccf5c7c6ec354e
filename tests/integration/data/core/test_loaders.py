"""A run that goes on from a checkpoint sees exactly the batches that were left."""

from __future__ import annotations

import multiprocessing
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import torch

from netyard.data.core.module import DataModule
from netyard.data.core.tensors import Split, TensorSplit
from support.batch_recorder import Recorder, fit
from support.datasets import build
from support.trainers import trainer_of

pytestmark = [
    # Lightning 2.6.6 still calls what torch 2.15 deprecates.
    pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning"),
]


class Numbered(DataModule):
    """Forty samples whose target is their number."""

    def read(self) -> dict[str, Split]:
        y = torch.arange(40)
        return {
            "train": TensorSplit(y[:, None].float(), y),
            "val": TensorSplit(torch.zeros(6, 1), y[:6]),
            "test": TensorSplit(torch.zeros(6, 1), y[:6]),
        }


@pytest.mark.parametrize(
    "options",
    [{}, {"limit_train_batches": 3}, {"val_check_interval": 2}, {"accumulate_grad_batches": 2}],
    ids=str,
)
def test_resumed_run_sees_what_was_left(tmp_path: Path, options: dict[str, Any]) -> None:
    points = {step: tmp_path / f"{step}.ckpt" for step in (1, 4, 5, 7, 11)}
    whole = fit(Numbered(batch_size=8), Recorder(points), **options)
    epoch = options.get("limit_train_batches", 5)
    assert len(whole) == 3 * epoch
    for first in range(0, len(whole), epoch):
        assert len(set(chain.from_iterable(y for _, y, _ in whole[first : first + epoch]))) == 8 * epoch
    assert whole[0] != whole[epoch]
    for step, path in points.items():
        if step < len(whole):
            assert fit(Numbered(batch_size=8), Recorder(), resume=path, **options) == whole[step:]


def test_augmented_pictures_are_the_same_after_a_resume(tmp_path: Path) -> None:
    def data() -> DataModule:
        return build("fake", "strong", size=60, image_size=8, batch_size=8)

    whole = fit(data(), Recorder({8: tmp_path / "8.ckpt"}))
    assert fit(data(), Recorder(), resume=tmp_path / "8.ckpt") == whole[8:]
    assert len({total for _, _, total in whole}) == len(whole)  # every epoch draws anew


@pytest.mark.parametrize("cache", [None, "cache"])
def test_folders_resume_alike_with_any_number_of_workers(
    tmp_path: Path, picture_folder: Path, cache: str | None
) -> None:
    def data(num_workers: int) -> DataModule:
        place = {"root": str(picture_folder), "cache": cache and str(tmp_path / cache)}
        return build("image_folder", image_size=16, batch_size=5, num_workers=num_workers, **place)

    whole = fit(data(0), Recorder({7: tmp_path / "7.ckpt"}), epochs=2)
    assert fit(data(2), Recorder(), epochs=2) == whole
    assert fit(data(2), Recorder(), resume=tmp_path / "7.ckpt", epochs=2) == whole[7:]
    assert not multiprocessing.active_children()  # the Trainer stopped the workers
    assert len([*tmp_path.glob("cache/*.pictures")]) == (cache is not None)


def test_overfitting_repeats_the_same_batches() -> None:
    seen = fit(Numbered(batch_size=8), Recorder(), overfit_batches=2)
    assert seen[:2] == seen[2:4] == seen[4:]


def test_true_half_precision_reaches_the_network() -> None:
    class Typed(Recorder):
        def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
            self.seen.append(batch[0].dtype)
            return super().training_step(batch, batch_idx)

    module = Typed()
    trainer = trainer_of(precision="bf16-true", fast_dev_run=1)
    trainer.fit(module, datamodule=build("digits"))
    assert module.seen[0] == torch.bfloat16
