"""Vector-quantised autoencoders, whose codes are discrete, trained with a straight-through gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn

from netyard.errors import ArgumentError
from netyard.losses.probe import check_regression_loss
from netyard.metrics.running_mean import RunningMean
from netyard.ranges.bounds import NotNegative
from netyard.ranges.signature import check
from netyard.tasks.interfaces import lacks
from netyard.tasks.learner import Learner
from netyard.tasks.parts.labels import sample_labels
from netyard.tasks.parts.likeness import psnr
from netyard.tasks.parts.pixels import Pixels
from netyard.tasks.parts.reconstructions import Reconstructions
from netyard.tasks.signature import (
    ExportSignature,
    Score,
    TensorSpec,
    decoder_signature,
    encoder_signature,
    mean_square,
)


class Discrete(Protocol):
    """The interface of the net: it reconstructs an image through discrete codes, and decodes any codes."""

    input_shape: tuple[int, ...]
    code_shape: tuple[int, ...]
    codebook_size: int

    def __call__(self, x: Tensor) -> Any:
        """Return ``output`` (B, C, H, W), ``quantized``: ``codes`` (B, *code_shape), ``commitment``, ``codebook``."""

    def decode(self, codes: Tensor) -> Tensor: ...


class VectorQuantized(Learner):
    """Train ``net(x)`` on batches ``(x, _)`` of images. van den Oord et al. 2017, arXiv:1711.00937, equation 3.

    Logs ``loss`` and two of its terms: ``reconstruction``, on the normalised scale, where a constant image of each
    channel's mean has an error of about 1, and ``commitment``; also ``mse`` and ``psnr`` (dB) of pixels in [0, 1].
    Validation and test add ``perplexity``, the effective number of codes in use (all of them, if each is equally
    frequent), and keep ``reconstructions``.

    Args:
        net: see ``Discrete``.
        loss: of reconstruction and image, averaged over the batch.
        commitment: weight of the loss that keeps the encoder's output close to the chosen codes.
        optimizer, scheduler, monitor, mode: see ``Learner``.

    Raises:
        ArgumentError: the net has no codebook; the loss does not take predictions and targets; a value is out of its
            range; before training, the weights have half precision.
    """

    NUM_RECONSTRUCTIONS = 32
    baseline_kind = "codes"
    code_counts: Tensor

    def __init__(
        self,
        net: nn.Module,
        loss: nn.Module,
        optimizer: partial[torch.optim.Optimizer],
        scheduler: Callable[..., Any],
        commitment: NotNegative = 0.25,
        monitor: str = "val/loss",
        mode: Literal["min", "max"] = "min",
    ) -> None:
        check(VectorQuantized, locals(), "task")
        super().__init__(net, loss, optimizer, scheduler, monitor, mode)
        if lacks(net, "decode", "code_shape", "codebook_size", "input_shape"):
            raise ArgumentError(
                f"{type(net).__name__} has no codebook;",
                "task vector_quantized needs a net with discrete codes;",
                "try model=vq_vae, or task=classification.",
            )
        check_regression_loss(loss, 2)
        self.commitment = commitment
        self.pixels = Pixels(net.input_shape)
        # How often each place of the code map had each codebook entry in the last evaluation: a prior to sample from.
        # A buffer, so that a checkpoint can generate images. Ones: uniform, before the first evaluation.
        self.register_buffer("code_counts", torch.ones(*net.code_shape, net.codebook_size))
        self.reconstructions: Reconstructions | None = None

    def setup(self, stage: str) -> None:
        if self.trainer.precision in ("16-true", "bf16-true"):
            raise ArgumentError(
                f"trainer.precision is {self.trainer.precision};",
                "the codebook is a moving average, whose small changes are lost in half precision;",
                "try trainer.precision=bf16-mixed.",
            )

    def on_fit_start(self) -> None:
        self.pixels.set_statistics(self.trainer.datamodule)

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruct images (B, C, H, W) as pixels in [0, 1]."""
        return self._pixels(self.net(x).output)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        return self._step(batch[0])[0]

    def on_validation_start(self) -> None:
        super().on_validation_start()
        self.code_counts.zero_()

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        self._evaluate(batch[0], batch_idx)

    def on_validation_epoch_end(self) -> None:
        super().on_validation_epoch_end()
        self._log_perplexity("val")

    def on_test_start(self) -> None:
        super().on_test_start()
        self.code_counts.zero_()

    def test_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        self._evaluate(batch[0], batch_idx)

    def on_test_epoch_end(self) -> None:
        super().on_test_epoch_end()
        self._log_perplexity("test")

    def predict_step(self, batch: tuple[Tensor, ...] | Tensor, batch_idx: int) -> Tensor:
        return self(batch if isinstance(batch, Tensor) else batch[0])

    def prediction_columns(self, x: Tensor, labels: Sequence[str]) -> dict[str, list[float]]:
        """Return the column of the prediction table: the mean squared error of each image's pixels in [0, 1]."""
        return {"reconstruction_error": (self(x) - self._pixels(x)).square().flatten(1).mean(dim=1).tolist()}

    def export_signature(self) -> ExportSignature:
        """Return the signature of the reconstruction, and of its codes."""

        def reconstruct(x: Tensor) -> tuple[Tensor, Tensor]:
            output, quantized = self.net(x)
            return self._pixels(output), quantized.codes

        code_spec = TensorSpec("codes", f"int64 (batch, {', '.join(map(str, self.net.code_shape))})")
        outputs = TensorSpec("reconstruction", "pixels in [0, 1]"), code_spec
        score = Score("mse", lambda made, x, y: mean_square(made["reconstruction"], self._pixels(x)))
        return ExportSignature(self, reconstruct, [TensorSpec("input", "an image")], outputs, score=score)

    def log_means(self, stage: str) -> None:
        self.means.log(self, stage, psnr=_psnr_of)

    @torch.no_grad()
    def measured(self, reconstruct: Callable[[Tensor], Tensor], batches: Iterable[Tensor]) -> dict[str, float]:
        """Return the metrics that a test has of the network, of another way to reconstruct: see ``Reconstruction``."""
        means = RunningMean()
        for batch in batches:
            x = batch.to(self.device)
            output = reconstruct(x)
            mse = (self._pixels(output) - self._pixels(x)).square().mean()
            means.add(len(x), reconstruction=self.loss(output, x), mse=mse)
        return means.values(psnr=_psnr_of)

    @torch.no_grad()
    def pictures(self, count: int, seed: int = 0) -> Tensor:
        """Decode images (count, C, H, W) in [0, 1] from codes sampled with their frequencies in the last evaluation.

        Each place is sampled independently of its neighbours, so this is a poor prior; the paper trains a PixelCNN.
        """
        generator = torch.Generator().manual_seed(seed)
        weights = self.code_counts.float().cpu().flatten(0, -2)  # (places, codes)
        drawn = torch.multinomial(weights, count, replacement=True, generator=generator)  # (places, count)
        codes = drawn.T.reshape(count, *self.net.code_shape).to(self.device)
        return self._picture_of(codes).cpu()

    @property
    def code_shape(self) -> tuple[int, ...]:
        return tuple(self.net.code_shape)

    @torch.no_grad()
    def decoded(self, codes: Tensor, label: int | None = None) -> Tensor:
        """Decode entries of the codebook (N, places), whole numbers: images (N, C, H, W) in [0, 1] on the CPU.

        Raises:
            ArgumentError: a label is given, or a code is no entry of the codebook.
        """
        sample_labels(len(codes), label, None)
        entries = codes.long()
        if not ((entries == codes) & (entries >= 0) & (entries < self.net.codebook_size)).all():
            raise ArgumentError(
                "the codes are not all entries of the codebook;",
                f"they are whole numbers from 0 to {self.net.codebook_size - 1};",
                "take those that an exported file of this run returns.",
            )
        return self._picture_of(entries.view(-1, *self.net.code_shape).to(self.device)).cpu()

    def _picture_of(self, codes: Tensor) -> Tensor:
        """Entries of the codebook (N, *code_shape), int64 -> images (N, C, H, W) in [0, 1]."""
        return self._pixels(self.net.decode(codes))

    def encoder_signature(self) -> ExportSignature:
        """Return the signature of the encoder: images -> entries of the codebook."""
        return encoder_signature(self, lambda x: self.net(x).quantized.codes, self.net.code_shape, "codes", "int64 ")

    def decoder_signature(self) -> ExportSignature:
        """Return the signature of the decoder, whose images are those of ``decoded``."""
        shape, most = self.net.code_shape, self.net.codebook_size
        spec = TensorSpec("codes", f"int64 (batch, {', '.join(map(str, shape))}), from 0 to {most - 1}")

        def codes(count: int) -> Tensor:
            return torch.randint(most, (count, *shape), generator=torch.Generator().manual_seed(0))

        return decoder_signature(self, self._picture_of, spec, codes, self.net.input_shape)

    def _pixels(self, x: Tensor) -> Tensor:
        return self.pixels(x.float()).clamp(0, 1)  # (B, C, H, W)

    def _step(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the loss, the reconstruction as pixels, and the codes."""
        output, quantized = self.net(x)
        # Through the quantiser, whose gradient is 0 almost everywhere, the reconstruction's gradient is copied to the
        # encoder's output as it is ("straight-through", section 3.2; see ``layers.quantizer``).
        reconstruction = self.loss(output, x)
        # Equation 3. The codebook term is 0 if the codebook is a moving average (appendix A.1).
        loss = reconstruction + quantized.codebook + self.commitment * quantized.commitment
        pixels = self._pixels(output.detach())
        mse = (pixels - self._pixels(x)).square().mean()
        self.means.add(len(x), loss=loss, reconstruction=reconstruction, commitment=quantized.commitment, mse=mse)
        return loss, pixels, quantized.codes

    def _evaluate(self, x: Tensor, batch_idx: int) -> None:
        _, pixels, codes = self._step(x)
        entries = torch.arange(self.net.codebook_size, device=codes.device)
        # A part (b, *code_shape, codebook_size) at a time: one-hot codes of a whole batch may not fit in memory.
        for part in codes.split(64):
            self.code_counts += (part[..., None] == entries).sum(dim=0)
        if batch_idx == 0:
            most = self.NUM_RECONSTRUCTIONS
            self.reconstructions = Reconstructions(self._pixels(x[:most]).cpu(), pixels[:most].cpu())

    def _log_perplexity(self, stage: str) -> None:
        # A clone, because reduce may write to its argument. Every device then has the counts of all.
        self.code_counts.copy_(self.trainer.strategy.reduce(self.code_counts.clone(), reduce_op="sum"))
        frequencies = self.code_counts.flatten(0, -2).sum(dim=0)  # (codebook_size,)
        frequencies = frequencies / frequencies.sum()
        # exp(entropy); entr(p) = -p log p is 0 for an unused code, where the logarithm alone is infinite.
        self.log(f"{stage}/perplexity", torch.special.entr(frequencies).sum().exp(), batch_size=1)


def _psnr_of(means: dict[str, Tensor]) -> Tensor:
    return psnr(means["mse"])
