"""Tokens a second: a character LSTM trained by netyard, beside the barest loop with the same cells on the same text.

    python bench/tokens.py [overrides]        for instance model.hidden_size=256 data.batch_size=64

Both take turns in one process on one thread, so that whatever else the machine does hits both. A turn is one epoch;
what netyard counts is what it writes into results.json, validation and checkpoints left out. Printed are the tokens a
second of each turn, the ratio of each pair, and the median of the ratios.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netyard.build import build
from netyard.cli import compose, train

PAIRS = 5
COMPANY = ["model=lstm", "data=python_source", "threads=1", "trainer=cpu", "trainer.max_epochs=1"]


def platform(overrides: list[str]) -> float:
    """Tokens a second of an epoch of netyard with everything it does by default."""
    with tempfile.TemporaryDirectory() as directory, redirect_stdout(StringIO()):
        run = Path(directory) / "run"
        sys.argv = ["bench/tokens.py"]
        if train([*overrides, f"hydra.run.dir={run}"]) != 0:
            raise SystemExit(1)
        results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    return results["throughput"]["train_samples_per_second"] * compose(overrides)[0].data.sequence_length


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


def loop(overrides: list[str]) -> float:
    """Tokens a second of an epoch of nothing but truncated backpropagation through time."""
    torch.manual_seed(0)
    cfg, _ = compose(overrides)
    data = build(cfg.data)
    tokens = data.split("train").x
    batch, length = cfg.data.batch_size, cfg.data.sequence_length
    streams = tokens[: (len(tokens) - 1) // (batch * length) * batch * length + 1]
    x, y = streams[:-1].view(batch, -1), streams[1:].view(batch, -1)
    net = Bare(data.facts()["vocab_size"], cfg.model.embedding_size, cfg.model.hidden_size, cfg.model.num_layers)
    optimizer = torch.optim.Adam(net.parameters(), lr=cfg.optimizer.lr)
    state = None
    began = time.perf_counter()
    for start in range(0, x.shape[1], length):
        logits, state = net(x[:, start : start + length], state)
        state = tuple(each.detach() for each in state)
        loss = F.cross_entropy(logits.flatten(0, 1), y[:, start : start + length].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return x.numel() / (time.perf_counter() - began)


def main() -> None:
    overrides = [*COMPANY, *sys.argv[1:]]
    torch.set_num_threads(1)
    platform(overrides), loop(overrides)  # the first turn of each warms up
    ratios = []
    for _ in range(PAIRS):
        ours, bare = platform(overrides), loop(overrides)
        ratios.append(ours / bare)
        print(f"netyard {ours:10,.0f} tokens/s   bare loop {bare:10,.0f} tokens/s   ratio {ratios[-1]:.3f}", flush=True)
    print(f"median ratio {statistics.median(ratios):.3f}")


if __name__ == "__main__":
    main()
