"""A table of the user's own: a CSV file and the name of the column to predict.

What its columns and classes mean travels with the run: another file is read by the encoding that training learned.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from netyard.data.core.module import DataModule
from netyard.data.core.table_inputs import require_columns
from netyard.data.core.tensors import Split, TensorSplit
from netyard.data.tables.csv_reader import Column, Table, encode, fit_column, numbers, read_table
from netyard.errors import ConfigError, DataError

_MAX_CLASSES = 20  # whole numbers with more distinct values than this are meant as numbers


@dataclass(kw_only=True, eq=False, repr=False)
class CSVFile(DataModule):
    """Columns of numbers standardised, columns of words one-hot; both learned from the training part alone.

    Raises:
        DataError: what ``csv_reading`` refuses; a target of one class only, or of classes that a checkpoint's run did
            not have; no column left to learn from; a resumed run whose file has changed.
    """

    path: str
    target: str
    target_kind: Literal["auto", "class", "number"] = "auto"
    """auto: words, or at most twenty different whole numbers, are classes."""
    drop: list[str] = field(default_factory=list)
    """Columns to leave out."""

    def __post_init__(self) -> None:
        super().__post_init__()
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
        parts = self.splitter.indices(y)

        if self.columns:
            require_columns(table, [column.name for column in self.columns])
        self.columns = self.columns or [fit_column(table, name, parts["train"].numpy()) for name in names]
        x = torch.from_numpy(encode(self.columns, table)).float()
        # Standardised already, in float64: a year or a time stamp has too many digits for float32.
        self.mean, self.std = [0.0] * x.shape[1], [1.0] * x.shape[1]
        if self.num_features is None:
            self.num_features, self.input_shape = x.shape[1], [x.shape[1]]
        return {name: TensorSplit(x[index], y[index]) for name, index in parts.items()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        if self._splits and not _alike(self.state_dict(), state_dict):
            raise DataError(
                f"the columns or classes of {self.path} are not those that the run learned;",
                "the file has changed since the run began, or its settings (data.drop, data.target_kind, ...) have;",
                "give the run its old file back, or start a new one.",
            )
        super().load_state_dict(state_dict)

    def _targets(self, table: Table) -> Tensor:
        """int64 (N,) of classes, float32 (N, 1) of numbers."""
        cells = table.column(self.target)
        values = numbers(table, self.target)
        # What a run took the target for, it is.
        kind = self.target_kind if not self.columns else "class" if self.class_names else "number"
        if kind == "number" and values is None:
            raise DataError(
                f"column {self.target!r} of {table.path} holds words;",
                "a target of kind number holds numbers;",
                "try data.target_kind=class.",
            )
        whole = values is not None and bool((values == values.round()).all())
        few = values is not None and len(np.unique(values)) <= _MAX_CLASSES
        as_number = kind == "number" or (kind == "auto" and not (whole and few))
        if values is not None and as_number:
            self.num_targets = 1
            return torch.from_numpy(values).float()[:, None]
        # Whole numbers are one class however they are written (1, 1.0) and are sorted as numbers.
        kinds, y = np.unique(np.array(cells) if values is None or not whole else values, return_inverse=True)
        names = [str(int(kind)) if whole else str(kind) for kind in kinds]
        if self.columns:
            return self._as_known(names, table)[torch.from_numpy(y)]
        if len(kinds) < 2:
            raise DataError(
                f"column {self.target!r} of {table.path} holds one class only, {cells[0]!r};",
                "a classification needs at least two;",
                "try another data.target.",
            )
        self.class_names = names
        if self.num_classes is not None and self.num_classes != len(kinds):
            raise DataError(
                f"column {self.target!r} of {table.path} holds {len(kinds)} classes, not {self.num_classes};",
                "data.num_classes counts them;",
                f"try data.num_classes={len(kinds)}.",
            )
        self.num_classes = len(kinds)
        return torch.from_numpy(y).long()

    def _as_known(self, names: list[str], table: Table) -> Tensor:
        """The number that each class has in the run: int64 (len(names),)."""
        known = self.class_names or []
        strangers = [name for name in names if name not in known]
        if strangers:
            raise DataError(
                f"column {self.target!r} of {table.path} holds the class {strangers[0]!r};",
                f"the run was trained on {', '.join(known[:20])}{', ...' * (len(known) > 20)};",
                "drop those lines, or train anew.",
            )
        self.num_classes = len(known)
        return torch.tensor([known.index(name) for name in names])


def _alike(learned: dict[str, Any], kept: dict[str, Any]) -> bool:
    """Whether two states say the same, but for the rounding of another machine."""
    if "columns" not in kept:  # an older netyard kept nothing
        return True
    pairs = list(zip_longest(*([Column(**each) for each in state["columns"]] for state in (learned, kept))))
    return learned.get("class_names") == kept.get("class_names") and all(
        one and other and one.is_like(other) for one, other in pairs
    )
