"""Which numbers of a config are one value."""

from __future__ import annotations

import pytest

from netyard.config.equal_values import same, with_floats

TRAINER = {"_target_": "lightning.Trainer"}


def test_a_rate_is_a_float_and_a_share_or_count_keeps_its_type() -> None:
    config = {
        "trainer": TRAINER | {"gradient_clip_val": 1, "limit_train_batches": 1, "max_epochs": 3},
        "optimizer": {"_target_": "torch.optim.Adam", "lr": 1, "betas": [0, 0.9]},
        "model": {"_target_": "mine.Net", "size": 1},
    }
    found = with_floats(config)
    assert repr(found["trainer"]["gradient_clip_val"]) == "1.0"
    assert repr(found["trainer"]["limit_train_batches"]) == "1"
    assert repr(found["trainer"]["max_epochs"]) == "3"
    assert repr(found["optimizer"]["lr"]) == "1.0" and repr(found["optimizer"]["betas"]) == "[0.0, 0.9]"
    assert repr(found["model"]["size"]) == "1", "of a class that is not known"


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (1, 1.0, False),
        (True, 1, False),
        ([1, 2], [1.0, 2], False),
        ((1, 2), [1, 2], True),
        (0.001, 1e-3, True),
        (None, None, True),
        ("1", 1, False),
    ],
)
def test_numbers_are_equal_with_their_type(one: object, other: object, equal: bool) -> None:
    assert same(one, other) is equal and same(other, one) is equal
