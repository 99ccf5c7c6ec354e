"""Every key of every option is given a value of every type."""

from __future__ import annotations

import pytest

from support.wrong_values import VALUES, composed, require_refused, rows


@pytest.mark.parametrize("row", rows(), ids=lambda row: " ".join(map("=".join, row)))
def test_a_value_of_any_wrong_type_is_refused_with_the_name_of_its_key(row: tuple[tuple[str, str], ...], tally) -> None:
    cfg, choices = composed(row)
    for kind in VALUES:
        require_refused(cfg, choices, kind)
    tally("a value of a wrong type", len(VALUES), len(VALUES))
