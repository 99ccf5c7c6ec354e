"""Generative adversarial networks: a generator learns to draw images that a discriminator classifies as real."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netyard.errors import ArgumentError
from netyard.losses.adversarial import gradient_penalty, r1_penalty
from netyard.ranges.bounds import Count, NotNegative, Positive, Probability
from netyard.ranges.signature import check
from netyard.tasks.learner import Learner
from netyard.tasks.parts.adversaries import Scores, check_adversarial, follow, frozen
from netyard.tasks.parts.diffaug import differentiable_augment
from netyard.tasks.parts.labels import labels_to_draw
from netyard.tasks.parts.latents import interpolation_codes
from netyard.tasks.parts.pixels import Pixels
from netyard.tasks.signature import ExportSignature, TensorSpec

Batch = tuple[Tensor, Tensor]


class Adversarial(Learner):
    """Learns a net's ``generator`` and ``discriminator`` from batches ``(x, y)``, y the labels (B,) if conditional.

    Both networks take their gradient at the same weights in one backward pass, and one optimizer updates both (the
    single-step method of Nowozin et al. 2016, arXiv:1606.00709, algorithm 1): a batch is a step, and clipping,
    accumulation, schedules and resuming are Lightning's own. Neither network's loss reaches the other's weights. In
    steps of the discriminator alone the generator has no gradient, and an optimizer skips such parameters.

    Logs ``loss``, ``discriminator_loss`` and ``generator_loss`` (their sum, and each without penalties), and the shares
    the discriminator classifies correctly, ``discriminator_real`` and ``discriminator_generated``: a lower share of
    real images in validation than in training shows overfitting. No loss measures the quality of the samples:
    see ``netyard.callbacks.sample_quality``.

    Args:
        net: see ``netyard.tasks.parts.adversaries.GeneratorAndDiscriminator``.
        loss: see ``netyard.tasks.parts.adversaries.AdversarialLoss``.
        num_outputs: the number of classes of the data, which conditional nets are given.
        discriminator_steps: the discriminator's steps for each step of the generator.
        discriminator_lr: None: the optimizer's. Heusel et al. 2017, arXiv:1706.08500.
        gradient_penalty: weight of the penalty on gradient norms other than 1 (see ``losses.adversarial``).
        r1: weight of the penalty on gradients at real images.
        weight_clip: the discriminator's weights are clipped to this magnitude; 0 does not clip (Arjovsky et al. 2017).
        ema_decay: of a moving average of the generator's weights, which draws the samples; 0: no average.
        diffaug: augment what the discriminator sees, see ``differentiable_augment``.
        optimizer, scheduler, monitor, mode: see ``Learner``.

    Raises:
        ArgumentError: a net or a loss that is not adversarial, a setting out of range, labels that a conditional
            net cannot use.
    """

    loss_shows_progress = False

    def __init__(
        self,
        net: nn.Module,
        loss: nn.Module,
        optimizer: partial[torch.optim.Optimizer],
        scheduler: Callable[..., Any],
        num_outputs: Count,
        discriminator_steps: Count = 1,
        discriminator_lr: Positive | None = None,
        gradient_penalty: NotNegative = 0.0,
        r1: NotNegative = 0.0,
        weight_clip: NotNegative = 0.0,
        ema_decay: Probability = 0.0,
        diffaug: bool = False,
        monitor: str = "val/frechet_distance",
        mode: Literal["min", "max"] = "min",
    ) -> None:
        check(Adversarial, locals(), "task")
        super().__init__(net, loss, optimizer, scheduler, monitor, mode)
        check_adversarial(net, loss)
        self.num_outputs = num_outputs
        self.discriminator_steps, self.discriminator_lr = discriminator_steps, discriminator_lr
        self.gradient_penalty, self.r1, self.weight_clip = gradient_penalty, r1, weight_clip
        self.ema_decay, self.diffaug = ema_decay, diffaug
        self.pixels = Pixels(net.input_shape)
        self.average: nn.Module | None = None
        if ema_decay:
            self.average = copy.deepcopy(net.generator).requires_grad_(False)

    @property
    def parts(self) -> dict[str, nn.Module]:
        return {"generator": self.net.generator, "discriminator": self.net.discriminator}

    # Training

    def on_fit_start(self) -> None:
        self.pixels.learn(self.trainer.datamodule)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        x, y = batch
        step = self.trainer.fit_loop.epoch_loop.batch_progress.total.processed
        labels, random = self._labels(y), self.random_at(step, device=self.device)
        real = self._signed(x)
        is_generator_step = self._is_generator_step()
        with torch.set_grad_enabled(is_generator_step):
            generated = self._generate(self.net.generator, self._latents(len(x), random), labels)
        seen = self._augmented(generated.detach(), random)

        discriminate = partial(self._discriminate, labels=labels)
        on_real, on_generated = discriminate(self._augmented(real, random)), discriminate(seen)
        discriminator_loss = self._discriminator_loss(on_real, on_generated, y)
        if is_generator_step:
            with frozen(self.net.discriminator):
                on_generated = discriminate(self._augmented(generated, random))
        generator_loss = self._generator_loss(on_generated, y)
        self._add_means(on_real, on_generated, discriminator_loss, generator_loss)
        if self.gradient_penalty:
            at = torch.rand(len(x), generator=random, device=self.device)
            slope = gradient_penalty(lambda between: discriminate(between)[0], real, generated, at)
            discriminator_loss = discriminator_loss + self.gradient_penalty * slope
        if self.r1:
            discriminator_loss = discriminator_loss + self.r1 * r1_penalty(lambda at: discriminate(at)[0], real)
        if is_generator_step:
            return discriminator_loss + generator_loss
        if self.trainer.world_size > 1:  # DDP waits for a gradient of every parameter
            discriminator_loss = discriminator_loss + 0 * sum(each.sum() for each in self.net.generator.parameters())
        # The logged loss is the sum of both; the gradient is the discriminator's alone.
        return discriminator_loss + generator_loss.detach()

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        if not self._is_generator_step():
            for parameter in self.net.generator.parameters():
                parameter.grad = None

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clips each network by its own norm: a large gradient of one does not shrink the other's."""
        if not gradient_clip_val or gradient_clip_algorithm == "value":
            super().configure_gradient_clipping(optimizer, gradient_clip_val, gradient_clip_algorithm)
            return
        for part in self.parts.values():
            nn.utils.clip_grad_norm_(part.parameters(), gradient_clip_val)

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Called once for each step: after a batch, or after the last of accumulated batches."""
        is_generator_step = self._is_generator_step()
        super().optimizer_step(*args, **kwargs)
        if self.weight_clip:
            with torch.no_grad():
                for parameter in self.net.discriminator.parameters():
                    parameter.clamp_(-self.weight_clip, self.weight_clip)
        if self.average is not None and is_generator_step:
            follow(self.average, self.net.generator, self.ema_decay)

    def schedule(self, optimizer: torch.optim.Optimizer, total_steps: float) -> Any:
        """The schedule for both networks; it multiplies, so each starts from its own learning rate."""
        if self.discriminator_lr is not None:
            # Split every parameter group in two: the discriminator's part gets its own learning rate.
            of_discriminator = set(self.net.discriminator.parameters())
            groups = []
            for group in optimizer.param_groups:
                for is_discriminator, lr in ((False, group["lr"]), (True, self.discriminator_lr)):
                    members = [each for each in group["params"] if (each in of_discriminator) == is_discriminator]
                    groups += [{**group, "params": members, "lr": lr}] * bool(members)
            optimizer.param_groups[:] = groups
        return super().schedule(optimizer, total_steps)

    def _is_generator_step(self) -> bool:
        """Whether this step updates the generator too; equal for all accumulated batches of a step."""
        return (self.trainer.global_step + 1) % self.discriminator_steps == 0

    # Validation and test

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """On held-out images, and on noise that is the same in every epoch."""
        x, y = batch
        labels = self._labels(y)
        generated = self._generate(self._sampling_generator, self._latents(len(x), self.random_at(batch_idx)), labels)
        on_real, on_generated = self._discriminate(self._signed(x), labels), self._discriminate(generated, labels)
        losses = self._discriminator_loss(on_real, on_generated, y), self._generator_loss(on_generated, y)
        self._add_means(on_real, on_generated, *losses)

    test_step = validation_step

    # Samples

    @property
    def conditional(self) -> bool:
        """Whether the net takes labels."""
        return self.net.conditional

    def pictures(self, count: int, seed: int = 0, label: int | Tensor | None = None) -> Tensor:
        """Samples (count, C, H, W) in [0, 1] on the CPU: of one class, of labels (count,), or of all classes in turn.

        Raises:
            ArgumentError: a label that the net does not know.
        """
        labels = labels_to_draw(count, label, self._conditioned_classes)
        return self._drawn(self._latents(count, torch.Generator().manual_seed(seed)), labels)

    def interpolation(self, rows: int = 4, columns: int = 9, seed: int = 0, label: int | None = None) -> Tensor:
        """From one latent to another in each row: (rows, columns, C, H, W) in [0, 1]; one class in a row."""
        z = interpolation_codes(self.net.latent_size, rows, columns, seed).to(self.device, self.dtype)
        labels = labels_to_draw(rows, label, self._conditioned_classes)
        repeated = None if labels is None else labels.repeat_interleave(columns)
        return self._drawn(z.flatten(0, 1), repeated).unflatten(0, (rows, columns))

    def export_signature(self) -> ExportSignature:
        """The generator: images from noise."""
        noise = TensorSpec("noise", f"(batch, {self.net.latent_size}), standard normal")
        label = TensorSpec("label", f"int64 (batch,), from 0 to {self.num_outputs - 1}")

        def draw(latents: Tensor, labels: Tensor | None = None) -> Tensor:
            return ((self._generate(self._sampling_generator, latents, labels) + 1) / 2).clamp(0, 1)

        def examples(count: int) -> tuple[Tensor, ...]:
            labels = labels_to_draw(count, None, self._conditioned_classes)
            return torch.randn(count, self.net.latent_size), *(() if labels is None else (labels,))

        inputs = [noise, *[label] * self.conditional]
        picture = TensorSpec("picture", "(batch, channels, height, width), pixels in [0, 1]")
        return ExportSignature(
            self._sampling_generator, draw, inputs, [picture], reads_data=False, more_inputs=examples
        )

    @torch.no_grad()
    def _drawn(self, latents: Tensor, labels: Tensor | None) -> Tensor:
        """(N, latent_size), labels (N,) -> (N, C, H, W) in [0, 1] on the CPU."""
        training = self._sampling_generator.training
        self._sampling_generator.eval()
        made = self._generate(self._sampling_generator, latents, None if labels is None else labels.to(self.device))
        self._sampling_generator.train(training)
        return ((made + 1) / 2).float().cpu().clamp(0, 1)

    @property
    def _conditioned_classes(self) -> int | None:
        return self.num_outputs if self.net.conditional else None

    def forward(self, x: Tensor) -> Tensor:
        """The discriminator's logits (B,) of images normalised by the data; for a conditional net with label 0."""
        labels = torch.zeros(len(x), dtype=torch.int64, device=x.device) if self.net.conditional else None
        return self._discriminate(self._signed(x), labels)[0]

    # Shared by training and evaluation

    @property
    def _sampling_generator(self) -> nn.Module:
        """The generator that draws samples: the moving average if there is one."""
        return self.net.generator if self.average is None else self.average

    def _signed(self, x: Tensor) -> Tensor:
        """Images normalised by the data, to [-1, 1], the generator's range."""
        return 2 * self.pixels(x) - 1

    def _augmented(self, pictures: Tensor, random: torch.Generator) -> Tensor:
        return differentiable_augment(pictures, random) if self.diffaug else pictures

    def _latents(self, count: int, random: torch.Generator) -> Tensor:
        latents = torch.randn(count, self.net.latent_size, generator=random, device=random.device)
        return latents.to(self.device, self.dtype)

    def _generate(self, generator: nn.Module, latents: Tensor, labels: Tensor | None) -> Tensor:
        return generator(latents) if labels is None else generator(latents, labels)

    def _discriminate(self, pictures: Tensor, labels: Tensor | None) -> Scores:
        discriminator = self.net.discriminator
        output = discriminator(pictures) if labels is None else discriminator(pictures, labels)
        return output if isinstance(output, tuple) else (output, None)

    def _discriminator_loss(self, on_real: Scores, on_generated: Scores, y: Tensor) -> Tensor:
        loss = self.loss.discriminator(on_real[0], on_generated[0])
        return loss + sum(F.cross_entropy(classes, y) for _, classes in (on_real, on_generated) if classes is not None)

    def _generator_loss(self, on_generated: Scores, y: Tensor) -> Tensor:
        logits, classes = on_generated
        loss = self.loss.generator(logits)
        return loss if classes is None else loss + F.cross_entropy(classes, y)

    def _add_means(
        self, on_real: Scores, on_generated: Scores, discriminator_loss: Tensor, generator_loss: Tensor
    ) -> None:
        self.means.add(
            len(on_real[0]),
            loss=discriminator_loss + generator_loss,
            discriminator_loss=discriminator_loss,
            generator_loss=generator_loss,
            discriminator_real=(on_real[0] > self.loss.boundary).float().mean(),
            discriminator_generated=(on_generated[0] <= self.loss.boundary).float().mean(),
        )

    def _labels(self, y: Tensor) -> Tensor | None:
        if not self.net.conditional:
            return None
        if y.is_floating_point() or y.ndim != 1:
            raise ArgumentError(
                f"the targets are {y.dtype} of shape {list(y.shape)};",
                "a conditional net needs data with one label a picture;",
                "try data=digits augmentation=none, or model=dcgan.",
            )
        return y
