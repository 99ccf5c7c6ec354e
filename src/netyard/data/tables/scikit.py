"""The small, real data sets that are installed with scikit-learn: they need no download."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import sklearn.datasets
import torch

from netyard.data.core.module import DataModule
from netyard.data.core.tensors import Split, TensorSplit
from netyard.errors import DataError


@dataclass(kw_only=True, eq=False, repr=False)
class ScikitData(DataModule):
    """``sklearn.datasets.load_<dataset>()``: images if the data set has them, else a table.

    There are no official test splits: a fixed fifth of the samples is held out, the same in every run.
    """

    dataset: Literal["breast_cancer", "diabetes", "digits", "iris", "wine"]

    def read(self) -> dict[str, Split]:
        self.sources["train"] = f"scikit-learn's {self.dataset}"
        bunch = getattr(sklearn.datasets, f"load_{self.dataset}")()
        if "images" in bunch:
            # Grey values 0 to 16 are whole numbers: uint8 loses nothing and needs an eighth of float64.
            x = torch.from_numpy(bunch.images.astype(np.uint8))[:, None]  # (N, 1, H, W)
        else:
            x = torch.from_numpy(bunch.data.astype(np.float32))
            self.feature_names = [str(name) for name in bunch.feature_names]
        if self.num_targets is not None:  # a regression, as its yaml says
            return {"train": TensorSplit(x, torch.from_numpy(bunch.target.astype(np.float32)).view(len(x), -1))}
        if "target_names" not in bunch:
            raise DataError(
                f"data.dataset is {self.dataset}, whose target is a number;",
                "this option has classes: data.num_classes is their number;",
                f"try data={self.dataset}.",
            )
        self.class_names = [str(name) for name in bunch.target_names]
        return {"train": TensorSplit(x, torch.from_numpy(bunch.target.astype(np.int64)))}
