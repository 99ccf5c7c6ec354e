"""Autoencoders that reconstruct their input: plain, denoising, sparse and contractive; anomaly detection."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any, Literal

import torch
from torch import Tensor, nn
from torchmetrics.functional.classification import binary_auroc
from torchmetrics.utilities.distributed import gather_all_tensors

from netyard.errors import ArgumentError
from netyard.losses.code_penalties import SPARSITIES, contraction, kl_sparsity, l1_sparsity
from netyard.losses.probe import check_regression_loss
from netyard.metrics.linear_probe import Reader
from netyard.ranges.bounds import Count, Index, NotNegative, OneOf, Part
from netyard.ranges.signature import check
from netyard.tasks.interfaces import PlainTraining, has_classes, mixes_samples
from netyard.tasks.learner import Learner
from netyard.tasks.parts.coders import check_coder
from netyard.tasks.parts.corruption import NOISES, check_noise_level, corrupt
from netyard.tasks.parts.likeness import SSIM_WINDOW, psnr, ssim
from netyard.tasks.parts.pixels import Pixels
from netyard.tasks.parts.reconstructions import Codes, Reconstructions
from netyard.tasks.signature import ExportSignature, Score, TensorSpec, mean_square

TABLE_EXTREMES = (-2.0, 2.0)  # salt and pepper of a standardised row, in standard deviations

Batch = tuple[Tensor, Tensor]


class Reconstruction(Learner):
    """Learns ``decode(encode(x with noise)) -> x`` from batches ``(x, _)``, (B, *input_shape) normalised by the data.

    Logs ``loss``, of reconstruction alone, so that autoencoders with different penalties compare; ``mse``; of pictures
    ``psnr`` in dB, of the mean squared error of pictures in [0, 1]. Validation and test add ``ssim`` (Wang et al. 2004)
    and, if there is noise, ``psnr_noisy`` and ``ssim_noisy`` of the corrupted input itself. The noise there is the same
    in every epoch; that of training is a function of seed, epoch and batch. The penalties are logged without weights.

    After the test, of data with classes: ``knn_accuracy`` and ``linear_accuracy``, simple classifiers on the codes, and
    the same on a PCA of their size, ``knn_accuracy_pca`` and ``linear_accuracy_pca``; all fitted on training codes.
    ``reconstructions`` and ``codes`` are kept for callbacks that draw them.

    Args:
        net: see ``netyard.tasks.parts.coders.Coder``.
        loss: of reconstruction and input, averaged over the batch.
        input_shape: of one sample; (C, H, W) is a picture.
        noise: see ``netyard.tasks.parts.corruption``; on pictures in [0, 1], masked ones black, or on
            standardised rows.
        noise_level: its standard deviation, or the share of numbers that it replaces.
        sparsity: ``l1``, the sum of a code's absolute values, or ``kl``, which pulls each unit's mean activation
            over the batch to ``sparsity_target`` (Ng 2011); its codes must lie in [0, 1].
        contraction: weight of the squared Frobenius norm of the encoder's Jacobian (Rifai et al. 2011).
        anomaly_class: its samples are left out of training and of all means; the test's ``auroc`` is that of the
            reconstruction error as the score of being one of them.
        optimizer, scheduler, monitor, mode: see ``Learner``.

    Raises:
        ArgumentError: a net without encode and decode, a loss not of predictions and targets, a setting out of its
            range, KL sparsity of codes outside [0, 1], and, before training, an anomaly_class that the data do not
            have.
    """

    NUM_PICTURES, NUM_CODES, NUM_PROBED, NUM_PROBED_NUMBERS = 32, 1_000, 10_000, 2**24

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
        anomaly_class: Index | None = None,
        monitor: str = "val/loss",
        mode: Literal["min", "max"] = "min",
    ) -> None:
        check(Reconstruction, locals(), "task")
        super().__init__(net, loss, optimizer, scheduler, monitor, mode)
        check_regression_loss(loss, 4)
        check_noise_level(noise, noise_level)
        check_coder(net, input_shape, shares=sparsity == "kl")
        self.input_shape = tuple(input_shape)
        self.noise, self.noise_level = noise, noise_level
        self.sparsity, self.sparsity_weight, self.sparsity_target = sparsity, sparsity_weight, sparsity_target
        self.contraction = contraction
        self.anomaly_class = anomaly_class
        self.pixels = Pixels(input_shape)
        self.reconstructions: Reconstructions | None = None
        self.codes: Codes | None = None
        self._reader: Reader | None = None
        self._tested: list[tuple[Tensor, ...]] = []
        self._shown: list[Tensor] = []
        self._errors: list[tuple[Tensor, Tensor]] = []

    def setup(self, stage: str) -> None:
        if self.anomaly_class is not None:
            check_anomaly_class(self.anomaly_class, self.trainer.datamodule)

    def on_fit_start(self) -> None:
        self.pixels.learn(self.trainer.datamodule)

    def forward(self, x: Tensor) -> Tensor:
        return self.net.decode(self.net.encode(x))

    # Training and validation

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        x = self._normal(batch)
        if not len(x):  # a zero loss of all parameters, because the other devices wait for their gradients
            return torch.stack([parameter.sum() for parameter in self.net.parameters()]).sum() * 0.0
        noise = self.random_at(self.current_epoch, batch_idx)
        given = self._corrupted(x, noise).detach().requires_grad_(self.contraction > 0)
        codes = self.net.encode(given)
        output = self.net.decode(codes)
        loss, metrics = self._compare(output, x)
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
        x = self._normal(batch)
        if not len(x):
            return
        given = self._corrupted(x, torch.Generator().manual_seed(batch_idx))
        codes = self.net.encode(given)
        output = self.net.decode(codes)
        loss, metrics = self._compare(output, x)
        if self.sparsity != "none":
            metrics["sparsity"] = self._sparsity(codes)
        if self.pixels.of_pictures:
            true, made, shown = self._pictures(x), self._pictures(output), self._pictures(given)
            compared = {"": made} if self.noise == "none" else {"": made, "_noisy": shown}
            if min(x.shape[2:]) >= SSIM_WINDOW:
                metrics |= {f"ssim{name}": ssim(picture, true) for name, picture in compared.items()}
            if self.noise != "none":
                metrics["_square_noisy"] = (shown - true).square().mean()
            if self.reconstructions is None:
                self.reconstructions = Reconstructions(
                    shown[: self.NUM_PICTURES].cpu(), made[: self.NUM_PICTURES].cpu()
                )
        self.means.add(len(x), loss=loss, **metrics)

    def _normal(self, batch: Batch) -> Tensor:
        """The inputs of a batch without the anomaly class."""
        x, y = batch
        return x if self.anomaly_class is None else x[y != self.anomaly_class]

    def _corrupted(self, x: Tensor, generator: torch.Generator) -> Tensor:
        low, high = (0.0, 1.0) if self.pixels.of_pictures else TABLE_EXTREMES
        if self.noise == "none":
            return x
        return self.pixels.normalized(corrupt(self.pixels(x), self.noise, self.noise_level, low, high, generator))

    def _compare(self, output: Tensor, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss, and the errors of the output."""
        loss, output = self.loss(output, x), output.detach()
        metrics = {"mse": (output - x).square().mean()}
        if self.pixels.of_pictures:
            metrics["_square"] = (self._pictures(output) - self._pictures(x)).square().mean()
        return loss, metrics

    def _sparsity(self, codes: Tensor) -> Tensor:
        return l1_sparsity(codes) if self.sparsity == "l1" else kl_sparsity(codes, self.sparsity_target)

    def _pictures(self, x: Tensor) -> Tensor:
        """As images (B, C, H, W) in [0, 1]."""
        return self.pixels(x).clamp(0, 1).float()

    def log_means(self, stage: str) -> None:
        """PSNR is computed from the epoch's mean squared error; the mean of the batches' PSNR would differ."""
        of = {"psnr": "_square"} if self.pixels.of_pictures else {}
        if of and self.noise != "none" and stage != "train":
            of["psnr_noisy"] = "_square_noisy"
        self.means.log(self, stage, **{name: partial(_psnr_of, name=square) for name, square in of.items()})

    @torch.no_grad()
    def interpolation(self, rows: int = 4, columns: int = 9) -> Tensor | None:
        """From one test picture's code to another's in each row: (rows, columns, C, H, W) in [0, 1].

        Along a straight line, since these codes have no prior. None before a test.
        """
        if self.codes is None or self.codes.pictures is None or len(self.codes.codes) < 2 * rows:
            return None
        start, end = self.codes.codes[: 2 * rows].unflatten(0, (2, rows, 1))  # (rows, 1, latent_size)
        z = torch.lerp(start, end, torch.linspace(0, 1, columns)[:, None]).to(self.device, self.dtype)
        return self._pictures(self.net.decode(z.flatten(0, 1))).cpu().unflatten(0, (rows, columns))

    # Test: classifiers on the codes, and the error as an anomaly score

    def on_test_start(self) -> None:
        super().on_test_start()
        self.reconstructions = self.codes = self._reader = None
        self._tested, self._shown, self._errors = [], [], []
        if has_classes(self.trainer.datamodule):
            self._reader = self._fit_reader(self.trainer.datamodule.num_classes)

    def _fit_reader(self, num_classes: int) -> Reader:
        """Classifiers fitted on codes of the training part; equal on every device."""
        data = self.trainer.datamodule
        most = max(1, min(self.NUM_PROBED, self.NUM_PROBED_NUMBERS // math.prod(self.input_shape)))
        # Not augmented, and from the beginning, where the data can be read so.
        loader = data.plain_train_dataloader() if isinstance(data, PlainTraining) else data.train_dataloader()
        parts, count = [], 0
        for batch in loader:
            x, y, *_ = self.trainer.strategy.batch_to_device(batch, self.device)
            parts.append((self.net.encode(x).float().cpu(), x.float().cpu(), y.cpu()))
            count += len(x) * self.trainer.world_size
            if count >= most:
                break
        codes, x, y = (self._of_all_devices(part)[:most] for part in zip(*parts, strict=True))
        return Reader(codes, x, y, num_classes)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        x, y = batch
        self._evaluate(batch, batch_idx)
        if self.anomaly_class is not None:
            self._errors.append((self.reconstruction_error(x), y == self.anomaly_class))
        if self._reader is not None:
            if self.pixels.of_pictures and sum(map(len, self._shown)) < self.NUM_CODES:
                self._shown.append(self._pictures(x).cpu())
            self._tested.append((self.net.encode(x).float().cpu(), self._reader.pca.codes(x.float().cpu()), y.cpu()))

    def on_test_epoch_end(self) -> None:
        super().on_test_epoch_end()
        if self._reader is not None:
            codes, pca_codes, labels = (torch.cat(part) for part in zip(*self._tested, strict=True))
            pictures = torch.cat(self._shown)[: self.NUM_CODES] if self._shown else None
            self.codes = Codes(codes[: self.NUM_CODES], labels[: self.NUM_CODES], pictures)
            everywhere = (self._of_all_devices([part]) for part in (codes, pca_codes, labels))
            self.log_dict({f"test/{name}": value for name, value in self._reader.scores(*everywhere).items()})
        if self.anomaly_class is not None:
            errors, anomalous = (self._of_all_devices(part) for part in zip(*self._errors, strict=True))
            if anomalous.any() and not anomalous.all():  # undefined otherwise
                self.log("test/auroc", binary_auroc(errors / errors.max(), anomalous.long()))

    def _of_all_devices(self, parts: Sequence[Tensor]) -> Tensor:
        """The batches of every device in one tensor, on the CPU."""
        here = torch.cat(tuple(parts))
        if self.trainer.world_size == 1:
            return here.cpu()
        return torch.cat([each.cpu() for each in gather_all_tensors(here.to(self.device))])

    def predict_step(self, batch: tuple[Tensor, ...] | Tensor, batch_idx: int) -> Tensor:
        """Reconstruction errors (B,): the larger, the less an input is like those of training."""
        return self.reconstruction_error(batch if isinstance(batch, Tensor) else batch[0])

    def prediction_columns(self, x: Tensor, labels: Sequence[str]) -> dict[str, list[float]]:
        """The prediction columns of each sample: its reconstruction error, which is the anomaly score too."""
        errors = self.predict_step(x, 0).tolist()
        return {"reconstruction_error": errors} | ({} if self.anomaly_class is None else {"anomaly_score": errors})

    def export_signature(self) -> ExportSignature:
        """The reconstruction and the code, without noise."""

        def reconstruct(x: Tensor) -> tuple[Tensor, Tensor]:
            code = self.net.encode(x)
            return self.net.decode(code), code

        outputs = TensorSpec("reconstruction", "like the input"), TensorSpec("code", "(batch, latent_size)")
        score = Score("mse", lambda made, x, y: mean_square(made["reconstruction"], x))
        inputs = [TensorSpec("input", "a sample")]
        return ExportSignature(self, reconstruct, inputs, outputs, like_data=["reconstruction"], score=score)

    def reconstruction_error(self, x: Tensor) -> Tensor:
        """The mean squared error of each sample, without noise: (B, *input_shape) -> (B,)."""
        return (self(x) - x).float().square().flatten(1).mean(dim=1)


def check_anomaly_class(label: int, data: Any) -> None:
    """Refuse a class that the data do not have, or that an augmentation would mix into the others.

    Raises:
        ArgumentError: as said.
    """
    if not has_classes(data):
        raise ArgumentError(
            f"anomaly_class is {label}, and the data have no classes;",
            "one of them must be it;",
            "try task.anomaly_class=null, or data=digits.",
        )
    if not 0 <= label < data.num_classes:
        raise ArgumentError(
            f"anomaly_class is {label};",
            f"the data have the classes 0 to {data.num_classes - 1};",
            "try task.anomaly_class=0.",
        )
    if mixes_samples(data):
        raise ArgumentError(
            "anomaly_class is left out of training, and the augmentation mixes classes;",
            "it must keep them apart;",
            "try augmentation=none.",
        )


def _psnr_of(means: dict[str, Tensor], name: str) -> Tensor:
    return psnr(means[name])
