"""Whether a metric is better when it is higher or lower, by its name; for metrics that no objective says it of."""

from __future__ import annotations

from typing import Literal

_LOWER = (
    *("loss", "mse", "rmse", "mae", "mape", "smape", "mase", "nll", "perplexity", "ece", "brier"),
    *("bits_per_character", "bits_per_dimension", "frechet_distance", "kernel_distance", "cer", "wer"),
)
_HIGHER = (
    *("accuracy", "balanced_accuracy", "top5_accuracy", "f1", "micro_f1", "macro_f1", "exact_match", "auroc", "r2"),
    *("average_precision", "mean_average_precision", "precision", "recall", "density", "coverage", "diversity"),
    *("elbo", "psnr", "ssim", "bleu", "chrf", "return", "return_iqm", "knn_accuracy", "linear_accuracy"),
)


def mode_of(metric: str) -> Literal["min", "max"] | None:
    """Return ``max`` or ``min`` for a metric such as ``test/accuracy``; None if the name says neither.

    ``test/mae_height``, the error of one of several targets, has the direction of ``mae``.
    """
    name = metric.partition("/")[2] or metric
    while name and not name.endswith("_std"):  # a deviation is neither
        if name in _LOWER:
            return "min"
        if name in _HIGHER:
            return "max"
        name = name.rpartition("_")[0]
    return None
