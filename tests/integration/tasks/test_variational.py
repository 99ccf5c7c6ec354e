"""The variational task: the bound against a model whose evidence is known, its terms, its metrics, its pictures."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import lightning as L
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from netyard.losses.likelihoods import Bernoulli, DiscretizedLogistic, Gaussian
from netyard.tasks.parts.latents import Latents, interpolation_codes
from netyard.tasks.variational import Bound, Variational
from support.trainers import trainer_of
from support.variational_task import SHAPE, check_trained, net_of, task_of

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers")
MEAN, STD = torch.full((1, 1, 1), 0.3), torch.full((1, 1, 1), 0.4)


class Pictures(L.LightningDataModule):
    """Fixed batches of normalised pictures with labels."""

    def __init__(self, sizes: tuple[int, ...] = (6,), num_classes: int | None = 3, shape: Any = SHAPE) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.num_classes, self.shape = num_classes, shape
        self.batches = [((torch.rand(n, *shape).round() - 0.3) / 0.4, torch.arange(n) % 3) for n in sizes]

    def pixel_statistics(self) -> tuple[Tensor, Tensor]:
        return (MEAN, STD) if len(self.shape) == 3 else (torch.zeros(1), torch.ones(1))

    def train_dataloader(self) -> DataLoader[Any]:
        generator = torch.Generator()  # or it would take a number of the global one
        return DataLoader(self.batches, batch_size=None, generator=generator)  # type: ignore[arg-type]

    val_dataloader = test_dataloader = train_dataloader


def ran(task: Variational, data: Any, epochs: int = 1) -> dict[str, float]:
    """The metrics of fit and test."""
    trainer = trainer_of(epochs)
    trainer.fit(task, data)
    metrics = dict(trainer.callback_metrics)
    trainer.test(task, data, verbose=False)
    return {name: float(value) for name, value in {**metrics, **trainer.callback_metrics}.items()}


@pytest.mark.parametrize(
    "likelihood", [Bernoulli(binarize="threshold"), DiscretizedLogistic(max_value=16), Gaussian(2)]
)
@pytest.mark.parametrize("sizes", [(6,), (4, 1, 3)])
def test_the_metrics_are_the_terms_of_the_bound_over_the_whole_epoch(likelihood: Any, sizes: tuple[int, ...]) -> None:
    data, task = Pictures(sizes), task_of(loss=likelihood, importance_samples=5, beta=3.0)
    got = ran(task, data)
    for stage in ("train", "val", "test"):
        assert got[f"{stage}/elbo"] == pytest.approx(-got[f"{stage}/reconstruction"] - got[f"{stage}/kl"], rel=1e-5)
        loss = got[f"{stage}/reconstruction"] + 3 * got[f"{stage}/kl"]
        assert got[f"{stage}/loss"] == pytest.approx(loss, rel=1e-5)
        bits = got.get(f"{stage}/bits_per_dimension")
        assert bits == (pytest.approx(-got[f"{stage}/elbo"] / 16 / math.log(2)) if likelihood.discrete else None)
    with torch.no_grad():
        x = torch.cat([batch[0] for batch in data.batches])
        mean, log_variance = task.net.encode(likelihood.prepare(x * STD + MEAN).sub(MEAN).div(STD))
    kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)
    assert got["val/kl"] == pytest.approx(kl.sum(dim=1).mean().item(), rel=1e-4)
    assert task.latent_use is not None
    torch.testing.assert_close(task.latent_use.kl, kl.mean(dim=0), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(task.latent_use.variance, mean.var(dim=0, correction=0), rtol=1e-4, atol=1e-5)
    assert got["test/active_units"] == (mean.var(dim=0, correction=0) > 0.01).sum()
    assert got["test/nll"] < -got["test/elbo"] + 1.0


def test_free_bits_are_in_the_loss_and_not_in_the_bound() -> None:
    got = ran(task_of(free_bits=2.0), Pictures())
    assert got["val/kl"] < 3  # an untrained code of three dimensions holds less than its six free nats
    assert got["val/loss"] == pytest.approx(got["val/reconstruction"] + 6.0, rel=1e-5)
    assert got["val/elbo"] == pytest.approx(-got["val/reconstruction"] - got["val/kl"], rel=1e-5)


def test_the_weight_of_the_kl_grows_from_nothing_over_its_share_of_the_run() -> None:
    data, weights = Pictures((6, 6)), []

    class Watched(Variational):
        def _add_means(self, bound: Bound, beta: float, **more: Tensor) -> Tensor:
            if self.training:
                weights.append(beta)
            return super()._add_means(bound, beta, **more)

    task = Watched(
        net_of(), Bernoulli(), partial(torch.optim.SGD, lr=0.0), task_of().scheduler, beta=2.0, kl_warmup=0.4
    )
    trainer_of(5, limit_val_batches=0).fit(task, data)  # ten steps, four of them to warm up
    assert weights == pytest.approx([0, 0.5, 1, 1.5, *[2] * 6])


def test_units_are_active_whose_mean_moves_with_the_data() -> None:
    latents, task = Latents(), task_of()
    trainer_of().fit(task, Pictures())
    signal = torch.tensor([-1.0, 1.0] * 50)
    mean = torch.stack([signal, 0.09 * signal, 0.11 * signal, signal.abs() * 9], dim=1)
    for part in mean.split(30):
        latents.add(part, part.abs())
    use = latents.statistics(task)
    assert use is not None and use.active.tolist() == [True, False, True, False]
    torch.testing.assert_close(use.kl, torch.tensor([1.0, 0.09, 0.11, 9.0]))


def test_validation_and_pictures_leave_the_random_state_alone_and_repeat_themselves() -> None:
    data = Pictures()
    task, trainer = task_of(loss=Bernoulli(binarize="sample")), trainer_of()
    trainer.fit(task, data)
    state = torch.get_rng_state()
    first = trainer.validate(task, data, verbose=False)
    task.pictures(4), task.interpolation(2, 3), task.traversal(2, 3)
    assert trainer.validate(task, data, verbose=False) == first
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("likelihood", "num_classes"),
    [(Bernoulli(), None), (Gaussian(), 3), (Gaussian(2), None), (DiscretizedLogistic(max_value=1), 3)],
)
def test_the_loss_falls_on_a_handful_of_fixed_samples(likelihood: Any, num_classes: int | None) -> None:
    task, data = task_of(net_of(num_classes, likelihood), likelihood, lr=0.01), Pictures()
    before = ran(task_of(net_of(num_classes, likelihood), likelihood), data)["val/elbo"]
    data.batches *= 150
    trainer = trainer_of(limit_val_batches=1)
    trainer.fit(task, data)
    assert trainer.callback_metrics["val/elbo"] > before + 3


@pytest.mark.parametrize("num_classes", [None, 3])
def test_a_traversal_has_the_fullest_dimensions_first_and_an_interpolation_its_ends(num_classes: int | None) -> None:
    task = task_of(net_of(num_classes))
    assert task.traversal().shape == (3, 9, *SHAPE)  # no more rows than dimensions
    ran(task, Pictures())
    assert task.latent_use is not None
    fullest = int(task.latent_use.kl.argmax())
    z = torch.zeros(1, 3)
    z[0, fullest] = -2.0
    y = None if num_classes is None else torch.tensor([0])
    torch.testing.assert_close(task.traversal(2, 5, span=2.0)[0, 0], task.net.decode(z, y)[0].sigmoid().detach())
    strips = task.interpolation(4, 6, seed=3)
    assert strips.shape == (4, 6, *SHAPE)
    start = interpolation_codes(3, 4, 6, seed=3)[:, 0]
    y = None if num_classes is None else torch.arange(4) % num_classes  # one class in each row
    torch.testing.assert_close(strips[:, 0], task.net.decode(start, y).sigmoid().detach())


def test_a_test_keeps_the_codes_of_the_first_pictures_for_a_map() -> None:
    data, task = Pictures((700, 500)), task_of(net_of(3))
    ran(task, data)
    assert task.codes is not None
    codes, labels, pictures = task.codes
    assert codes.shape == (1000, 3) and torch.equal(labels, torch.cat([y for _, y in data.batches])[:1000])
    assert pictures is not None and pictures.shape == (1000, *SHAPE)
    x, y = data.batches[0]
    torch.testing.assert_close(codes[:700], task.net.encode(x, y)[0].detach())
    unlabelled = task_of()
    ran(unlabelled, Pictures(num_classes=None))
    assert unlabelled.codes is None, "a map of what?"


def test_reconstructions_are_pixels_of_the_first_batch() -> None:
    data, task = Pictures((40, 3)), task_of()
    ran(task, data)
    assert task.reconstructions is not None
    inputs, outputs = task.reconstructions
    assert inputs.shape == outputs.shape == (32, *SHAPE)
    torch.testing.assert_close(inputs, data.batches[0][0][:32] * STD + MEAN, atol=1e-5, rtol=0)
    torch.testing.assert_close(outputs, task(data.batches[0][0][:32]).detach())


def test_a_table_has_a_bound_and_no_pictures() -> None:
    likelihood = Gaussian(2)
    task = task_of(net_of(likelihood=likelihood, shape=(5,)), likelihood)
    got = ran(task, Pictures(shape=(5,), num_classes=None))
    assert math.isfinite(got["test/nll"]) and task.reconstructions is None
    with pytest.raises(ValueError, match=r"rows of a table; .*; try data=digits"):
        task.pictures(2)


def test_data_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"Pictures has no labels; a conditional VAE needs .*; try model=vae"):
        trainer_of().fit(task_of(net_of(num_classes=3)), Pictures(num_classes=None))
    with pytest.raises(ValueError, match=r"Bernoulli is a likelihood of pixels .*; .*; try loss=gaussian"):
        trainer_of().fit(task_of(net_of(shape=(5,))), Pictures(shape=(5,)))
    with pytest.raises(ValueError, match=r"kl_warmup is 0\.5; .*; try trainer\.max_epochs=10"):
        trainer_of(-1).fit(task_of(kl_warmup=0.5), Pictures())


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["model=conv_vae", "loss=discretized_logistic", "task.kl_warmup=0.5"], "variational"),
        (["model=conditional_vae", "loss=gaussian", "loss.num_parameters=2"], "variational"),
        (["model=vae_tiny", "data=wine", "task.free_bits=0.1"], "variational"),
    ],
)
def test_end_to_end_and_loaded_again(train: Any, words: list[str], name: str) -> None:
    short = ["debug=smoke", "trainer.max_epochs=2", "task.importance_samples=4", "callbacks.scores=null"]
    check_trained(train(*words, *short, "logger=none"), words, name)


def test_the_bound_of_digits_improves_with_training(train: Any) -> None:
    """By the likelihood of their seventeen greys: what knows nothing needs log2(17) = 4.09 bits a pixel."""
    words = ["model=vae_tiny", "loss=discretized_logistic", "trainer=cpu", "trainer.max_epochs=4", "logger=none"]
    less = ["optimizer.lr=0.005", "task.importance_samples=4", "callbacks.scores=null", "callbacks.samples=null"]
    done = train(*words, *less)
    assert done.code == 0, done.err
    assert done.json("results.json")["metrics"]["test/bits_per_dimension"] < 2.8
