"""Each kind of generative adversarial network by the command, and the gradient penalty at full length."""

from __future__ import annotations

from typing import Any

import pytest

from netyard.config.catalog import families
from support.adversarial_task import check_penalty_holds_slope, check_trains

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers", "ignore:.*GPU available but not used")
VARIANTS = [name for family in ("gan", "dcgan") for name in families()[family]["variants"]]


def test_the_gradient_penalty_holds_the_slope_at_one() -> None:
    check_penalty_holds_slope(lr=0.002, repeats=150)


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_trains_from_the_command(train: Any, name: str) -> None:
    check_trains(train, name, *([] if name.startswith("gan") else ["model.channels=[8,16]"]))
