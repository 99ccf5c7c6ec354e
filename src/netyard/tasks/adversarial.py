"""Generative adversarial networks: a generator is trained to make samples that a discriminator takes for real.

Samples are images, or the standardised rows of a table.
"""

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
from netyard.metrics.moving_average import decay_at, update_average
from netyard.ranges.bounds import Count, NotNegative, Positive, Probability
from netyard.ranges.signature import check
from netyard.tasks.interfaces import HasSplits
from netyard.tasks.learner import Learner
from netyard.tasks.parts.adversaries import Scores, check_adversarial, frozen
from netyard.tasks.parts.diffaug import differentiable_augment
from netyard.tasks.parts.labels import sample_labels
from netyard.tasks.parts.latents import interpolation_codes
from netyard.tasks.parts.pixels import Pixels
from netyard.tasks.signature import ExportSignature, TensorSpec, decoder_signature, normal_codes

Batch = tuple[Tensor, Tensor]

FEW_SAMPLES = 1000
"""Training samples of fewer than these are told: Zhao et al. 2020, arXiv:2006.10738."""


class Adversarial(Learner):
    """Train a net's ``generator`` and ``discriminator`` on batches ``(x, y)``; y are labels (B,) if it is conditional.

    The gradients of both networks are computed at the same weights in one backward pass, and one optimizer updates both
    (the single-step method of Nowozin et al. 2016, arXiv:1606.00709, algorithm 1). So a batch is a step, and gradient
    clipping, accumulation, schedules and resuming are Lightning's own. The loss of one network gives no gradient to
    the weights of the other. In steps of the discriminator alone the generator's gradients are None, and the optimizer
    skips such parameters.

    Logs ``loss``, ``discriminator_loss`` and ``generator_loss`` (their sum, and each without penalties), and the
    fractions that the discriminator classifies correctly, ``discriminator_real`` and ``discriminator_generated``: a
    lower fraction of real images in validation than in training shows overfitting. No loss measures the quality of the
    samples: see ``netyard.callbacks.sample_quality``.

    Args:
        net: see ``netyard.tasks.parts.adversaries.GeneratorAndDiscriminator``.
        loss: see ``netyard.tasks.parts.adversaries.AdversarialLoss``.
        num_outputs: the number of classes of the data; None: they have none.
        discriminator_steps: the generator is updated in one of so many steps, the discriminator in each.
        discriminator_lr: its learning rate (Heusel et al. 2017, arXiv:1706.08500); None: the optimizer's.
        gradient_penalty: weight of the penalty on gradient norms other than 1 (see ``losses.adversarial``).
        r1: weight of the penalty on gradients at real images (see ``losses.adversarial``).
        weight_clip: the discriminator's weights are clipped to this magnitude; 0 does not clip (Arjovsky et al. 2017).
        ema_decay: decay of a moving average of the generator's weights, which generates the samples; 0: no average.
        ema_warmup: whether its decay grows to ``ema_decay``, see ``metrics.moving_average``. A resumed run keeps
            the rule it was started with.
        diffaug: whether to augment the discriminator's images, see ``differentiable_augment``.
        optimizer, scheduler, monitor, mode: see ``Learner``.

    Raises:
        ArgumentError: the net or the loss is not adversarial; a value is out of its range; a conditional net gets
            targets that are not labels; rows of a table are to be augmented.
    """

    loss_shows_progress = False  # each network's loss depends on the other network, which changes too
    baseline_kind = "densities"

    def __init__(
        self,
        net: nn.Module,
        loss: nn.Module,
        optimizer: partial[torch.optim.Optimizer],
        scheduler: Callable[..., Any],
        num_outputs: Count | None,
        discriminator_steps: Count = 1,
        discriminator_lr: Positive | None = None,
        gradient_penalty: NotNegative = 0.0,
        r1: NotNegative = 0.0,
        weight_clip: NotNegative = 0.0,
        ema_decay: Probability = 0.0,
        ema_warmup: bool = True,
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
        self.ema_decay, self.ema_warmup, self.diffaug = ema_decay, ema_warmup, diffaug
        self.pixels = Pixels(net.input_shape)
        if diffaug and not self.pixels.is_image:
            raise ArgumentError(
                "diffaug is true, and the samples are rows of a table;",
                "it shifts images and changes their colours;",
                "try task.diffaug=false.",
            )
        self.average: nn.Module | None = None
        if ema_decay:
            # Beside ``net``, whose parameters the optimizer gets; as a submodule it is saved in checkpoints.
            self.average = copy.deepcopy(net.generator).requires_grad_(False)

    def remarks(self, data: Any) -> list[str]:
        """Whether there are too few samples."""
        count = len(data.split("train")) if isinstance(data, HasSplits) else FEW_SAMPLES
        if count >= FEW_SAMPLES or self.diffaug:
            return []
        if self.pixels.is_image:
            return [f"{count} training images are few for a GAN, which may repeat them (task.diffaug=true)"]
        return [f"{count} training rows are few for a GAN, which may repeat them"]

    @property
    def parts(self) -> dict[str, nn.Module]:
        return {"generator": self.net.generator, "discriminator": self.net.discriminator}

    # Training

    def on_fit_start(self) -> None:
        self.pixels.set_statistics(self.trainer.datamodule)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        x, y = batch  # (B, *input_shape), (B,)
        # Batches since the start of the run, not of the epoch: a seed of its own for every batch, resumed or not.
        step = self.trainer.fit_loop.epoch_loop.batch_progress.total.processed
        labels, random = self._labels(y), self.random_at(step, device=self.device)
        real = self._scaled(x)
        is_generator_step = self._is_generator_step()
        # If the discriminator alone is updated, no graph of the generator is needed, which saves time and memory.
        with torch.set_grad_enabled(is_generator_step):
            generated = self._generate(self.net.generator, self._latents(len(x), random), labels)
        # detach: the discriminator's loss must not change the generator, which would learn to be recognised.
        detached = self._augmented(generated.detach(), random)

        discriminate = partial(self._discriminate, labels=labels)
        on_real, on_generated = discriminate(self._augmented(real, random)), discriminate(detached)
        discriminator_loss = self._discriminator_loss(on_real, on_generated, y)
        if is_generator_step:
            # A second pass, with a graph into the generator; frozen, so that the discriminator's weights get no
            # gradient of the generator's loss, which would make the discriminator worse.
            with frozen(self.net.discriminator):
                on_generated = discriminate(self._augmented(generated, random))
        generator_loss = self._generator_loss(on_generated, y)
        # Before the penalties are added: the logged losses of runs with different penalties can then be compared.
        self._add_means(on_real, on_generated, discriminator_loss, generator_loss)
        if self.gradient_penalty:
            # Algorithm 1 of Gulrajani et al. 2017: one random point between each real and generated sample.
            at = torch.rand(len(x), generator=random, device=self.device)
            penalty = gradient_penalty(lambda between: discriminate(between)[0], real, generated, at)
            discriminator_loss = discriminator_loss + self.gradient_penalty * penalty
        if self.r1:
            discriminator_loss = discriminator_loss + self.r1 * r1_penalty(lambda at: discriminate(at)[0], real)
        if is_generator_step:
            return discriminator_loss + generator_loss
        # DDP waits for a gradient of every parameter; these zeros are removed in on_before_optimizer_step.
        if self.trainer.world_size > 1:
            discriminator_loss = discriminator_loss + 0 * sum(each.sum() for each in self.net.generator.parameters())
        # The value is the sum of both losses in every step; the gradient here is the discriminator's alone.
        return discriminator_loss + generator_loss.detach()

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        # None, not zero: with a zero gradient Adam's momentum and weight decay would still move the weights.
        if not self._is_generator_step():
            for parameter in self.net.generator.parameters():
                parameter.grad = None

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip each network by its own norm, so that a large gradient of one does not scale down the other's."""
        # Clipping by value treats each element alone, so Lightning's way is right for both networks.
        if not gradient_clip_val or gradient_clip_algorithm == "value":
            super().configure_gradient_clipping(optimizer, gradient_clip_val, gradient_clip_algorithm)
            return
        for part in self.parts.values():
            nn.utils.clip_grad_norm_(part.parameters(), gradient_clip_val)

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Update the weights; then clip the discriminator's, and update the generator's moving average.

        Lightning calls it once for each step: after a batch, or after the last of accumulated batches.
        """
        is_generator_step = self._is_generator_step()  # before the step, which changes ``global_step``
        updates = self.trainer.global_step // self.discriminator_steps  # of the average so far
        super().optimizer_step(*args, **kwargs)
        if self.weight_clip:
            # Algorithm 1 of Arjovsky et al. 2017: bounded weights keep the critic Lipschitz continuous.
            with torch.no_grad():
                for parameter in self.net.discriminator.parameters():
                    parameter.clamp_(-self.weight_clip, self.weight_clip)
        # Only if the weights changed; otherwise ``ema_decay`` would mean something else for each discriminator_steps.
        if self.average is not None and is_generator_step:
            decay = decay_at(updates, self.ema_decay, self.ema_warmup)
            update_average(self.average, self.net.generator, decay)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        checkpoint["ema_warmup"] = self.ema_warmup

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_load_checkpoint(checkpoint)
        # Runs from before there was a warm-up were begun without one.
        self.ema_warmup = bool(checkpoint.get("ema_warmup", False))

    def schedule(self, optimizer: torch.optim.Optimizer, total_steps: float) -> Any:
        """Return the schedule of both networks. It multiplies, so each starts from its own learning rate."""
        if self.discriminator_lr is not None:
            # Split every parameter group in two, of which the discriminator's gets its own learning rate. Before the
            # schedule is built, which reads the initial learning rate of each group.
            of_discriminator = set(self.net.discriminator.parameters())
            groups = []
            for group in optimizer.param_groups:
                for is_discriminator, lr in ((False, group["lr"]), (True, self.discriminator_lr)):
                    members = [each for each in group["params"] if (each in of_discriminator) == is_discriminator]
                    groups += [{**group, "params": members, "lr": lr}] * bool(members)  # no empty groups
            optimizer.param_groups[:] = groups
        return super().schedule(optimizer, total_steps)

    def _is_generator_step(self) -> bool:
        """Whether this step updates the generator too; equal for all accumulated batches of a step."""
        # global_step counts finished optimizer steps. The last of every ``discriminator_steps`` steps is the one, so
        # the discriminator is trained first, as in both Wasserstein papers.
        return (self.trainer.global_step + 1) % self.discriminator_steps == 0

    # Validation and test

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Compute the losses on held-out samples, and on noise that is the same in every epoch."""
        x, y = batch
        labels = self._labels(y)
        generated = self._generate(self._sampling_generator, self._latents(len(x), self.random_at(batch_idx)), labels)
        on_real, on_generated = self._discriminate(self._scaled(x), labels), self._discriminate(generated, labels)
        losses = self._discriminator_loss(on_real, on_generated, y), self._generator_loss(on_generated, y)
        self._add_means(on_real, on_generated, *losses)

    test_step = validation_step

    # Samples

    @property
    def conditional(self) -> bool:
        """Whether the net takes labels."""
        return self.net.conditional

    def pictures(self, count: int, seed: int = 0, label: int | Tensor | None = None) -> Tensor:
        """Generate images (count, C, H, W) in [0, 1], or normalised rows (count, F), on the CPU.

        Args:
            label: one class for all, or labels (count,); None: each class in turn.

        Raises:
            ArgumentError: the net takes no labels, or has no such class.
        """
        # A generator on the CPU: the samples are the same on every device, and the global random state is unchanged.
        labels = sample_labels(count, label, self._conditioned_classes)
        return self._samples(self._latents(count, torch.Generator().manual_seed(seed)), labels)

    rows = pictures

    @property
    def code_shape(self) -> tuple[int, ...]:
        return (self.net.latent_size,)

    def decoded(self, codes: Tensor, label: int | None = None) -> Tensor:
        """Make images (N, C, H, W) in [0, 1], or normalised rows (N, F), on the CPU from latents (N, latent_size)."""
        labels = sample_labels(len(codes), label, self._conditioned_classes)
        return self._samples(codes.to(self.device, self.dtype), labels)

    def interpolation(self, rows: int = 4, columns: int = 9, seed: int = 0, label: int | None = None) -> Tensor:
        """Generate rows from one latent to another: (rows, columns, C, H, W) in [0, 1]; each row has one class."""
        z = interpolation_codes(self.net.latent_size, rows, columns, seed)  # (rows, columns, latent_size)
        z = z.to(self.device, self.dtype)
        labels = sample_labels(rows, label, self._conditioned_classes)
        repeated = None if labels is None else labels.repeat_interleave(columns)
        return self._samples(z.flatten(0, 1), repeated).unflatten(0, (rows, columns))

    def export_signature(self) -> ExportSignature:
        """Return the signature of the generator: samples from noise."""
        size, shape, num_classes = self.net.latent_size, self.net.input_shape, self._conditioned_classes
        noise = TensorSpec("noise", f"(batch, {size}), standard normal")
        codes = partial(normal_codes, size=size)
        return decoder_signature(self._sampling_generator, self._sample_of, noise, codes, shape, num_classes)

    @torch.no_grad()
    def _samples(self, latents: Tensor, labels: Tensor | None) -> Tensor:
        """Latents (N, latent_size) and labels (N,) -> images (N, C, H, W) in [0, 1], or normalised rows, on the CPU."""
        # In evaluation mode batch norm uses its running statistics: a sample depends on its own latent alone.
        training = self._sampling_generator.training
        self._sampling_generator.eval()
        made = self._sample_of(latents, None if labels is None else labels.to(self.device))
        self._sampling_generator.train(training)
        return made.cpu()

    def _sample_of(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Latents (N, latent_size) and labels (N,) -> images (N, C, H, W) in [0, 1], or normalised rows (N, F)."""
        made = self._generate(self._sampling_generator, latents, labels).float()
        # A generator of images ends with tanh, in [-1, 1].
        return ((made + 1) / 2).clamp(0, 1) if self.pixels.is_image else made

    @property
    def _conditioned_classes(self) -> int | None:
        return self.num_outputs if self.net.conditional else None

    def forward(self, x: Tensor) -> Tensor:
        """Return the discriminator's logits (B,) of samples normalised by the data; a conditional net gets label 0."""
        labels = torch.zeros(len(x), dtype=torch.int64, device=x.device) if self.net.conditional else None
        return self._discriminate(self._scaled(x), labels)[0]

    # Shared by training and evaluation

    @property
    def _sampling_generator(self) -> nn.Module:
        """The generator that samples are taken from: the moving average if there is one."""
        return self.net.generator if self.average is None else self.average

    def _scaled(self, x: Tensor) -> Tensor:
        """Samples on the scale of the generator's output: images in [-1, 1], rows as the data normalise them."""
        return 2 * self.pixels(x) - 1 if self.pixels.is_image else x

    def _augmented(self, pictures: Tensor, random: torch.Generator) -> Tensor:
        return differentiable_augment(pictures, random) if self.diffaug else pictures

    def _latents(self, count: int, random: torch.Generator) -> Tensor:
        # Drawn in float32 and then converted, so that every precision starts from the same noise.
        latents = torch.randn(count, self.net.latent_size, generator=random, device=random.device)
        return latents.to(self.device, self.dtype)

    def _generate(self, generator: nn.Module, latents: Tensor, labels: Tensor | None) -> Tensor:
        return generator(latents) if labels is None else generator(latents, labels)

    def _discriminate(self, pictures: Tensor, labels: Tensor | None) -> Scores:
        discriminator = self.net.discriminator
        output = discriminator(pictures) if labels is None else discriminator(pictures, labels)
        return output if isinstance(output, tuple) else (output, None)

    # An auxiliary classifier is trained by both networks on real and generated images: Odena et al. 2017,
    # arXiv:1610.09585, section 3. The discriminator maximises L_S + L_C, the generator L_C - L_S.

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
        if y.is_floating_point() or y.ndim != 1:  # numbers of a regression, or the soft targets of mixup
            raise ArgumentError(
                f"the targets are {y.dtype} of shape {list(y.shape)};",
                "a conditional net needs data with one label for each sample;",
                "try data=digits augmentation=none, or model=dcgan.",
            )
        return y
