"""Tokens a second: a character LSTM trained by netyard, beside the barest loop with the same cells on the same batches.

    python bench/tokens.py [overrides]        for instance model.hidden_size=256 data.batch_size=64

After each step of netyard the loop takes one too, on the same batch and the same single thread: whatever else the
machine does meanwhile hits both. A step of netyard is all that happens between two steps of the loop: data, logging and
callbacks included. Printed are the tokens a second of both, and the ratio.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parent))

from rivals import beside

from netyard.cli.main import train

WARM_UP = 10
COMPANY = ["model=lstm", "data=python_source", "threads=1", "trainer=cpu", "trainer.max_epochs=2"]


class Bare(nn.Module):
    """Embedding, LSTM, linear layer, and nothing else."""

    def __init__(self, vocab_size: int, embedding_size: int, hidden_size: int, num_layers: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_size)
        self.lstm = nn.LSTM(embedding_size, hidden_size, num_layers, batch_first=True)
        self.head = nn.Linear(hidden_size, vocab_size)

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor] | None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        output, state = self.lstm(self.embedding(x), state)
        return self.head(output), state


class Beside(beside.Beside):
    """The loop: truncated backpropagation through time."""

    clock = staticmethod(time.perf_counter)
    tokens = 0

    def on_train_start(self, trainer: L.Trainer, pl_module: Any) -> None:
        vocab_size, embedding_size = pl_module.net.embedding.weight.shape
        (cells,) = pl_module.net.layers.groups
        self.net = Bare(vocab_size, embedding_size, cells.hidden_size, cells.num_layers)
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=trainer.optimizers[0].param_groups[0]["lr"])

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: Any) -> None:
        super().on_train_epoch_start(trainer, pl_module)
        self.state: tuple[Tensor, ...] | None = None

    def step(self, batch: tuple[Tensor, Tensor]) -> None:
        x, y = batch
        self.tokens = x.numel()
        logits, state = self.net(x, self.state)
        self.state = tuple(each.detach() for each in state)
        loss = F.cross_entropy(logits.flatten(0, 1), y.flatten())
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


def main() -> None:
    # A callback of one's own is one more key; Python finds it as it finds any module.
    overrides = [*COMPANY, "--allow-target=tokens.Beside", "+callbacks.beside._target_=tokens.Beside", *sys.argv[1:]]
    with tempfile.TemporaryDirectory() as directory:
        if train([*overrides, f"hydra.run.dir={directory}/run"]) != 0:
            raise SystemExit(1)
    from tokens import Beside  # where the run found it, not in __main__

    loop = Beside.latest
    ours, bare = (sum(seconds[WARM_UP:]) / len(seconds[WARM_UP:]) for seconds in (loop.ours, loop.bare))
    print(f"netyard {loop.tokens / ours:,.0f} tokens/s, bare loop {loop.tokens / bare:,.0f}: ratio {bare / ours:.3f}")


if __name__ == "__main__":
    main()
