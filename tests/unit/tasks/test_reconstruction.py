"""Reconstruction: what is learned, what is logged, what is kept, and what is refused."""

from __future__ import annotations

from functools import partial
from typing import Any

import lightning as L
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from netyard.tasks.coders import check_coder
from netyard.tasks.reconstruction import Reconstruction

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers")
MEAN, STD = torch.tensor([0.3])[:, None, None], torch.tensor([0.25])[:, None, None]
SHAPE, NUM_CLASSES = (1, 8, 8), 3


class Pictures(L.LightningDataModule):
    """Fixed batches of random pictures, normalised, and other ones to validate and test."""

    num_classes: int | None = NUM_CLASSES

    def __init__(self, sizes: tuple[int, ...] = (6, 6), shape: tuple[int, ...] = SHAPE) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(1)

        def batch(size: int) -> tuple[Tensor, Tensor]:
            if len(shape) == 1:
                return torch.randn(size, *shape, generator=generator), torch.arange(size) % NUM_CLASSES
            pictures = torch.rand(size, *shape, generator=generator)
            return (pictures - MEAN) / STD, torch.arange(size) % NUM_CLASSES

        self.trained, self.evaluated = ([batch(size) for size in each] for each in (sizes, sizes[::-1]))

    def pixel_statistics(self) -> tuple[Tensor, Tensor]:
        return MEAN, STD

    def train_dataloader(self) -> DataLoader[Any]:
        return DataLoader(self.trained, batch_size=None)  # type: ignore[arg-type]

    def val_dataloader(self) -> DataLoader[Any]:
        return DataLoader(self.evaluated, batch_size=None)  # type: ignore[arg-type]

    test_dataloader = val_dataloader


class Coder(nn.Module):
    """The least that codes."""

    def __init__(self, shape: tuple[int, ...] = SHAPE, latent_size: int = 4, shares: bool = False) -> None:
        super().__init__()
        size = torch.Size(shape).numel()
        code = [nn.Sigmoid()] if shares else []
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(size, latent_size), nn.Tanh(), *code)
        self.decoder = nn.Sequential(nn.Linear(latent_size, size), nn.Unflatten(1, shape))
        self.seen: list[Tensor] = []

    def encode(self, x: Tensor) -> Tensor:
        self.seen.append(x.detach().clone())
        return self.encoder(x)

    def decode(self, z: Tensor) -> Tensor:
        return self.decoder(z)


def task_of(net: nn.Module, lr: float = 0.0, shape: tuple[int, ...] = SHAPE, **settings: Any) -> Reconstruction:
    return Reconstruction(
        net,
        settings.pop("loss", nn.MSELoss()),
        partial(torch.optim.Adam, lr=lr),
        lambda optimizer, total_steps: torch.optim.lr_scheduler.ConstantLR(optimizer, 1.0),
        shape,
        **settings,
    )


def test_noise_leaves_the_global_random_numbers_alone() -> None:
    validating, training, data = task_of(Coder(), noise="gaussian"), task_of(Coder(), noise="gaussian"), Pictures((6,))
    before = torch.get_rng_state()
    validating.validation_step(data.evaluated[0], 0)
    training.training_step(data.trained[0], 0)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_noise_of_training_is_that_of_its_seed_and_place() -> None:
    def given(seed: int, batch_idx: int) -> Tensor:
        torch.manual_seed(seed)
        torch.rand(batch_idx)  # whatever else was drawn
        net, data = Coder(), Pictures((6,))
        task_of(net, noise="gaussian").training_step(data.trained[0], batch_idx)
        return net.seen[-1]

    assert torch.equal(given(1, 2), given(1, 2))
    assert not torch.equal(given(1, 2), given(1, 3)) and not torch.equal(given(1, 2), given(2, 2))


class Plain(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x


class Unlike(Coder):
    def decode(self, z: Tensor) -> Tensor:
        return super().decode(z)[..., :4]


class Two(Coder):
    def encode(self, x: Tensor) -> Any:
        return super().encode(x), None


@pytest.mark.parametrize(
    ("net", "settings", "message"),
    [
        (Plain(), {}, r"Plain has no encode and decode; task reconstruction needs both; try model=autoencoder"),
        (Unlike(), {}, r"Unlike makes \[1, 8, 4\] of inputs of \[1, 8, 8\]; .*try model=autoencoder"),
        (Two(), {}, r"the codes of Two are no tensor \(B, latent_size\); try model=autoencoder"),
        (Coder(), {"sparsity": "kl"}, r"codes of Coder are not between 0 and 1; .*try model\.code_activation=sigmoid"),
        (Coder(), {"loss": nn.CrossEntropyLoss()}, "try loss=mse"),
        (Coder(), {"noise": "snow"}, "noise is 'snow'"),
        (Coder(), {"sparsity": "l0"}, "sparsity is 'l0'"),
        (Coder(), {"contraction": -1.0}, "contraction is -1.0"),
    ],
)
def test_a_refusal_has_three_parts(net: nn.Module, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        task_of(net, **settings)


def test_checking_a_net_changes_nothing_of_it() -> None:
    net = nn.Sequential(nn.BatchNorm2d(1), nn.Dropout(0.5)).train()
    net.encode, net.decode = lambda x: net(x).flatten(1), lambda z: z.view(-1, *SHAPE)  # type: ignore[assignment]
    before, state = torch.get_rng_state(), {name: value.clone() for name, value in net.state_dict().items()}
    check_coder(net, SHAPE)
    assert net.training and torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(value, state[name]) for name, value in net.state_dict().items())
