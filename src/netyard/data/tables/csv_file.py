"""A table of the user's own: a CSV file and the name of the column to predict.

The encoding of columns and classes is stored in the checkpoint; other files are encoded in the same way.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field, fields, replace
from itertools import zip_longest
from typing import Any

import torch
from torch import Tensor

from netyard.data.core.groups import require_separate_groups
from netyard.data.core.inputs import Inputs
from netyard.data.core.module import DataModule
from netyard.data.core.normal_classes import normal_names, require_anomalies
from netyard.data.core.normal_samples import normal_indices
from netyard.data.core.table_inputs import rows
from netyard.data.core.tensors import Split, TensorSplit
from netyard.data.tables.columns import Column, Missing, encode, unseen_words
from netyard.data.tables.numeric_cells import Decimal
from netyard.data.tables.prepared import PreparedTable, TableSettings, prepare
from netyard.data.tables.several_targets import EmptyTarget
from netyard.data.tables.targets import TargetKind
from netyard.errors import DataError

log = logging.getLogger(__name__)


@dataclass(kw_only=True, eq=False, repr=False)
class CSVFile(DataModule):
    """Features are standardised numbers and one-hot encoded words, both fitted on the training split only.

    Raises:
        DataError: the errors of ``prepared``; a target with a single class, or with classes that the checkpoint does
            not have; no feature column; the file of a resumed run has changed.
    """

    GIVEN = ("path", "rows")

    path: str
    test_path: str | None = None
    """Another file, all rows of which are the test split. None: it is cut from ``path``."""
    val_path: str | None = None
    """The same for validation."""
    target: str | list[str] | None
    """A column, or several of numbers, or of labels that are 0 or 1, true or false, yes or no. None: there is none,
    for a task that needs no target."""
    target_kind: TargetKind = "auto"
    """``auto``: labels if cells of the target are lists, ``a|b``, or in several columns of 0 and 1; classes if it has
    words or at most twenty different whole numbers; else numbers."""
    label_separator: str | None = None
    """Between the labels of a cell. None: ``|``."""
    empty_target: EmptyTarget = "drop"
    """What an empty cell means where the target is labels: unknown, so that the row is left out, or no label."""
    drop: list[str] = field(default_factory=list)
    """Columns to leave out."""
    categories: list[str] = field(default_factory=list)
    """Columns that are categories, whatever their cells look like."""
    numbers: list[str] = field(default_factory=list)
    """Columns that are numbers, whatever their cells look like."""
    missing: Missing = "refuse"
    """What becomes of a missing feature: see ``Column``."""
    missing_marks: list[str] | None = None
    """Cells that are missing, besides empty ones. None: NA, nan, null, ? and others."""
    decimal: Decimal = "auto"
    """The decimal separator. ``auto``: as the cells of a column show."""
    encoding: str | None = None
    """Of the file. None: UTF-8, or what its first bytes say, or Windows-1252."""
    header: bool | None = None
    """Whether the first line names the columns. None: unless it looks like the other lines."""
    group: str | None = None
    """A column whose rows of one value stay in one split; it is no feature. None: rows are split one by one."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._prepared: PreparedTable | None = None

    def facts(self) -> dict[str, Any]:
        self.setup()
        assert self._prepared is not None  # of ``setup``
        outputs = {key: getattr(self, key) for key in self._prepared.target.facts}
        return {"num_features": sum(column.num_features for column in self.columns), **outputs}

    @property
    def target_correction(self) -> str:
        """What to type if the target is of the other kind; empty if it cannot be."""
        return self._prepared.target.correction if self._prepared else ""

    def settings(self) -> TableSettings:
        """The fields that say how the table is read."""
        names = {each.name for each in fields(TableSettings)}
        found = TableSettings(**{name: value for name, value in vars(self).items() if name in names})
        found = replace(found, more_classes=self.normal is not None and bool(self.separate or self.columns))
        normal = normal_names(self.normal)
        if normal and self.separate and isinstance(self.target, str):
            found = replace(found, assumed=normal[0])
        # Rows that are all tested need no column of groups.
        return replace(found, group=None) if self.tests_all else found

    def read(self) -> dict[str, Split]:
        # Settings may be changed in an evaluation, but the features of an indicator are those of the network.
        known = [
            each if "indicator" in (each.missing, self.missing) else replace(each, missing=self.missing)
            for each in self.columns
        ]
        prepared = prepare(self.settings(), known, self.class_names, self._trained_kind)
        y = self._targets(prepared)
        group = prepared.settings.group
        groups = None if group is None else prepared.table.column(str(group), "group")
        parts = self.cut(y, str(prepared.table.path), groups)
        for what, count, why in prepared.left_out:
            self.leave_out(what, count, why)
        fitted = parts["train"][normal_indices(y[parts["train"]], self.class_names, self.normal)]
        self.columns = known or prepared.fit(fitted.numpy())
        unseen: Counter[tuple[str, str]] = Counter()
        x = torch.from_numpy(encode(self.columns, prepared.table, unseen))
        self._tell_unseen(unseen, prepared, told=bool(known))
        # ``encode`` has standardised. Mean 0 and std 1 keep the base class from standardising again.
        self.mean, self.std = [0.0] * x.shape[1], [1.0] * x.shape[1]
        # The yaml derives input_shape from num_features, which is known only now.
        if self.num_features is None:
            self.num_features, self.input_shape = x.shape[1], self.input_shape or [x.shape[1]]
        self._prepared = prepared
        cut = {name: TensorSplit(x[index], y[index]) for name, index in parts.items()}
        return {**cut, **self._read_separate(groups)}

    def _read_separate(self, groups: list[str] | None) -> dict[str, Split]:
        """The splits that have a file of their own, encoded as the training split.

        Args:
            groups: of the rows of ``path``.

        Raises:
            DataError: a column or a class is not that of training; a group is in two files.
        """
        splits: dict[str, Split] = {}
        seen = {self.path: set(groups or ())}
        for name, path in self.separate.items():
            settings = replace(self.settings(), assumed=None, path=path, key=f"{name}_path", group=None)
            prepared = prepare(settings, self.columns, self.class_names, self._trained_kind)
            for what, count, why in prepared.left_out:
                self.leave_out(f"{what} of {path}", count, why)
            unseen: Counter[tuple[str, str]] = Counter()
            x = torch.from_numpy(encode(self.columns, prepared.table, unseen))
            for sentence in unseen_words(unseen):
                log.warning("%s: %s", path, sentence)
            splits[name] = TensorSplit(x, self._targets(prepared))
            self.sources[name] = path
            if groups is not None and prepared.table.name_of(str(self.group)) is not None:
                seen[path] = set(prepared.table.column(str(self.group), "group"))
                self.groups[name] = len(seen[path])
        require_separate_groups(seen)
        if self.separate and self.num_classes == 1:
            require_anomalies([self.path, *self.separate.values()], self.output_names())
        return splits

    def inputs(self, where: str) -> Inputs:
        if not self.columns:
            self.setup()
        return rows(where, self.columns, self.evaluation_batch_size(), self.encoding, self.header)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        if self._splits and not _same_encoding(self.state_dict(), state_dict):
            raise DataError(
                f"the columns or classes of {self.path} differ from those of the checkpoint;",
                "the file has changed since the run started, or a setting (data.drop, data.target_kind, ...) has;",
                "restore the old file, or start a new run.",
            )
        super().load_state_dict(state_dict)

    def summary(self) -> dict[str, Any]:
        """The base class's, with ``columns``: kind and use of each column; and ``file``: how it was read."""
        found = super().summary()
        assert self._prepared is not None  # of ``setup``
        if (normal := self._prepared.settings.assumed) and self._prepared.table.name_of(str(self.target)) is None:
            remark = f"all rows of {self.path} are taken as {normal}, because it has no column {self.target!r}"
            found["remarks"] = [*found.get("remarks", []), remark]
        return {**found, "columns": self._prepared.columns_summary(), "file": self._prepared.table.format}

    @property
    def _trained_kind(self) -> TargetKind:
        """The kind of target of the run that the columns are of."""
        if not self.class_names:
            return "number"
        return "labels" if self.num_labels else "class"

    def _targets(self, prepared: PreparedTable) -> Tensor:
        """int64 (N,) for classes, uint8 (N, num_labels) for labels, float32 (N, num_targets) for numbers.

        Raises:
            DataError: ``data.num_classes`` is not their number.
        """
        target = prepared.target
        self.class_names, self.target_names = target.class_names, target.target_names
        if target.absent:
            return torch.from_numpy(target.values).float()[:, None]
        ((key, count),) = target.facts.items()
        # Of a run they may be more than the file has.
        if not self.columns and getattr(self, key) not in (None, count) and not prepared.settings.more_classes:
            what = {"num_classes": "classes", "num_labels": "labels", "num_targets": "targets"}[key]
            raise DataError(
                f"column {self.target!r} of {prepared.table.path} contains {count} {what}, not {getattr(self, key)};",
                f"data.{key} is their number;",
                f"try data.{key}={count}.",
            )
        setattr(self, key, count)
        values = torch.from_numpy(target.values)
        if target.kind == "number":
            return values.float().reshape(len(values), -1)
        return values if target.kind == "labels" else values.long()

    def _tell_unseen(self, unseen: Counter[tuple[str, str]], prepared: PreparedTable, told: bool) -> None:
        """Note words that the training split does not have; warn of them if the network was trained on other data."""
        for name, _ in unseen:
            found = prepared.guesses[prepared.table.name_of(name) or name]
            found.facts["unseen"] = sum(count for (column, _), count in unseen.items() if column == name)
        for sentence in unseen_words(unseen) if told else []:
            log.warning("%s: %s", prepared.table.path, sentence)


def _same_encoding(fitted: dict[str, Any], saved: dict[str, Any]) -> bool:
    """Whether columns and classes of two states are equal, up to rounding differences between machines."""
    if "columns" not in saved:  # a checkpoint of an older version
        return True
    # zip_longest: a missing or an additional column is a difference.
    pairs = list(zip_longest(*([Column(**each) for each in state["columns"]] for state in (fitted, saved))))
    return fitted.get("class_names") == saved.get("class_names") and all(
        one and other and one.encodes_like(other) for one, other in pairs
    )
