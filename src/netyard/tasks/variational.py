"""Variational autoencoders: a posterior over codes and a decoder, trained by the evidence lower bound (ELBO)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from netyard.errors import ArgumentError
from netyard.losses.divergences import free_bits, kl_from_standard_normal
from netyard.losses.likelihoods import Bernoulli, Gaussian, Likelihood
from netyard.ranges.bounds import Count, NotNegative, Unit
from netyard.ranges.signature import check
from netyard.tasks.interfaces import has_classes
from netyard.tasks.learner import Learner
from netyard.tasks.parts.coders import check_variational
from netyard.tasks.parts.labels import sample_labels
from netyard.tasks.parts.latents import Latents, LatentUse, interpolation_codes, traversal_codes
from netyard.tasks.parts.pixels import Pixels
from netyard.tasks.parts.reconstructions import Codes, Reconstructions
from netyard.tasks.signature import (
    ExportSignature,
    Score,
    TensorSpec,
    decoder_signature,
    encoder_signature,
    label_spec,
    mean_square,
    normal_codes,
)

TRAINING, VALIDATION, TEST = range(3)  # the first number of a noise seed: the three never share their noise


class Bound(NamedTuple):
    """The terms of the ELBO for each sample, in nats, and the posterior of its code."""

    log_likelihood: Tensor  # (B,)
    kl: Tensor  # (B, D)
    mean: Tensor  # (B, D)
    log_variance: Tensor  # (B, D)
    pixels: Tensor  # (B, *input_shape), the target of the likelihood


class Variational(Learner):
    """Train ``net.encode`` and ``net.decode`` on batches ``(x, y)``; y is used by a conditional net only.

    The loss is -log p(x|z) + beta KL(q(z|x) || N(0, 1)), with one z sampled for each x; in nats, summed over pixels,
    averaged over the batch. Kingma & Welling 2013, arXiv:1312.6114. Pixels are in [0, 1], by the statistics of the
    data, which are saved with the weights.

    Logs ``loss``, its terms ``reconstruction`` and ``kl``, and their negative sum ``elbo``; for a discrete likelihood
    also ``bits_per_dimension``. Validation and test add ``active_units``, and keep ``latent_use`` and
    ``reconstructions``. A test adds ``nll``, a tighter bound by importance weighting (Burda et al. 2016), and keeps
    ``codes``, the means of the posteriors, if the data have classes.

    Args:
        net: see ``netyard.tasks.parts.coders.VariationalCoder``.
        loss: the likelihood of pixels.
        beta: weight of the KL in the loss; more than 1 favours a disentangled code (Higgins et al. 2017).
        kl_warmup: fraction of the run's steps during which that weight grows from 0 (Bowman et al. 2016).
        free_bits: nats of each dimension's KL that the loss does not penalise (Kingma et al. 2016).
        importance_samples: codes sampled for each test sample to compute ``nll``.
        optimizer, scheduler, monitor, mode: see ``Learner``.

    Raises:
        ArgumentError: the net is not a variational autoencoder, or the loss not a likelihood; a value is out of its
            range; the net is conditional, and the data have no labels; a likelihood of pixels is used for a table.
    """

    NUM_RECONSTRUCTIONS, NUM_CODES = 32, 1_000
    every_window = True  # of a series that is predicted, not the last one alone
    baseline_kind = "densities"
    loss: Likelihood

    def __init__(
        self,
        net: nn.Module,
        loss: nn.Module,
        optimizer: partial[torch.optim.Optimizer],
        scheduler: Callable[..., Any],
        beta: NotNegative = 1.0,
        kl_warmup: Unit = 0.0,
        free_bits: NotNegative = 0.0,
        importance_samples: Count = 64,
        monitor: str = "val/elbo",
        mode: Literal["min", "max"] = "max",
    ) -> None:
        check(Variational, locals(), "task")
        super().__init__(net, loss, optimizer, scheduler, monitor, mode)
        check_variational(net, loss)
        self.beta, self.kl_warmup, self.free_bits = beta, kl_warmup, free_bits
        self.importance_samples = importance_samples
        self.pixels = Pixels(net.input_shape)
        self.latents = Latents()
        self.latent_use: LatentUse | None = None
        self.reconstructions: Reconstructions | None = None
        self.codes: Codes | None = None
        self._tested: list[tuple[Tensor, Tensor, Tensor]] = []
        self._warmup_steps = 0.0

    def setup(self, stage: str) -> None:
        data = self.trainer.datamodule
        if self.net.num_classes is not None and not has_classes(data):
            raise ArgumentError(
                f"{type(data).__name__} has no labels;",
                "a conditional VAE needs the class of each sample;",
                "try model=vae, or data=digits.",
            )
        # Standardised columns are outside [0, 1], where Bernoulli and logistic levels have no likelihood.
        if self.loss.bounded and not self.pixels.is_image:
            raise ArgumentError(
                f"{type(self.loss).__name__} is a likelihood of pixels in [0, 1];",
                "the columns of a table have no such range;",
                "try loss=gaussian, or data=digits.",
            )

    def remarks(self, data: Any) -> list[str]:
        """The likelihood of columns, and whether grey pixels are taken as probabilities."""
        if isinstance(self.loss, Gaussian) and not self.pixels.is_image:
            std = (
                f"a fixed standard deviation of {self.loss.std:g}" if self.loss.num_parameters == 1 else "learned ones"
            )
            units = " of the series in its own units" * hasattr(data, "series_statistics")
            return [f"the likelihood{units} is Gaussian, as the samples are no images, with {std} (loss=gaussian)"]
        if not isinstance(self.loss, Bernoulli) or self.loss.binarize or not self.pixels.is_image:
            return []
        mean, std = (each.double().flatten() for each in data.pixel_statistics())
        # Of pixels that are black or white the variance is mean * (1 - mean).
        if bool((std.square() > 0.5 * mean * (1 - mean)).any()):
            return []
        said = "loss=bernoulli takes grey values as probabilities, so the ELBO is no log-density of these pixels"
        return [f"{said} (loss=discretized_logistic: of their levels)"]

    def on_fit_start(self) -> None:
        self.pixels.set_statistics(self.trainer.datamodule)
        steps = self.planned_steps(self.trainer.estimated_stepping_batches)
        if self.kl_warmup and not math.isfinite(steps):
            raise ArgumentError(
                f"kl_warmup is {self.kl_warmup};",
                "the run has no last step, so a fraction of its steps is undefined;",
                "try trainer.max_epochs=10.",
            )
        self._warmup_steps = self.kl_warmup * steps if self.kl_warmup else 0.0

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Reconstruct inputs (B, *input_shape) as pixels; without y all labels have equal weights.

        From the mean of the posterior, not a sample, so that the reconstruction is deterministic.
        """
        y = self._uniform_label(x) if y is None else y
        return self.loss.mean(self.net.decode(self.net.encode(x, y)[0], y))

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        bound = self._bound(batch, self.random_at(TRAINING, self.current_epoch, batch_idx, device=self.device))
        # Warm-up: the decoder first learns to use the code. With the full KL from the start, the posterior may collapse
        # to the prior before that (Bowman et al. 2016, section 3.1).
        done = min(self.trainer.global_step / self._warmup_steps, 1.0) if self._warmup_steps else 1.0
        return self._add_means(bound, beta=done * self.beta)

    def on_validation_start(self) -> None:
        super().on_validation_start()
        self.latents = Latents()

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        # No epoch in the seed: every validation has the same noise, so that epochs can be compared.
        bound = self._bound(batch, self.random_at(VALIDATION, batch_idx, device=self.device))
        self._add_means(bound, self.beta)
        self._keep(bound, batch, batch_idx)

    def on_validation_epoch_end(self) -> None:
        super().on_validation_epoch_end()
        self._log_use("val")

    def on_test_start(self) -> None:
        super().on_test_start()
        self.latents = Latents()
        self.codes, self._tested = None, []

    def test_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        noise = self.random_at(TEST, batch_idx, device=self.device)
        bound = self._bound(batch, noise)
        self._add_means(bound, self.beta, nll=-self._log_evidence(bound, batch[1], noise).mean())
        self._keep(bound, batch, batch_idx)
        room = self.NUM_CODES - sum(len(labels) for _, labels, _ in self._tested)
        if room > 0 and has_classes(self.trainer.datamodule):
            self._tested.append((bound.mean[:room].cpu(), batch[1][:room].cpu(), bound.pixels[:room].cpu()))

    def on_test_epoch_end(self) -> None:
        super().on_test_epoch_end()
        if self._tested:
            codes, labels, pixels = (torch.cat(part) for part in zip(*self._tested, strict=True))
            self.codes = Codes(codes, labels, pixels if pixels.ndim == 4 else None)
        self._log_use("test")

    def predict_step(self, batch: tuple[Tensor, ...] | Tensor, batch_idx: int) -> Tensor:
        return self(batch) if isinstance(batch, Tensor) else self(*batch[:2])

    def prediction_columns(self, x: Tensor, labels: Sequence[str]) -> dict[str, list[float]]:
        """Return the columns of the prediction table: negative ELBO in nats, and reconstruction error.

        The ELBO is estimated from one sampled code; the error is that of the posterior mean's reconstruction.
        """
        bound = self._bound((x, self._uniform_label(x)), self.random_at(TEST, 0, device=self.device))
        error = self(x) - self.pixels(x)
        return {
            "negative_elbo": (bound.kl.sum(dim=1) - bound.log_likelihood).tolist(),
            "reconstruction_error": error.float().square().flatten(1).mean(dim=1).tolist(),
        }

    def export_signature(self) -> ExportSignature:
        """Return the signature of the reconstruction, and of the posterior mean it is decoded from."""

        def reconstruct(x: Tensor, y: Tensor | None = None) -> tuple[Tensor, Tensor]:
            code, _ = self.net.encode(x, y)
            return self.loss.mean(self.net.decode(code, y)), code

        outputs = (
            TensorSpec("reconstruction", "pixels in [0, 1]" if self.pixels.is_image else "like the input"),
            TensorSpec("code", f"(batch, {self.net.latent_size})"),
        )
        return ExportSignature(
            self,
            reconstruct,
            [TensorSpec("input", "a sample"), *[label_spec(self.net.num_classes)] * self.conditional],
            outputs,
            more_inputs=(lambda count: (sample_labels(count, None, self.net.num_classes),))
            if self.conditional
            else None,
            like_data=[] if self.pixels.is_image else ["reconstruction"],
            score=None
            if self.conditional
            else Score("mse", lambda made, x, y: mean_square(made["reconstruction"], self.pixels(x))),
        )

    def _uniform_label(self, x: Tensor) -> Tensor | None:
        """Equal weights for all labels (B, num_classes), for a conditional net if the label is not known."""
        num_classes = self.net.num_classes
        return None if num_classes is None else x.new_full((x.shape[0], num_classes), 1 / num_classes)

    def log_means(self, stage: str) -> None:
        # Nats to bits: / ln 2. Only of a discrete likelihood: a density has no absolute number of bits.
        numbers = math.prod(self.net.input_shape)
        bits = {"bits_per_dimension": lambda means: -means["elbo"] / (numbers * math.log(2))}
        self.means.log(self, stage, **(bits if self.loss.discrete else {}))

    # Samples

    @property
    def conditional(self) -> bool:
        """Whether the net takes labels."""
        return self.net.num_classes is not None

    @torch.no_grad()
    def pictures(self, count: int, seed: int = 0, label: int | Tensor | None = None) -> Tensor:
        """Generate images (count, C, H, W) in [0, 1] from codes sampled from the prior.

        Args:
            label: one class for all, or labels (count,); None: each class in turn.

        Raises:
            ArgumentError: the net takes no labels, has no such class, or was trained on a table.
        """
        generator = torch.Generator().manual_seed(seed)
        return self._decode_images(torch.randn(count, self.net.latent_size, generator=generator), label)

    @torch.no_grad()
    def rows(self, count: int, seed: int = 0, label: int | Tensor | None = None) -> Tensor:
        """Generate normalised samples (count, *input_shape) on the CPU from the model: a code, then the likelihood.

        Args:
            label: one class for all, or labels (count,); None: each class in turn.
        """
        generator = torch.Generator().manual_seed(seed)
        z = torch.randn(count, self.net.latent_size, generator=generator)
        labels = sample_labels(count, label, self.net.num_classes)
        labels = None if labels is None else labels.to(self.device)
        return self.loss.sample(self._decode(z.to(self.device), labels).float().cpu(), generator)

    @torch.no_grad()
    def traversal(self, rows: int = 8, columns: int = 9, span: float = 3.0, label: int | None = None) -> Tensor:
        """Decode one dimension of the code in each row, from -span to span: (rows, columns, C, H, W) in [0, 1].

        A conditional net draws one class in all rows, by default the first. After a validation or test the dimensions
        with the largest KL come first; there are at most as many rows as dimensions.
        """
        size = self.net.latent_size
        order = torch.arange(size) if self.latent_use is None else self.latent_use.kl.argsort(descending=True).cpu()
        label = 0 if label is None and self.conditional else label
        return self._decode_grid(traversal_codes(order, min(rows, size), columns, span), label)

    @torch.no_grad()
    def interpolation(self, rows: int = 4, columns: int = 9, seed: int = 0, label: int | None = None) -> Tensor:
        """Decode rows from one code of the prior to another: (rows, columns, C, H, W) in [0, 1], each of one class."""
        return self._decode_grid(interpolation_codes(self.net.latent_size, rows, columns, seed), label)

    @property
    def code_shape(self) -> tuple[int, ...]:
        return (self.net.latent_size,)

    def codes_of(self, x: Tensor) -> Tensor:
        """Return the posterior means of inputs, (B, latent_size); of a conditional net with equal weights of labels."""
        return self.net.encode(x, self._uniform_label(x))[0]

    @torch.no_grad()
    def decoded(self, codes: Tensor, label: int | None = None) -> Tensor:
        """Decode codes (N, latent_size): images (N, C, H, W) in [0, 1], or normalised rows, on the CPU."""
        if self.pixels.is_image:
            return self._decode_images(codes, label)
        labels = sample_labels(len(codes), label, self.net.num_classes)
        return self._sample_of(codes.to(self.device), None if labels is None else labels.to(self.device)).cpu()

    def _sample_of(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """The mean of the likelihood, without its noise: images in [0, 1], or normalised rows."""
        made = self.loss.mean(self._decode(z, y)).float()
        return made.clamp(0, 1) if self.pixels.is_image else made

    def encoder_signature(self) -> ExportSignature:
        """Return the signature of the encoder, whose codes are those of ``codes_of``."""
        return encoder_signature(self, self.codes_of, self.code_shape)

    def decoder_signature(self) -> ExportSignature:
        """Return the signature of the decoder, whose samples are those of ``decoded``."""
        size, shape, num_classes = self.net.latent_size, self.net.input_shape, self.net.num_classes
        code = TensorSpec("code", f"(batch, {size}), standard normal for new samples")
        return decoder_signature(self, self._sample_of, code, partial(normal_codes, size=size), shape, num_classes)

    def _decode_grid(self, z: Tensor, label: int | None) -> Tensor:
        """Codes (rows, columns, D) -> images (rows, columns, C, H, W)."""
        labels = sample_labels(len(z), label, self.net.num_classes)
        repeated = None if labels is None else labels.repeat_interleave(z.shape[1])
        return self._decode_images(z.flatten(0, 1), repeated).unflatten(0, z.shape[:2])

    def _decode_images(self, z: Tensor, label: int | Tensor | None) -> Tensor:
        """Codes (N, D) -> images (N, C, H, W) in [0, 1] on the CPU."""
        if not self.pixels.is_image:
            raise ArgumentError(
                "this VAE was trained on rows of a table;",
                "it must be trained on images to generate images;",
                "try data=digits.",
            )
        y = sample_labels(len(z), label, self.net.num_classes)
        y = y if y is None else y.to(self.device)
        return self._sample_of(z.to(self.device), y).cpu()

    # The bound

    def _bound(self, batch: tuple[Tensor, Tensor | None], noise: torch.Generator) -> Bound:
        """Estimate the ELBO of a batch from one code for each sample: eq. 10 of Kingma & Welling 2013 with L = 1."""
        x, y = batch
        # The encoder sees the same (binarised or rounded) pixels whose likelihood is computed, normalised again.
        pixels = self.loss.prepare(self.pixels(x.float()), noise)
        mean, log_variance = self.net.encode(self.pixels.normalized(pixels).to(x.dtype), y)  # (B, D) each
        # float32 even in mixed precision: exp and the KL lose too much in 16 bits.
        mean, log_variance = mean.float(), log_variance.float()
        # The reparameterisation trick, section 2.4: z is a differentiable function of mean and variance, and the
        # randomness is an input. The net predicts a log-variance, so the standard deviation is always positive.
        z = mean + (0.5 * log_variance).exp() * standard_normal_like(mean, noise)  # (B, D)
        log_likelihood = self.loss(self._decode(z, y), pixels)  # (B,)
        # The KL between Gaussians has a closed form (appendix B), of less variance than an estimate from z.
        return Bound(log_likelihood, kl_from_standard_normal(mean, log_variance), mean, log_variance, pixels)

    def _decode(self, z: Tensor, y: Tensor | None) -> Tensor:
        """Decode float32 codes with a net of any precision."""
        return self.net.decode(z.to(self.dtype), y)

    def _add_means(self, bound: Bound, beta: float, **more: Tensor) -> Tensor:
        """Return the loss of a batch, after adding it and its terms to the means."""
        reconstruction, kl = -bound.log_likelihood.mean(), bound.kl.sum(dim=1).mean()
        loss = reconstruction + beta * free_bits(bound.kl, self.free_bits)
        elbo = -reconstruction - kl  # without beta and free bits: the bound itself, whatever the loss is
        self.means.add(len(bound.kl), loss=loss, elbo=elbo, reconstruction=reconstruction, kl=kl, **more)
        return loss

    def _log_evidence(self, bound: Bound, y: Tensor, noise: torch.Generator) -> Tensor:
        """A lower bound of log p(x) for each sample (B,): log mean_k p(x|z_k) p(z_k) / q(z_k|x).

        The ELBO is the case of one code; more codes tighten the bound. Burda et al. 2016, section 3.
        """
        pixels, std = bound.pixels, (0.5 * bound.log_variance).exp()
        # So many codes of each sample at a time that about 2**20 pixels are decoded: all may not fit in memory.
        at_once = max(2**20 // pixels.numel(), 1)
        weights = []
        for first in range(0, self.importance_samples, at_once):
            count = min(at_once, self.importance_samples - first)
            error = standard_normal_like(bound.mean.expand(count, -1, -1), noise)  # (S, B, D)
            z = bound.mean + std * error  # (S, B, D)
            # z.flatten puts the B samples of the first code first, so labels and pixels are repeated as a whole.
            repeated = y.repeat(count, *[1] * (y.ndim - 1))  # (S * B, ...)
            parameters = self._decode(z.flatten(0, 1), repeated)
            log_likelihood = self.loss(parameters, pixels.repeat(count, *[1] * (pixels.ndim - 1)))
            # log p(z) - log q(z|x) = log N(z; 0, 1) - log N(z; mean, std): their constants cancel.
            log_ratio = 0.5 * (error.square() - z.square() + bound.log_variance).sum(dim=2)  # (S, B)
            weights.append(log_likelihood.view(count, -1) + log_ratio)
        # The mean of exp(weight) in logarithms: the weights are about -100, and their exponentials would be 0.
        return torch.cat(weights).logsumexp(dim=0) - math.log(self.importance_samples)

    def _keep(self, bound: Bound, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        self.latents.add(bound.mean, bound.kl)
        # The first batch: the same images after every epoch.
        if batch_idx == 0 and bound.pixels.ndim == 4:
            most = self.NUM_RECONSTRUCTIONS
            outputs = self.loss.mean(self._decode(bound.mean[:most], batch[1][:most]))
            pairs = (bound.pixels[:most], outputs)
            self.reconstructions = Reconstructions(*(each.detach().float().clamp(0, 1).cpu() for each in pairs))

    def _log_use(self, stage: str) -> None:
        self.latent_use = self.latents.statistics(self)
        if self.latent_use is not None:
            self.log(f"{stage}/active_units", self.latent_use.active.sum().float(), batch_size=1)


def standard_normal_like(like: Tensor, generator: torch.Generator) -> Tensor:
    """Standard normal numbers with the shape, dtype and device of a tensor; ``randn_like`` takes no generator."""
    return torch.randn(like.shape, generator=generator, device=like.device, dtype=like.dtype)
