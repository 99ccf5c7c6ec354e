"""Autoencoders, which reconstruct their input: plain, denoising, sparse and contractive."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Annotated, Any, Literal

import torch
from torch import Tensor, nn
from torchmetrics.utilities.distributed import gather_all_tensors

from netyard.losses.code_penalties import SPARSITIES, contraction, kl_sparsity, l1_sparsity
from netyard.losses.probe import check_regression_loss
from netyard.metrics.linear_probe import Reader
from netyard.metrics.running_mean import RunningMean
from netyard.ranges.bounds import Count, NotNegative, OneOf, Part
from netyard.ranges.signature import check
from netyard.tasks.interfaces import PlainTraining, has_classes, has_training
from netyard.tasks.learner import Learner
from netyard.tasks.parts.coders import check_coder
from netyard.tasks.parts.corruption import NOISES, check_noise_level, corrupt
from netyard.tasks.parts.labels import sample_labels
from netyard.tasks.parts.likeness import SSIM_WINDOW, psnr, ssim
from netyard.tasks.parts.pixels import Pixels
from netyard.tasks.parts.reconstructions import Codes, Reconstructions
from netyard.tasks.signature import (
    ExportSignature,
    Score,
    TensorSpec,
    decoder_signature,
    encoder_signature,
    mean_square,
    normal_codes,
)

TABLE_EXTREMES = (-2.0, 2.0)  # the two values of salt-and-pepper noise in a standardised table

Batch = tuple[Tensor, Tensor]


class Reconstruction(Learner):
    """Train ``decode(encode(x with noise)) -> x`` on batches ``(x, _)``, x (B, *input_shape) normalised by the data.

    Logs ``loss`` (of the reconstruction alone, so that autoencoders with different penalties can be compared), ``mse``,
    and for images ``psnr`` in dB, from the mean squared error of pixels in [0, 1]. Validation and test add ``ssim``
    (Wang et al. 2004) and, if there is noise, ``psnr_noisy`` and ``ssim_noisy`` of the corrupted input itself. Their
    noise is the same in every epoch; that of training is a function of seed, epoch and batch. Penalties are logged
    without their weights.

    A test of data with classes adds the accuracies of simple classifiers on the codes, ``knn_accuracy`` and
    ``linear_accuracy``, and on a PCA of the same size, ``knn_accuracy_pca`` and ``linear_accuracy_pca``; all are fitted
    on the training split. ``reconstructions`` and ``codes`` are kept for callbacks that plot them.

    Args:
        net: see ``netyard.tasks.parts.coders.Coder``.
        loss: of reconstruction and input, averaged over the batch.
        input_shape: of one sample; (C, H, W) is an image.
        noise: see ``netyard.tasks.parts.corruption``; added to pixels in [0, 1], where masked ones are black, or to
            standardised columns of a table.
        noise_level: its standard deviation, or the fraction of elements that it replaces.
        sparsity: ``l1``, the sum of a code's absolute values, or ``kl``, the KL divergence of each unit's mean
            activation over the batch from ``sparsity_target`` (Ng 2011), which needs codes in [0, 1].
        contraction: weight of the squared Frobenius norm of the encoder's Jacobian (Rifai et al. 2011).
        optimizer, scheduler, monitor, mode: see ``Learner``.

    Raises:
        ArgumentError: the net has no encode and decode; the loss does not take predictions and targets; a value is
            out of its range; KL sparsity with codes outside [0, 1].
    """

    # Limits: images and codes that are kept for plots; training samples of the classifiers, and the numbers in them,
    # 2**24 of which take 64 MiB.
    NUM_PICTURES, NUM_CODES, NUM_PROBED, NUM_PROBED_NUMBERS = 32, 1_000, 10_000, 2**24

    in_own_units = True  # whether a series is reconstructed in its own units
    reads_classes = True  # whether a test fits classifiers on the codes
    every_window = True  # of a series that is predicted, not the last one alone
    baseline_kind = "codes"

    def __init__(
        self,
        net: nn.Module,
        loss: nn.Module,
        optimizer: partial[torch.optim.Optimizer],
        scheduler: Callable[..., Any],
        input_shape: Sequence[Count],
        noise: Annotated[str, OneOf(NOISES)] = "none",
        noise_level: NotNegative = 0.5,
        sparsity: Annotated[str, OneOf(SPARSITIES)] = "none",
        sparsity_weight: NotNegative = 0.001,
        sparsity_target: Part = 0.05,
        contraction: NotNegative = 0.0,
        monitor: str = "val/loss",
        mode: Literal["min", "max"] = "min",
    ) -> None:
        check(Reconstruction, locals(), "task")
        super().__init__(net, loss, optimizer, scheduler, monitor, mode)
        check_regression_loss(loss, 4)  # any number of targets shows whether the loss fits
        check_noise_level(noise, noise_level)
        check_coder(net, input_shape, unit_interval=sparsity == "kl")
        self.input_shape = tuple(input_shape)
        self.noise, self.noise_level = noise, noise_level
        self.sparsity, self.sparsity_weight, self.sparsity_target = sparsity, sparsity_weight, sparsity_target
        self.contraction = contraction
        self.pixels = Pixels(input_shape)
        self.reconstructions: Reconstructions | None = None
        self.codes: Codes | None = None
        self._reader: Reader | None = None
        self._test_codes: list[tuple[Tensor, ...]] = []
        self._test_images: list[Tensor] = []

    def on_fit_start(self) -> None:
        self.pixels.set_statistics(self.trainer.datamodule)

    def forward(self, x: Tensor) -> Tensor:
        return self.net.decode(self.net.encode(x))

    def remarks(self, data: Any) -> list[str]:
        """Whether the code can hold the whole sample, and the unit of errors."""
        found, size = [], math.prod(self.input_shape)
        code_size = getattr(self.net, "latent_size", 0)
        free = self.noise == "none" and self.sparsity == "none" and not self.contraction
        if free and code_size >= size:
            found.append(
                f"a code of {code_size} numbers can hold a whole sample of {size}, so a small error shows nothing"
                f" (model.latent_size={max(size // 2, 1)})"
            )
        if getattr(data, "columns", None):
            found.append("errors are of standardised columns: 1 is the variance of a column in training")
        elif hasattr(data, "series_statistics") and self.in_own_units:
            found.append("errors are in the squared units of the series (task=anomaly standardises it)")
        return found

    # Training and validation

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        x = self.learned(batch)
        # If none of the samples is learned, the loss is 0 * parameters: DDP waits for a gradient of every parameter.
        if not len(x):
            return torch.stack([parameter.sum() for parameter in self.net.parameters()]).sum() * 0.0
        noise = self.random_at(self.current_epoch, batch_idx)  # on the CPU: the same noise on every device
        # The contraction is a derivative with respect to the input, which must be a leaf that requires a gradient.
        given = self._corrupt(x, noise).detach().requires_grad_(self.contraction > 0)
        codes = self.net.encode(given)  # (B, latent_size)
        output = self.net.decode(codes)  # (B, *input_shape)
        loss, metrics = self._compare(output, x)  # with the clean input: that is what denoising means
        objective = loss
        if self.sparsity != "none":
            metrics["sparsity"] = self._sparsity(codes)
            objective = objective + self.sparsity_weight * metrics["sparsity"]
        if self.contraction:
            metrics["contraction"] = contraction(codes, given)
            objective = objective + self.contraction * metrics["contraction"]
        self.means.add(len(x), loss=loss, **metrics)
        return objective

    def on_validation_start(self) -> None:
        super().on_validation_start()
        self.reconstructions = None

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self._evaluate(batch, batch_idx)

    def _evaluate(self, batch: Batch, batch_idx: int) -> None:
        x = self.learned(batch)
        if not len(x):
            return
        given = self._noisy(x, batch_idx)
        codes = self.net.encode(given)
        output = self.net.decode(codes)
        loss, metrics = self._compare(output, x)
        if self.sparsity != "none":
            metrics["sparsity"] = self._sparsity(codes)
        metrics |= self._likeness(given, output, x)
        if self.pixels.is_image and self.reconstructions is None:
            most = self.NUM_PICTURES
            shown, made = self._to_images(given[:most]), self._to_images(output[:most])
            self.reconstructions = Reconstructions(shown.cpu(), made.cpu())
        self.means.add(len(x), loss=loss, **metrics)

    def _noisy(self, x: Tensor, batch_idx: int) -> Tensor:
        # Not seeded by the run: every epoch and every run is evaluated on the same noise.
        return self._corrupt(x, torch.Generator().manual_seed(batch_idx))

    def _likeness(self, given: Tensor, output: Tensor, x: Tensor) -> dict[str, Tensor]:
        """Return further metrics of images: of outputs, and of the inputs with their noise; x is without it."""
        metrics: dict[str, Tensor] = {}
        if self.pixels.is_image:
            true, made, shown = self._to_images(x), self._to_images(output), self._to_images(given)
            compared = {"": made} if self.noise == "none" else {"": made, "_noisy": shown}
            # A smaller image does not contain one window.
            if min(x.shape[2:]) >= SSIM_WINDOW:
                metrics |= {f"ssim{name}": ssim(picture, true) for name, picture in compared.items()}
            if self.noise != "none":
                metrics["_square_noisy"] = (shown - true).square().mean()
        return metrics

    @torch.no_grad()
    def measured(self, reconstruct: Callable[[Tensor], Tensor], batches: Iterable[Tensor]) -> dict[str, float]:
        """Return the metrics that a test has of the network, of another way to reconstruct.

        Args:
            reconstruct: normalised inputs (B, *input_shape), which may have noise -> outputs like them.
            batches: normalised inputs without noise.
        """
        means = RunningMean()
        for batch_idx, batch in enumerate(batches):
            x = batch.to(self.device)
            given = self._noisy(x, batch_idx)
            output = reconstruct(given)
            loss, metrics = self._compare(output, x)
            means.add(len(x), loss=loss, **metrics, **self._likeness(given, output, x))
        return means.values(**self._derived("test"))

    def learned(self, batch: Batch) -> Tensor:
        """Return the inputs of a batch that are reconstructed; a subclass may leave some out."""
        return batch[0]

    def _corrupt(self, x: Tensor, generator: torch.Generator) -> Tensor:
        low, high = (0.0, 1.0) if self.pixels.is_image else TABLE_EXTREMES
        if self.noise == "none":
            return x
        # On the scale of pixels, where noise_level does not depend on the statistics of the data; then normalised.
        return self.pixels.normalized(corrupt(self.pixels(x), self.noise, self.noise_level, low, high, generator))

    def _compare(self, output: Tensor, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss, and the errors of the output as metrics."""
        loss, output = self.loss(output, x), output.detach()  # no graph for what is only logged
        metrics = {"mse": (output - x).square().mean()}
        if self.pixels.is_image:
            metrics["_square"] = (self._to_images(output) - self._to_images(x)).square().mean()
        return loss, metrics

    def _sparsity(self, codes: Tensor) -> Tensor:
        return l1_sparsity(codes) if self.sparsity == "l1" else kl_sparsity(codes, self.sparsity_target)

    def _to_images(self, x: Tensor) -> Tensor:
        """Convert normalised inputs or outputs to images (B, C, H, W) in [0, 1]."""
        return self.pixels(x).clamp(0, 1).float()

    def log_means(self, stage: str) -> None:
        self.means.log(self, stage, **self._derived(stage))

    def _derived(self, stage: str) -> dict[str, Callable[[dict[str, Tensor]], Tensor]]:
        """PSNR from the epoch's mean squared error; the mean over batches of PSNR, a logarithm, would differ."""
        of = {"psnr": "_square"} if self.pixels.is_image else {}
        if of and self.noise != "none" and stage != "train":
            of["psnr_noisy"] = "_square_noisy"
        return {name: partial(_psnr_of, name=square) for name, square in of.items()}

    @torch.no_grad()
    def interpolation(self, rows: int = 4, columns: int = 9) -> Tensor | None:
        """Decode rows from the code of one test image to that of another: (rows, columns, C, H, W) in [0, 1].

        Along a straight line, because these codes have no prior. None before a test.
        """
        if self.codes is None or self.codes.pictures is None or len(self.codes.codes) < 2 * rows:
            return None
        start, end = self.codes.codes[: 2 * rows].unflatten(0, (2, rows, 1))  # (rows, 1, latent_size)
        z = torch.lerp(start, end, torch.linspace(0, 1, columns)[:, None])  # (rows, columns, latent_size)
        z = z.to(self.device, self.dtype)
        return self._to_images(self.net.decode(z.flatten(0, 1))).cpu().unflatten(0, (rows, columns))

    # Codes

    @property
    def code_shape(self) -> tuple[int, ...]:
        return (self.net.latent_size,)

    def codes_of(self, x: Tensor) -> Tensor:
        """Return the codes of inputs: (B, *input_shape) -> (B, latent_size)."""
        return self.net.encode(x)

    @torch.no_grad()
    def decoded(self, codes: Tensor, label: int | None = None) -> Tensor:
        """Decode codes (N, latent_size): images (N, C, H, W) in [0, 1], or normalised rows, on the CPU.

        Raises:
            ArgumentError: a label is given, which the net does not take.
        """
        sample_labels(len(codes), label, None)
        return self.sample_of(codes.to(self.device)).cpu()

    def sample_of(self, codes: Tensor) -> Tensor:
        """Decode codes (N, latent_size): images (N, C, H, W) in [0, 1], or normalised samples of other data."""
        output = self.net.decode(codes.to(self.dtype))
        return self._to_images(output) if self.pixels.is_image else output.float()

    def encoder_signature(self) -> ExportSignature:
        """Return the signature of the encoder, whose codes are those of ``codes_of``."""
        return encoder_signature(self, self.codes_of, self.code_shape)

    def decoder_signature(self) -> ExportSignature:
        """Return the signature of the decoder, whose samples are those of ``decoded``."""
        size = self.net.latent_size
        code = TensorSpec("code", f"(batch, {size}), as the encoder gives them")
        return decoder_signature(self, self.sample_of, code, partial(normal_codes, size=size), self.input_shape)

    # Test: classifiers on the codes

    def on_test_start(self) -> None:
        super().on_test_start()
        self.reconstructions = self.codes = self._reader = None
        self._test_codes, self._test_images = [], []
        if self.reads_classes and has_classes(self.trainer.datamodule) and has_training(self.trainer.datamodule):
            self._reader = self._fit_reader(self.trainer.datamodule.num_classes)

    def _fit_reader(self, num_classes: int) -> Reader:
        """Fit classifiers on codes of the training split, the same on every device."""
        data = self.trainer.datamodule
        most = max(1, min(self.NUM_PROBED, self.NUM_PROBED_NUMBERS // math.prod(self.input_shape)))
        # Without augmentation and in a fixed order, if the data can be read so: the accuracies are then reproducible.
        loader = data.plain_train_dataloader() if isinstance(data, PlainTraining) else data.train_dataloader()
        parts, count = [], 0
        for batch in loader:
            x, y, *_ = self.trainer.strategy.batch_to_device(batch, self.device)
            parts.append((self.net.encode(x).float().cpu(), x.float().cpu(), y.cpu()))
            count += len(x) * self.trainer.world_size  # each device encodes its own samples; they are gathered below
            if count >= most:
                break
        codes, x, y = (self.gathered(part)[:most] for part in zip(*parts, strict=True))
        return Reader(codes, x, y, num_classes)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        x, y = batch
        self._evaluate(batch, batch_idx)
        if self._reader is not None:
            if self.pixels.is_image and sum(map(len, self._test_images)) < self.NUM_CODES:
                self._test_images.append(self._to_images(x).cpu())
            self._test_codes.append(
                (self.net.encode(x).float().cpu(), self._reader.pca.codes(x.float().cpu()), y.cpu())
            )

    def on_test_epoch_end(self) -> None:
        super().on_test_epoch_end()
        if self._reader is not None:
            codes, pca_codes, labels = (torch.cat(part) for part in zip(*self._test_codes, strict=True))
            pictures = torch.cat(self._test_images)[: self.NUM_CODES] if self._test_images else None
            self.codes = Codes(codes[: self.NUM_CODES], labels[: self.NUM_CODES], pictures)
            everywhere = (self.gathered([part]) for part in (codes, pca_codes, labels))
            self.log_dict({f"test/{name}": value for name, value in self._reader.scores(*everywhere).items()})

    def gathered(self, parts: Sequence[Tensor]) -> Tensor:
        """Concatenate the batches of every device in one tensor, on the CPU."""
        here = torch.cat(tuple(parts))
        if self.trainer.world_size == 1:
            return here.cpu()
        # torchmetrics' function allows a different number of samples on each device. NCCL needs tensors on the GPU.
        return torch.cat([each.cpu() for each in gather_all_tensors(here.to(self.device))])

    def predict_step(self, batch: tuple[Tensor, ...] | Tensor, batch_idx: int) -> Tensor:
        """Return reconstruction errors (B,): large for inputs that differ from the training data."""
        return self.reconstruction_error(batch if isinstance(batch, Tensor) else batch[0])

    def prediction_columns(self, x: Tensor, labels: Sequence[str]) -> dict[str, list[Any]]:
        """Return the column of the prediction table, the reconstruction error."""
        return {"reconstruction_error": self.predict_step(x, 0).tolist()}

    def export_signature(self) -> ExportSignature:
        """Return the signature of the reconstruction and the code, without noise."""

        def reconstruct(x: Tensor) -> tuple[Tensor, Tensor]:
            code = self.net.encode(x)
            return self.net.decode(code), code

        outputs = TensorSpec("reconstruction", "like the input"), TensorSpec("code", "(batch, latent_size)")
        score = Score("mse", lambda made, x, y: mean_square(made["reconstruction"], x))
        inputs = [TensorSpec("input", "a sample")]
        return ExportSignature(self, reconstruct, inputs, outputs, like_data=["reconstruction"], score=score)

    def reconstruction_error(self, x: Tensor) -> Tensor:
        """Return the mean squared error of each sample, without noise: (B, *input_shape) -> (B,)."""
        return (self(x) - x).float().square().flatten(1).mean(dim=1)


def _psnr_of(means: dict[str, Tensor], name: str) -> Tensor:
    return psnr(means[name])
