"""The variational task: the bound against a model whose evidence is known, its terms, its metrics, its pictures."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from torch import Tensor, nn
from torch.distributions import MultivariateNormal
from torch.utils.data import DataLoader
from training import trainer_of

from netyard import checkpoint
from netyard.losses.likelihoods import Bernoulli, DiscretizedLogistic, Gaussian
from netyard.models.mlp import MLP
from netyard.models.vae import VAE
from netyard.tasks.latents import Latents, interpolation_codes, traversal_codes
from netyard.tasks.variational import Bound, Variational

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers")

MEAN, STD = torch.full((1, 1, 1), 0.3), torch.full((1, 1, 1), 0.4)
SHAPE = (1, 4, 4)


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


class Toy(nn.Module):
    """x = W z + b + noise of deviation s: its evidence N(b, W W' + s^2) and its posterior are known."""

    num_classes, latent_size, input_shape = None, 2, (4,)

    def __init__(self, std: float, exact: bool) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.weight, self.bias = nn.Parameter(torch.randn(4, 2)), nn.Parameter(torch.randn(4))
        precision = torch.eye(2) + self.weight.T @ self.weight / std**2
        self.to_mean = (torch.linalg.inv(precision) @ self.weight.T / std**2).detach()
        # Columns at right angles: then the exact posterior has no correlations, and the net can have it.
        with torch.no_grad():
            self.weight[:] = torch.linalg.qr(self.weight)[0] * torch.tensor([0.5, 1.5])
            variance = 1 / (1 + self.weight.square().sum(dim=0) / std**2)
            self.to_mean = variance[:, None] * self.weight.T / std**2
        self.log_variance = variance.log() if exact else variance.log() + 0.7
        evidence = self.weight @ self.weight.T + std**2 * torch.eye(4)
        self.evidence = MultivariateNormal(self.bias.detach(), evidence.detach())

    def encode(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return (x - self.bias) @ self.to_mean.T, self.log_variance.expand(len(x), -1)

    def decode(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return z @ self.weight.T + self.bias


def net_of(num_classes: int | None = None, likelihood: Any = None, shape: Any = SHAPE) -> VAE:
    torch.manual_seed(0)
    k = likelihood.num_parameters if likelihood is not None else 1
    return VAE(shape, 3, k, hidden_sizes=[12], num_classes=num_classes)


def task_of(
    net: nn.Module | None = None, loss: nn.Module | None = None, lr: float = 0.0, **settings: Any
) -> Variational:
    return Variational(
        net if net is not None else net_of(likelihood=loss),
        loss if loss is not None else Bernoulli(),
        partial(torch.optim.Adam, lr=lr),
        lambda optimizer, total_steps: torch.optim.lr_scheduler.ConstantLR(optimizer, 1.0),
        **settings,
    )


def ran(task: Variational, data: Any, epochs: int = 1) -> dict[str, float]:
    """The metrics of fit and test."""
    trainer = trainer_of(epochs)
    trainer.fit(task, data)
    metrics = dict(trainer.callback_metrics)
    trainer.test(task, data, verbose=False)
    return {name: float(value) for name, value in {**metrics, **trainer.callback_metrics}.items()}


def toy(exact: bool, samples: int = 1) -> tuple[Variational, Tensor]:
    net = Toy(0.5, exact)
    return task_of(net, Gaussian(std=0.5), importance_samples=samples), net.evidence.sample((4000,))


def bound_of(task: Variational, x: Tensor, seed: int = 0) -> Bound:
    return task._bound((x, torch.zeros(len(x))), torch.Generator().manual_seed(seed))


def test_with_the_exact_posterior_the_bound_is_the_evidence_whatever_is_drawn() -> None:
    task, x = toy(exact=True, samples=3)
    wanted = task.net.evidence.log_prob(x)
    bound, noise = bound_of(task, x), torch.Generator().manual_seed(1)
    # A single importance weight is already the evidence: p(x|z) p(z) / q(z|x) is the same for every z.
    torch.testing.assert_close(task._log_evidence(bound, torch.zeros(len(x)), noise), wanted, rtol=1e-4, atol=1e-3)
    elbo = (bound.log_likelihood - bound.kl.sum(dim=1)).mean()
    assert elbo.item() == pytest.approx(wanted.mean().item(), abs=0.05)


def test_with_a_posterior_too_wide_the_bound_misses_the_divergence_of_the_two() -> None:
    task, x = toy(exact=False)
    elbo = torch.stack(
        [(each.log_likelihood - each.kl.sum(dim=1)).mean() for each in (bound_of(task, x, seed) for seed in range(20))]
    ).mean()
    gap = 2 * 0.5 * (math.exp(0.7) - 1 - 0.7)  # KL(N(m, e^0.7 v) || N(m, v)) in each of two dimensions
    assert elbo.item() == pytest.approx(task.net.evidence.log_prob(x).mean().item() - gap, abs=0.03)


def test_importance_weighting_climbs_from_the_bound_to_the_evidence() -> None:
    values = []
    for samples in (1, 5, 100):
        task, x = toy(exact=False, samples=samples)
        noise = torch.Generator().manual_seed(2)
        values.append(task._log_evidence(bound_of(task, x), torch.zeros(len(x)), noise).mean().item())
    evidence = task.net.evidence.log_prob(x).mean().item()
    gap = 0.5 * 2 * (math.exp(0.7) - 1.7)
    assert values[0] == pytest.approx(evidence - gap, abs=0.05)
    assert values[0] < values[1] - 0.1 < values[2] - 0.1
    assert values[2] == pytest.approx(evidence, abs=0.02)


@pytest.mark.parametrize("pixels", [2**14, 2**19])
def test_the_codes_of_a_sample_are_drawn_in_portions_that_change_nothing(pixels: int) -> None:
    task, x = toy(exact=False, samples=7)
    noise = torch.Generator().manual_seed(2)
    whole = task._log_evidence(bound_of(task, x[:8]), torch.zeros(8), noise)
    noise, bound = torch.Generator().manual_seed(2), bound_of(task, x[:8])
    bound.pixels.numel = lambda: pixels  # type: ignore[method-assign]
    torch.testing.assert_close(task._log_evidence(bound, torch.zeros(8), noise), whole)


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
        def _count(self, bound: Bound, beta: float, **more: Tensor) -> Tensor:
            if self.training:
                weights.append(beta)
            return super()._count(bound, beta, **more)

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
    use = latents.use(task)
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


def test_training_noise_depends_on_the_place_in_the_run_alone() -> None:
    task = task_of()
    draws = [torch.randn(3, generator=task.random_at(*place)) for place in ((0, 1, 0), (0, 1, 1), (0, 2, 0), (0, 1, 0))]
    assert torch.equal(draws[0], draws[3])
    assert not any(torch.equal(draws[i], draws[j]) for i in range(3) for j in range(i))


@pytest.mark.parametrize("likelihood", [Bernoulli(), Gaussian(), Gaussian(2), DiscretizedLogistic(max_value=1)])
@pytest.mark.parametrize("num_classes", [None, 3])
def test_the_loss_falls_on_a_handful_of_fixed_samples(likelihood: Any, num_classes: int | None) -> None:
    task, data = task_of(net_of(num_classes, likelihood), likelihood, lr=0.01), Pictures()
    before = ran(task_of(net_of(num_classes, likelihood), likelihood), data)["val/elbo"]
    trainer = trainer_of(150)
    trainer.fit(task, data)
    assert trainer.callback_metrics["val/elbo"] > before + 3


def test_pictures_of_pixels_and_of_one_class_or_all() -> None:
    task = task_of(net_of(num_classes=3))
    made = task.pictures(7, seed=1)
    assert made.shape == (7, *SHAPE) and made.min() >= 0 and made.max() <= 1 and not made.requires_grad
    assert torch.equal(made, task.pictures(7, seed=1)) and not torch.equal(made, task.pictures(7, seed=2))
    for label in range(3):
        assert torch.equal(task.pictures(7, seed=1, label=label)[label::3], made[label::3])


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


def test_codes_along_a_walk() -> None:
    z = traversal_codes(torch.tensor([2, 0, 1]), 2, 3, 1.5)
    assert z.tolist() == [[[0, 0, -1.5], [0, 0, 0], [0, 0, 1.5]], [[-1.5, 0, 0], [0, 0, 0], [1.5, 0, 0]]]
    z = interpolation_codes(2000, 1, 5, seed=0)
    torch.testing.assert_close(z.square().mean(dim=2), torch.ones(1, 5), atol=0.1, rtol=0)
    start, end = torch.randn(2, 1, 1, 2000, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(z[0, [0, -1]], torch.cat([start, end])[:, 0], atol=1e-5, rtol=0)


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
    with pytest.raises(ValueError, match=r"rows of a table; pictures come from .*; try data=digits"):
        task.pictures(2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"net": MLP((1, 4, 4), 3)}, "MLP is no variational autoencoder; .*; try model=vae"),
        ({"loss": nn.MSELoss()}, "loss MSELoss is no likelihood; .*; try loss=bernoulli"),
        ({"beta": -1.0}, r"beta is -1\.0; it must be at least 0; try task\.beta=1"),
        ({"kl_warmup": 1.5}, r"kl_warmup is 1\.5; it must be at least 0 and at most 1; try task\.kl_warmup=0\.1"),
        ({"free_bits": -0.1}, r"free_bits is -0\.1; .*; try task\.free_bits"),
        ({"importance_samples": 0}, "importance_samples is 0; .* at least 1; try"),
    ],
)
def test_a_refusal_has_three_parts(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        task_of(**{"net": net_of(), **arguments})


def test_data_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"Pictures has no labels; a conditional VAE is told .*; try model=vae"):
        trainer_of().fit(task_of(net_of(num_classes=3)), Pictures(num_classes=None))
    with pytest.raises(ValueError, match=r"Bernoulli is a likelihood of pixels .*; .*; try loss=gaussian"):
        trainer_of().fit(task_of(net_of(shape=(5,))), Pictures(shape=(5,)))
    with pytest.raises(ValueError, match=r"kl_warmup is 0\.5; .*; try trainer\.max_epochs=10"):
        trainer_of(-1).fit(task_of(kl_warmup=0.5), Pictures())


@pytest.mark.parametrize(("label", "num_classes"), [(3, 3), (-1, 3), (0, None)])
def test_a_label_that_is_none_is_refused(label: int, num_classes: int | None) -> None:
    with pytest.raises(ValueError, match=rf"label is {label}; this net .*; (try class=0|leave class out)"):
        task_of(net_of(num_classes)).pictures(2, label=label)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["model=vae"], "variational"),
        (["model=vae_tiny", "task.beta=2", "loss.binarize=sample"], "variational"),
        (["model=conv_vae", "loss=discretized_logistic", "task.kl_warmup=0.5"], "variational"),
        (["model=beta_vae"], "beta_variational"),
        (["model=conditional_vae", "loss=gaussian", "loss.num_parameters=2"], "variational"),
        (["model=vae_tiny", "data=wine", "loss=gaussian", "task.free_bits=0.1"], "variational"),
        (["model=vae_tiny", "data=digits_rows", "loss=gaussian"], "variational"),
    ],
)
def test_end_to_end_and_loaded_again(train: Any, words: list[str], name: str) -> None:
    short = ["trainer=cpu", "trainer.max_epochs=2", "trainer.limit_train_batches=3", "task.importance_samples=4"]
    done = train(*words, *short, "logger=none")
    assert done.code == 0, done.err
    results = done.json("results.json")
    assert (results["task"], results["objective"]["name"], results["objective"]["mode"]) == (name, "val/elbo", "max")
    assert all(math.isfinite(value) for value in results["metrics"].values())
    task = checkpoint.load(done.path)
    assert isinstance(task, Variational)
    if not any(word.startswith("data=") for word in words):
        assert task.pixels.mean.item() == pytest.approx(0.3053) and task.pictures(3).shape == (3, 1, 8, 8)
    if "model=beta_vae" in words:
        assert task.beta == 4


def test_the_bound_of_digits_improves_with_training(train: Any, tmp_path: Path) -> None:
    """By the likelihood of their seventeen greys: what knows nothing needs log2(17) = 4.09 bits a pixel."""
    keys = ["model=vae", "loss=discretized_logistic", "trainer=cpu", "logger=none", "optimizer.lr=0.002"]
    keys += ["task.importance_samples=8"]
    scores = []
    for epochs, batches in ((1, 1), (15, 1.0)):
        lengths = f"trainer.max_epochs={epochs}", f"trainer.limit_train_batches={batches}"
        scores.append(train(*keys, *lengths, path=tmp_path / str(epochs)).json("results.json"))
    untrained, trained = (each["metrics"]["test/bits_per_dimension"] for each in scores)
    assert untrained > 3 and trained < 2.2
    assert scores[1]["metrics"]["test/active_units"] >= 5
