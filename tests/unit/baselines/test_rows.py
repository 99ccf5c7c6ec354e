"""Samples as flat rows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from netyard.baselines import rows
from netyard.data.images.fake import FakeImages
from netyard.data.tables.scikit import ScikitData


def test_rows_of_a_table_are_those_that_a_network_reads() -> None:
    data = ScikitData(dataset="iris", num_classes=3, num_features=4, input_shape=[4])
    part = rows.rows_of(data, "train", 10_000)
    inputs = torch.cat([x for x, _, _ in data.plain_train_dataloader()]).double().numpy()
    assert part.total == len(part) == 108
    assert (np.sort(part.x, axis=0) == np.sort(inputs, axis=0)).all()
    again = rows.rows_of(ScikitData(dataset="iris", num_classes=3, num_features=4, input_shape=[4]), "train", 10)
    assert (again.x == part.x[:10]).all()
    assert again.total == 108


def test_large_images_are_reduced() -> None:
    data = FakeImages(num_classes=3, channels=3, image_size=64, size=30, input_shape=[3, 64, 64])
    part = rows.rows_of(data, "test", 5)
    assert part.x.shape == (5, 3 * 32 * 32)


def test_images_are_normalised_by_channel() -> None:
    data = ScikitData(dataset="digits", num_classes=10, channels=1, image_size=8, max_value=16, input_shape=[1, 8, 8])
    part = rows.rows_of(data, "train", 10_000)
    assert part.x.mean() == pytest.approx(0.0, abs=1e-5)
    assert part.x.std() == pytest.approx(1.0, abs=1e-5)


def test_the_scored_part_is_the_validation_part_where_nothing_is_tested() -> None:
    parts = rows.parts_of(
        ScikitData(dataset="iris", num_classes=3, num_features=4, input_shape=[4], test_fraction=0), "val"
    )
    assert parts.val is parts.scored
