"""Every augmentation that is listed trains a convolutional network."""

from __future__ import annotations

import pytest

from netyard.config import catalog

FAST = ("trainer=cpu", "trainer.max_epochs=1", "trainer.limit_train_batches=3", "logger=none")


@pytest.mark.parametrize("name", catalog.options("augmentation"))
def test_every_augmentation_runs(train, name: str) -> None:
    ran = train(f"augmentation={name}", "model=cnn_tiny", *FAST)
    assert ran.code == 0, ran.err
