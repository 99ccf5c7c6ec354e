"""A table of the user's own: a CSV file and the name of the column to predict."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from netyard.data.csv_reading import Column, Table, fit_column, numbers, read_table
from netyard.data.module import DataModule
from netyard.data.splits import TEST_SEED, holdout
from netyard.data.tensors import Split, TensorSplit
from netyard.errors import ConfigError, DataError

_MAX_CLASSES = 20  # whole numbers with more distinct values than this are meant as numbers


@dataclass(kw_only=True, eq=False, repr=False)
class CSVFile(DataModule):
    """Columns of numbers standardised, columns of words one-hot; both learned from the training part alone.

    Raises:
        DataError: what ``csv_reading`` refuses; a target of one class only; no column left to learn from.
    """

    path: str
    target: str
    target_kind: Literal["auto", "class", "number"] = "auto"
    """auto: words, or at most twenty different whole numbers, are classes."""
    drop: list[str] = field(default_factory=list)
    """Columns to leave out."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.columns: list[Column] = []
        if self.target_kind not in ("auto", "class", "number"):
            raise ConfigError(
                f"data.target_kind is {self.target_kind!r};",
                "it must be auto, class or number;",
                "try data.target_kind=auto.",
            )

    def facts(self) -> dict[str, Any]:
        self.setup()
        size = {"num_classes": len(self.class_names)} if self.class_names else {"num_targets": 1}
        return {"num_features": sum(column.num_features for column in self.columns), **size}

    def read(self) -> dict[str, Split]:
        table = read_table(Path(self.path).expanduser())
        y = self._targets(table)
        for name in self.drop:
            table.column(name)
        names = [name for name in table.columns if name not in (self.target, *self.drop)]
        if not names:
            raise DataError(
                f"{table.path} has no column but {self.target!r};",
                "one at least must be left;",
                "drop fewer.",
            )
        rest, test = holdout(y, self.test_fraction, TEST_SEED)
        stays, goes = holdout(y[rest], self.val_fraction, self.split_seed)
        parts = {"train": rest[stays], "val": rest[goes], "test": test}

        self.columns = [fit_column(table, name, parts["train"].numpy()) for name in names]
        x = torch.from_numpy(np.concatenate([column.encode(table) for column in self.columns], axis=1)).float()
        # Standardised already, in float64: a year or a time stamp has too many digits for float32.
        self.mean, self.std = [0.0] * x.shape[1], [1.0] * x.shape[1]
        if self.num_features is None:
            self.num_features, self.input_shape = x.shape[1], [x.shape[1]]
        return {name: TensorSplit(x[index], y[index]) for name, index in parts.items()}

    def _targets(self, table: Table) -> Tensor:
        """int64 (N,) of classes, float32 (N, 1) of numbers."""
        cells = table.column(self.target)
        values = numbers(table, self.target)
        if self.target_kind == "number" and values is None:
            raise DataError(
                f"column {self.target!r} of {table.path} holds words;",
                "a target of kind number holds numbers;",
                "try data.target_kind=class.",
            )
        whole = values is not None and bool((values == values.round()).all())
        few = values is not None and len(np.unique(values)) <= _MAX_CLASSES
        as_number = self.target_kind == "number" or (self.target_kind == "auto" and not (whole and few))
        if values is not None and as_number:
            self.num_targets = 1
            return torch.from_numpy(values).float()[:, None]
        # Whole numbers are one class however they are written (1, 1.0) and are sorted as numbers.
        kinds, y = np.unique(np.array(cells) if values is None or not whole else values, return_inverse=True)
        if len(kinds) < 2:
            raise DataError(
                f"column {self.target!r} of {table.path} holds one class only, {cells[0]!r};",
                "a classification needs at least two;",
                "try another data.target.",
            )
        self.class_names = [str(int(kind)) if whole else str(kind) for kind in kinds]
        if self.num_classes is not None and self.num_classes != len(kinds):
            raise DataError(
                f"column {self.target!r} of {table.path} holds {len(kinds)} classes, not {self.num_classes};",
                "data.num_classes counts them;",
                f"try data.num_classes={len(kinds)}.",
            )
        self.num_classes = len(kinds)
        return torch.from_numpy(y).long()
