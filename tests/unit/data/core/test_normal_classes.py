"""Names of normal classes."""

from __future__ import annotations

import pytest

from netyard.data.core.normal_classes import normal_names, require_anomalies
from netyard.errors import DataError


@pytest.mark.parametrize(
    ("normal", "names"), [(None, []), ("good", ["good"]), (3, ["3"]), (["a", "b"], ["a", "b"]), ([0, 1], ["0", "1"])]
)
def test_one_name_or_several(normal: str | list[str] | None, names: list[str]) -> None:
    assert normal_names(normal) == names


def test_files_with_one_class_have_no_anomalies() -> None:
    require_anomalies(["a.csv", "b.csv"], ["ok", "bad"])
    with pytest.raises(DataError, match=r"a\.csv and b\.csv have only the class 'ok'; anomalies are"):
        require_anomalies(["a.csv", "b.csv"], ["ok"])
