"""Check of ``data=image_folder`` before torch is imported: see ``netyard.config.data_check``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from netyard.data.core.normal_classes import normal_names
from netyard.data.images.class_folders import find_trained, scanned
from netyard.data.images.grouping import compiled
from netyard.data.images.label_file import LabelSettings, read_labelled_files
from netyard.errors import DataError

_MOST_BYTES = 2**22  # of a file of labels, whose images are looked for, too
_MOST_CLASSES = 100  # listing a million files takes longer than to import torch


def check(data: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """What the folders say of the classes, ``num_classes``; or what a file of labels has, and what corrects the guess.

    Args:
        data: the resolved config of the data set.

    Raises:
        DataError: a folder is missing, or a class without images; see ``find_layout`` and ``read_labelled_files``.
        ConfigError: ``group`` is no regular expression.
    """
    wanted = {split: data.get(f"{split}_folder") for split in ("train", "val", "test")}
    compiled(str(data.get("group") or ""))
    if data.get("labels") is not None:
        path = Path(str(data["labels"])).expanduser()
        if path.is_file() and path.stat().st_size > _MOST_BYTES:
            return {}, ""
        settings = {each.name: data[each.name] for each in fields(LabelSettings) if each.name in data}
        separate_files = any(data.get(f"{split}_labels") is not None for split in ("val", "test"))
        more_classes = data.get("normal") is not None and separate_files
        target = read_labelled_files(LabelSettings(**settings, more_classes=more_classes)).target
        return {} if more_classes else target.facts, target.correction
    separate = {split: str(data[f"{split}_root"]) for split in ("val", "test") if data.get(f"{split}_root") is not None}
    normal = normal_names(data.get("normal"))
    class_folders = data.get("class_folders", True)
    found = find_trained(Path(data["root"]).expanduser(), wanted, separate, normal, class_folders)
    if found.names is None or len(found.names) <= _MOST_CLASSES:
        try:
            scanned(found, separate, normal, Counter())
        except DataError:
            # Of a task that needs no classes, they are then taken as none.
            if class_folders is not None or normal or found.names is None:
                raise
            return {}, ""
    return {"num_classes": None if found.names is None else len(found.names)}, ""
