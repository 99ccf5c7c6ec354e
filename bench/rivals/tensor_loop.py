"""The best loop one can write by hand: the data as one tensor, a batch as one index operation, Adam in one kernel."""

from __future__ import annotations

import time

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rivals import Samples


class TensorLoop:
    """Loss and hits are summed in tensors and read once an epoch."""

    def __init__(self, net: nn.Module, samples: Samples, lr: float = 1e-3, device: str = "cpu") -> None:
        self.net = net.to(device)
        self.x, self.y, self.val_x, self.val_y = (each.to(device) for each in samples[:4])
        mean, std = (each.to(device) for each in (samples.mean, samples.std))
        self.scale, self.shift = 1 / (255 * std), -mean / std
        self.batch_size = samples.batch_size
        self.optimizer = torch.optim.Adam(net.parameters(), lr=lr, fused=True)
        self.scores: dict[str, float] = {}

    def epoch(self) -> float:
        began = time.process_time()
        order = torch.randperm(len(self.x), device=self.x.device)
        sums = torch.zeros(2, device=self.x.device)
        self.net.train()
        full = len(order) // self.batch_size * self.batch_size
        for index in order[:full].split(self.batch_size):
            sums += self.step(*self.batch(index))
        loss, hits = (sums / full).tolist()
        self.scores = {"train/loss": loss, "train/accuracy": hits, **self.validate()}
        return time.process_time() - began

    def batch(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """``index_select`` copies whole samples, which an index in brackets does number by number."""
        return self.prepared(self.x.index_select(0, index)), self.y.index_select(0, index)

    def step(self, x: Tensor, y: Tensor) -> Tensor:
        """Loss and hits of the batch, summed over it, (2,)."""
        logits = self.net(x)
        loss = F.cross_entropy(logits, y)
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        with torch.no_grad():
            return torch.stack([loss * len(x), (logits.argmax(dim=1) == y).sum()])

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        self.net.eval()
        sums = torch.zeros(2, device=self.x.device)
        for x, y in zip(self.val_x.split(1024), self.val_y.split(1024), strict=True):
            logits = self.net(self.prepared(x))
            sums += torch.stack([F.cross_entropy(logits, y, reduction="sum"), (logits.argmax(dim=1) == y).sum()])
        loss, hits = (sums / len(self.val_x)).tolist()
        return {"val/loss": loss, "val/accuracy": hits}

    def prepared(self, x: Tensor) -> Tensor:
        return x.float().mul_(self.scale).add_(self.shift)
