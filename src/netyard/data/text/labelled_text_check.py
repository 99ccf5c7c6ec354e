"""Check of labelled texts before torch is imported: see ``netyard.config.data_check``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from netyard.data.core.early_checks import is_large
from netyard.data.text.labelled_rows import columns_of, read_labelled, require_classes


def check(data: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """What a table says of its classes, ``num_classes``. Of a large table or a folder nothing is said.

    Args:
        data: the resolved config of the data set.

    Raises:
        DataError: see ``read_labelled`` and ``require_classes``.
    """
    path = Path(str(data["path"])).expanduser()
    if path.is_dir() or is_large(path):
        return {}, ""
    columns = columns_of(data)
    rows = read_labelled(path, columns, encoding=data.get("encoding"))
    names = sorted(set(rows.labels))
    require_classes(rows, names, columns.target_key)
    return {"num_classes": len(names)}, ""
