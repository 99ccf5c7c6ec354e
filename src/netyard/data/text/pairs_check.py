"""Check of parallel texts before torch is imported: see ``netyard.config.data_check``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from netyard.data.core.early_checks import is_large
from netyard.data.text.pair_rows import read_pairs


def check(data: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """Read the pairs, unless the file is large; they say nothing of the outputs.

    Args:
        data: the resolved config of the data set.

    Raises:
        DataError: see ``read_pairs``.
    """
    path = Path(str(data["path"])).expanduser()
    if not is_large(path):
        targets = data.get("target_path")
        read_pairs(
            path,
            None if targets is None else Path(str(targets)).expanduser(),
            data.get("source"),
            data.get("target"),
            encoding=data.get("encoding"),
        )
    return {}, ""
