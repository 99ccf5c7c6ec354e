"""The group of an image, by its name or folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from netyard.data.images.grouping import compiled, groups_of, require_whole_groups
from netyard.data.images.listing import Listing
from netyard.errors import ConfigError, DataError

ROOT = Path("photos")
FILES = Listing([ROOT / "ill" / "p01_1.png", ROOT / "well" / "p02_1.png", ROOT / "well" / "p01_2.png"], [0, 1, 1])
NESTED = Listing([ROOT / "ill" / "p01" / "1.png", ROOT / "well" / "a" / "p02" / "1.png"], [0, 1])


@pytest.mark.parametrize("pattern", [r"(p\d+)_", r"^([^_]+)", r"p\d+"])
def test_an_expression_in_the_name(pattern: str) -> None:
    assert groups_of(FILES, ROOT, ["ill", "well"], pattern) == ["p01", "p02", "p01"]


def test_the_folder_of_an_image() -> None:
    assert groups_of(NESTED, ROOT, ["ill", "well"], "folder") == ["p01", "a/p02"]
    assert groups_of(NESTED, ROOT, ["ill", "well"], "(p[0-9]+)/") == ["p01", "p02"]


def test_an_image_without_a_group_is_named() -> None:
    with pytest.raises(DataError, match=r"well/p02_1\.png has no group by data\.group=\(p01\); .*'p02_1\.png' here"):
        groups_of(FILES, ROOT, ["ill", "well"], "(p01)")
    with pytest.raises(DataError, match=r"has no group by data\.group=folder"):
        groups_of(FILES, ROOT, ["ill", "well"], "folder")


@pytest.mark.parametrize("pattern", ["(p", "(p)(q)"])
def test_a_wrong_expression_is_refused(pattern: str) -> None:
    with pytest.raises(ConfigError, match=r"data\.group is .*try .data\.group="):
        compiled(pattern)


def test_a_group_in_two_folders_is_refused() -> None:
    require_whole_groups({"train": ["a", "b"], "test": ["c"]})
    with pytest.raises(DataError, match=r"group 'b' of data\.group is in the folders of train and test \(1 such\)"):
        require_whole_groups({"train": ["a", "b"], "test": ["b"]})
