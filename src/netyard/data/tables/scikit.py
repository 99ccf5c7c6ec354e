"""The small, real data sets that scikit-learn carries in its wheel: no network, no download."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sklearn.datasets
import torch

from netyard.data.core.module import DataModule
from netyard.data.core.tensors import Split, TensorSplit


@dataclass(kw_only=True, eq=False, repr=False)
class ScikitData(DataModule):
    """``sklearn.datasets.load_<dataset>()``: pictures where it has them, else a table.

    None has an official test part: a fixed fifth of the samples is cut first, the same in every run.
    """

    dataset: str

    def read(self) -> dict[str, Split]:
        bunch = getattr(sklearn.datasets, f"load_{self.dataset}")()
        if "images" in bunch:
            x = torch.from_numpy(bunch.images.astype(np.uint8))[:, None]
        else:
            x = torch.from_numpy(bunch.data.astype(np.float32))
            self.feature_names = [str(name) for name in bunch.feature_names]
        if self.num_targets is not None:
            return {"train": TensorSplit(x, torch.from_numpy(bunch.target.astype(np.float32)).view(len(x), -1))}
        self.class_names = [str(name) for name in bunch.target_names]
        return {"train": TensorSplit(x, torch.from_numpy(bunch.target.astype(np.int64)))}
