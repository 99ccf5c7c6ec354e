"""The loop of the tutorials: a Dataset of pictures with transforms, a DataLoader, and a step each batch."""

from __future__ import annotations

import time

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from rivals import Samples


class Pictures(Dataset[tuple[Tensor, int]]):
    """A sample as torchvision's MNIST gives it: a picture of PIL's, which the transforms make a tensor."""

    def __init__(self, x: Tensor, y: Tensor, mean: Tensor, std: Tensor) -> None:
        self.x, self.y = x.squeeze(1) if x.shape[1] == 1 else x.permute(0, 2, 3, 1), y
        normalize = transforms.Normalize(mean.flatten().tolist(), std.flatten().tolist())
        self.transform = transforms.Compose([transforms.ToTensor(), normalize])

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.x[index].numpy())), int(self.y[index])


def loaders(samples: Samples) -> tuple[DataLoader[tuple[Tensor, int]], DataLoader[tuple[Tensor, int]]]:
    """Of training and validation, without workers: both tutorials and the template have 0 by default."""
    train = Pictures(samples.x, samples.y, samples.mean, samples.std)
    val = Pictures(samples.val_x, samples.val_y, samples.mean, samples.std)
    return (
        DataLoader(train, samples.batch_size, shuffle=True, drop_last=True),
        DataLoader(val, samples.batch_size),
    )


class LoaderLoop:
    """Loss and hits become numbers at every step, as the tutorials have it."""

    def __init__(self, net: nn.Module, samples: Samples, lr: float = 1e-3) -> None:
        self.net = net
        self.train, self.val = loaders(samples)
        self.optimizer = torch.optim.Adam(net.parameters(), lr=lr)

    def epoch(self) -> float:
        began = time.process_time()
        self.net.train()
        loss_sum, hits = 0.0, 0
        for x, y in self.train:
            self.optimizer.zero_grad()
            logits = self.net(x)
            loss = F.cross_entropy(logits, y)
            loss.backward()
            self.optimizer.step()
            loss_sum += loss.item()
            hits += int((logits.argmax(dim=1) == y).sum())
        self.net.eval()
        with torch.no_grad():
            for x, y in self.val:
                logits = self.net(x)
                loss_sum += F.cross_entropy(logits, y).item()
                hits += int((logits.argmax(dim=1) == y).sum())
        return time.process_time() - began
