"""Checks of features: finite values, one row for each sample, the same number of columns in both sets."""

from __future__ import annotations

from torch import Tensor

from netyard.errors import ArgumentError


def check_features(features: Tensor, name: str, min_samples: int = 1) -> Tensor:
    """Features (N, D) of any precision  ->  the same in float64, detached; ``name`` names the set in messages.

    Raises:
        ArgumentError: they are not a matrix, fewer than ``min_samples`` rows, or not all finite.
    """
    # Without the check of D, every distance of features (N, 0) would be 0: a perfect score.
    if features.ndim != 2 or not features.shape[1]:
        raise ArgumentError(
            f"the {name} features have shape {tuple(features.shape)};",
            "they must be (N, D), one row a sample;",
            "try features.flatten(1).",
        )
    if len(features) < min_samples:
        raise ArgumentError(
            f"the {name} set has {len(features)} sample{'' if len(features) == 1 else 's'};",
            f"this score needs at least {min_samples};",
            "try more samples.",
        )
    bad = (~features.isfinite().all(dim=1)).nonzero()
    if len(bad):
        raise ArgumentError(
            f"the {name} features of sample {int(bad[0])} hold NaN or infinity ({len(bad)} such sample(s));",
            "every value must be finite;",
            "try an earlier checkpoint.",
        )
    return in_float64(features)


def check_pair(real: Tensor, generated: Tensor, min_samples: int = 1) -> tuple[Tensor, Tensor]:
    """Both sets of features as ``check_features`` returns them, on the device of the real ones.

    Raises:
        ArgumentError: see ``check_features``; or the sets have different numbers of columns.
    """
    real, generated = check_features(real, "real", min_samples), check_features(generated, "generated", min_samples)
    if real.shape[1] != generated.shape[1]:
        raise ArgumentError(
            f"the real features have {real.shape[1]} columns and the generated ones {generated.shape[1]};",
            "both must come from one network;",
            "try extracting them anew with the same one.",
        )
    return real, generated.to(real.device)


def in_float64(x: Tensor) -> Tensor:
    """The detached tensor in float64, on its device, or on the CPU if the device has no float64."""
    x = x.detach()
    # Scores subtract large sums that are nearly equal; float32 would leave few correct digits.
    # Apple's MPS raises an error at float64.
    return (x.cpu() if x.device.type == "mps" else x).double()
