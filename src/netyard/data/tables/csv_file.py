"""A table of the user's own: a CSV file and the name of the column to predict.

The encoding of columns and classes is stored in the checkpoint; other files are encoded in the same way.
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
from netyard.data.tables.csv_reader import Column, Table, encode, fit_column, parse_numbers, read_table
from netyard.errors import DataError

_MAX_CLASSES = 20  # a column of whole numbers with more distinct values is a regression target


@dataclass(kw_only=True, eq=False, repr=False)
class CSVFile(DataModule):
    """Features are standardised numbers and one-hot encoded words, both fitted on the training split only.

    Raises:
        DataError: the errors of ``csv_reader``; a target with a single class, or with classes that the checkpoint does
            not have; no feature column; the file of a resumed run has changed.
    """

    path: str
    target: str
    target_kind: Literal["auto", "class", "number"] = "auto"
    """``auto``: classes if the target has words or at most twenty different whole numbers, else numbers."""
    drop: list[str] = field(default_factory=list)
    """Columns to leave out."""

    def facts(self) -> dict[str, Any]:
        self.setup()
        size = {"num_classes": len(self.class_names)} if self.class_names else {"num_targets": 1}
        return {"num_features": sum(column.num_features for column in self.columns), **size}

    def read(self) -> dict[str, Split]:
        table = read_table(Path(self.path).expanduser())
        y = self._targets(table)
        for name in self.drop:  # raises an error for a misspelt name, which would otherwise drop nothing
            table.column(name)
        names = [name for name in table.columns if name not in (self.target, *self.drop)]
        if not names:
            raise DataError(
                f"no column of {table.path} is left besides the target {self.target!r};",
                "at least one feature is needed;",
                "try a shorter data.drop.",
            )
        parts = self.cut(y, str(table.path))

        if self.columns:  # of a checkpoint
            require_columns(table, [column.name for column in self.columns])
        self.columns = self.columns or [fit_column(table, name, parts["train"].numpy()) for name in names]
        x = torch.from_numpy(encode(self.columns, table)).float()
        # ``encode`` has standardised in float64, because a time stamp has too many digits for float32. Mean 0 and std 1
        # keep the base class from standardising again.
        self.mean, self.std = [0.0] * x.shape[1], [1.0] * x.shape[1]
        # The yaml derives input_shape from num_features, which is known only now.
        if self.num_features is None:
            self.num_features, self.input_shape = x.shape[1], [x.shape[1]]
        return {name: TensorSplit(x[index], y[index]) for name, index in parts.items()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        if self._splits and not _same_encoding(self.state_dict(), state_dict):
            raise DataError(
                f"the columns or classes of {self.path} differ from those of the checkpoint;",
                "the file has changed since the run started, or a setting (data.drop, data.target_kind, ...) has;",
                "restore the old file, or start a new run.",
            )
        super().load_state_dict(state_dict)

    def _targets(self, table: Table) -> Tensor:
        """int64 (N,) for classes, float32 (N, 1) for numbers."""
        cells = table.column(self.target)
        values = parse_numbers(table, self.target)
        # The columns of a checkpoint decide: in another file, ``auto`` could find another kind of target.
        kind = self.target_kind if not self.columns else "class" if self.class_names else "number"
        if kind == "number" and values is None:
            raise DataError(
                f"column {self.target!r} of {table.path} contains words;",
                "a target of kind number contains numbers only;",
                "try data.target_kind=class.",
            )
        whole = values is not None and bool((values == values.round()).all())
        few = values is not None and len(np.unique(values)) <= _MAX_CLASSES
        as_number = kind == "number" or (kind == "auto" and not (whole and few))
        if values is not None and as_number:
            self.num_targets = 1
            return torch.from_numpy(values).float()[:, None]
        # As numbers, "1" and "1.0" are the same class, and 10 is sorted after 2.
        classes, y = np.unique(np.array(cells) if values is None or not whole else values, return_inverse=True)
        names = [str(int(each)) if whole else str(each) for each in classes]
        if self.columns:
            return self._known_labels(names, table)[torch.from_numpy(y)]
        if len(classes) < 2:
            raise DataError(
                f"column {self.target!r} of {table.path} contains only one class, {cells[0]!r};",
                "a classification needs at least two;",
                "try another data.target.",
            )
        self.class_names = names
        if self.num_classes is not None and self.num_classes != len(classes):
            raise DataError(
                f"column {self.target!r} of {table.path} contains {len(classes)} classes, not {self.num_classes};",
                "data.num_classes is their number;",
                f"try data.num_classes={len(classes)}.",
            )
        self.num_classes = len(classes)
        return torch.from_numpy(y).long()

    def _known_labels(self, names: list[str], table: Table) -> Tensor:
        """The label that each class has in the checkpoint: int64 (len(names),)."""
        known = self.class_names or []
        unknown = [name for name in names if name not in known]
        if unknown:
            raise DataError(
                f"column {self.target!r} of {table.path} contains the class {unknown[0]!r};",
                f"the run was trained on {', '.join(known[:20])}{', ...' * (len(known) > 20)};",
                "drop those lines, or train a new network.",
            )
        self.num_classes = len(known)  # also if the file lacks some of them
        return torch.tensor([known.index(name) for name in names])


def _same_encoding(fitted: dict[str, Any], saved: dict[str, Any]) -> bool:
    """Whether columns and classes of two states are equal, up to rounding differences between machines."""
    if "columns" not in saved:  # a checkpoint of an older version
        return True
    # zip_longest: a missing or an additional column is a difference.
    pairs = list(zip_longest(*([Column(**each) for each in state["columns"]] for state in (fitted, saved))))
    return fitted.get("class_names") == saved.get("class_names") and all(
        one and other and one.encodes_like(other) for one, other in pairs
    )
