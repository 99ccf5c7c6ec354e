"""Check of ``data=csv`` before torch is imported: see ``netyard.config.data_check``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from netyard.data.core.early_checks import is_large
from netyard.data.core.normal_classes import normal_names
from netyard.data.tables.columns import encode
from netyard.data.tables.prepared import TableSettings, prepare


def check(data: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """What a table says of its target: ``num_classes``, ``num_labels`` or ``num_targets``, and what corrects the guess.

    Of a large table nothing is said, because it takes longer to read than torch to import.

    Args:
        data: the resolved config of the data set.

    Raises:
        DataError: see ``prepare`` and ``PreparedTable.fit``.
    """
    path = Path(data["path"]).expanduser()
    if is_large(path):
        return {}, ""
    names = {each.name for each in fields(TableSettings)}
    settings = TableSettings(**{name: value for name, value in data.items() if name in names})
    separate = [key for key in ("val_path", "test_path") if data.get(key) is not None]
    settings = replace(settings, more_classes=data.get("normal") is not None and bool(separate))
    normal = normal_names(data.get("normal"))
    if normal and separate and isinstance(data.get("target"), str):
        settings = replace(settings, assumed=normal[0])
    prepared = prepare(settings)
    # The cells are checked in all rows; how many words there are is known after the split.
    columns = prepared.fit(np.arange(1))
    target = prepared.target
    correction = target.correction
    for key in separate:
        beside = prepare(
            replace(settings, path=str(data[key]), key=key, group=None), columns, target.class_names, target.kind
        )
        encode(columns, beside.table)
        target = beside.target
    # Without a target: for tasks that need none.
    return target.facts or {"num_classes": None}, correction
