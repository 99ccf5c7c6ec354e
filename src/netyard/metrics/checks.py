"""Checks of features: finite numbers, one row for each sample, equal columns in both sets."""

from __future__ import annotations

from torch import Tensor

from netyard.errors import ArgumentError


def check_features(features: Tensor, name: str, least: int = 1) -> Tensor:
    """Features (N, D) of any precision  ->  the same in float64, without their graph.

    Raises:
        ArgumentError: they are not a matrix, fewer than ``least`` samples, or not all finite; ``name`` is
            the set in the message.
    """
    if features.ndim != 2 or not features.shape[1]:
        raise ArgumentError(
            f"the {name} features have shape {tuple(features.shape)};",
            "they must be (N, D), one row a sample;",
            "try features.flatten(1).",
        )
    if len(features) < least:
        raise ArgumentError(
            f"the {name} set has {len(features)} sample{'' if len(features) == 1 else 's'};",
            f"this score needs at least {least};",
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


def check_pair(real: Tensor, generated: Tensor, least: int = 1) -> tuple[Tensor, Tensor]:
    """Both sets of features, as ``check_features`` makes them, on the device of the real ones.

    Raises:
        ArgumentError: see ``check_features``; or the sets differ in their columns.
    """
    real, generated = check_features(real, "real", least), check_features(generated, "generated", least)
    if real.shape[1] != generated.shape[1]:
        raise ArgumentError(
            f"the real features have {real.shape[1]} columns and the generated ones {generated.shape[1]};",
            "both must come from one network;",
            "try extracting them anew with the same one.",
        )
    return real, generated.to(real.device)


def in_float64(x: Tensor) -> Tensor:
    """The tensor in double precision, on its device or, where that has none, on the CPU."""
    x = x.detach()
    return (x.cpu() if x.device.type == "mps" else x).double()
