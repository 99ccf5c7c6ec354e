"""What changes the course of a run: stopping early, averaged weights, a backbone set free."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from netyard.training import checkpoint

RUN = ("model=mlp_tiny", "data=iris", "data.batch_size=20", "trainer=cpu", "logger=none")
IMAGES = (
    "model=resnet_tiny",
    "data=fake",
    "data.size=60",
    "data.image_size=8",
    "data.channels=1",
    "data.num_classes=2",
    "data.batch_size=16",
)


def weights(path: Path, which: str = "last") -> dict[str, torch.Tensor]:
    return checkpoint.read(path / "checkpoints" / f"{which}.ckpt")["state_dict"]


# Batch norm of a frozen backbone is in evaluation mode, as it should be.
@pytest.mark.filterwarnings("ignore:Found .* module.s. in eval mode at the start of training")
def test_a_frozen_backbone_learns_from_the_epoch_on_that_it_is_set_free(train, tmp_path: Path):
    common = (*IMAGES, "trainer=cpu", "logger=none", "model.freeze=backbone")
    unfrozen = ("callbacks=[default,unfreeze]", "callbacks.unfreeze.epoch=1")
    ran = {
        epochs: train(*common, *unfrozen, f"trainer.max_epochs={epochs}", path=tmp_path / f"{epochs}")
        for epochs in (1, 2)
    }
    assert {each.code for each in ran.values()} == {0}, ran[2].err
    first, second = weights(ran[1].path), weights(ran[2].path)
    never = weights(train(*common, "trainer.max_epochs=2", path=tmp_path / "never").path)
    head = {name for name in first if ".fc." in name}
    assert head
    for name in set(first) - head:
        assert torch.equal(first[name], never[name]), name  # held, its statistics too
    moved = {name for name in set(first) - head if not torch.equal(first[name], second[name])}
    assert {name for name in first if name.endswith("conv1.weight")} <= moved
    assert all(not torch.equal(first[name], never[name]) for name in head)


def test_unfreeze_asks_for_a_model_that_can_be_frozen(train):
    ran = train(*RUN, "callbacks=[default,unfreeze]")
    assert ran.code == 2
    assert "MLP has no frozen layers" in ran.err and "remove unfreeze from callbacks" in ran.err
