"""Check of text files before torch is imported: see ``netyard.config.data_check``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from netyard.data.core.early_checks import is_large
from netyard.data.text.text_files import read_documents


def check(data: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """Read the files, unless they are large or many; they say nothing of the outputs.

    Args:
        data: the resolved config of the data set.

    Raises:
        DataError: see ``read_documents``.
    """
    for key in ("path", "test_path", "val_path"):
        given = data.get(key)
        if given is None:
            continue
        path = Path(str(given)).expanduser()
        if path.is_dir() or is_large(path):
            continue
        read_documents(given, f"data.{key}", data.get("encoding"))
    return {}, ""
