"""The training samples that statistics are measured on, of ``task=anomaly``."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from netyard.data.core.normal_classes import named, normal_names


def normal_indices(y: Tensor, class_names: Sequence[str] | None, normal: str | Sequence[str] | None) -> Tensor:
    """Indices of the samples of the normal classes: int64, ascending; of all samples if there are none.

    Args:
        y: int64 (N,) for classes; of other targets all samples are taken.
        normal: None: all classes are.
    """
    everything = torch.arange(len(y))
    wanted = normal_names(normal)
    if not wanted or y.is_floating_point() or y.ndim != 1:
        return everything
    names = [*map(str, class_names or [])]
    labels = [number for number, name in enumerate(names) if name in named(wanted, names)]
    found = everything[torch.isin(y.cpu(), torch.tensor(labels, dtype=y.dtype))]
    return found if len(found) else everything  # the task refuses names that are no class
