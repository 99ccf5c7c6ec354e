"""The vector-quantised task: its loss, the perplexity of the codebook, its pictures."""

from __future__ import annotations

import json
from typing import Any

import lightning as L
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from netyard.models.vq_vae import VQVAE
from netyard.tasks.vector_quantized import VectorQuantized
from netyard.training import checkpoint
from support.trainers import trainer_of
from support.vector_quantized_task import task_of

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers")


class Pictures(L.LightningDataModule):
    """Fixed batches of normalised pictures."""

    def __init__(self, sizes: tuple[int, ...]) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.batches = [((torch.rand(n, 1, 8, 8).round() - 0.3) / 0.4, torch.zeros(n)) for n in sizes]

    def pixel_statistics(self) -> tuple[Tensor, Tensor]:
        return torch.full((1, 1, 1), 0.3), torch.full((1, 1, 1), 0.4)

    def train_dataloader(self) -> DataLoader[Any]:
        return DataLoader(self.batches, batch_size=None)  # type: ignore[arg-type]

    val_dataloader = test_dataloader = train_dataloader


@pytest.mark.parametrize("sizes", [(9,), (5, 1, 3)])
def test_the_metrics_are_those_of_the_whole_epoch(sizes: tuple[int, ...]) -> None:
    data, task, trainer = Pictures(sizes), task_of(commitment=2.0), trainer_of(2)
    trainer.fit(task, data)
    trainer.test(task, data, verbose=False)
    got = {name: float(value) for name, value in trainer.callback_metrics.items()}
    x = torch.cat([batch[0] for batch in data.batches])
    with torch.no_grad():
        output, quantized = task.net.eval()(x)
    mse = (output * 0.4 + 0.3).clamp(0, 1).sub(x * 0.4 + 0.3).square().mean().item()
    shares = quantized.codes.flatten().bincount(minlength=16) / quantized.codes.numel()
    wanted = {
        "reconstruction": (output - x).square().mean().item(),
        "commitment": quantized.commitment.item(),
        "mse": mse,
        "psnr": -10 * torch.tensor(mse).log10().item(),
        "perplexity": torch.special.entr(shares).sum().exp().item(),
    }
    wanted["loss"] = wanted["reconstruction"] + 2 * wanted["commitment"]
    assert {name: got[f"test/{name}"] for name in wanted} == pytest.approx(wanted, rel=1e-4)
    assert task.code_counts.sum().item() == quantized.codes.numel()
    assert task.reconstructions is not None
    torch.testing.assert_close(task.reconstructions.inputs, data.batches[0][0] * 0.4 + 0.3)
    torch.testing.assert_close(task.reconstructions.outputs, task(data.batches[0][0]).detach(), atol=1e-5, rtol=0)


@pytest.mark.parametrize("ema", [True, False])
def test_the_loss_falls_on_a_handful_of_fixed_samples_and_the_codebook_lives(ema: bool) -> None:
    task = task_of(VQVAE((1, 8, 8), channels=[8, 16], codebook_size=16, embedding_size=4, ema=ema))
    data, trainer = Pictures((6,)), trainer_of(limit_val_batches=1)
    data.batches *= 120
    trainer.fit(task, data)
    assert trainer.callback_metrics["val/reconstruction"] < 0.5  # 1.5 is that of grey
    assert trainer.callback_metrics["val/perplexity"] > 4


def test_digits_end_to_end_and_loaded_again(finished) -> None:
    results = json.loads((finished("vector_quantized") / "results.json").read_text())
    assert (results["task"], results["objective"]["name"]) == ("vector_quantized", "val/loss")
    assert {"test/reconstruction", "test/perplexity"} <= set(results["metrics"])
    task = checkpoint.load(finished("vector_quantized"))
    assert isinstance(task, VectorQuantized) and task.code_counts.sum() > 0
    assert task.pictures(2).shape == (2, 1, 8, 8)
