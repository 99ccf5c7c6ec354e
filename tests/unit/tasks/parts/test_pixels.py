from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from netyard.tasks.parts.pixels import Pixels

MEAN, STD = torch.tensor([0.3, 0.5])[:, None, None], torch.tensor([0.4, 0.2])[:, None, None]
DATA = SimpleNamespace(pixel_statistics=lambda: (MEAN, STD))


def test_pixels_and_back_by_the_statistics_of_the_data() -> None:
    pixels, x = Pixels((2, 4, 4)), torch.randn(3, 2, 4, 4)
    assert torch.equal(pixels(x), x)
    pixels.set_statistics(DATA)
    torch.testing.assert_close(pixels(x), x * STD + MEAN)
    torch.testing.assert_close(pixels.normalized(pixels(x)), x)


@pytest.mark.parametrize("shape", [(5,), (8, 8)])
def test_a_table_or_a_sequence_stays_as_it_is(shape: tuple[int, ...]) -> None:
    pixels, x = Pixels(shape), torch.randn(3, *shape)
    pixels.set_statistics(DATA)
    assert torch.equal(pixels(x), x) and torch.equal(pixels.normalized(x), x)


def test_the_statistics_are_saved_with_the_weights() -> None:
    first, second = Pixels((2, 4, 4)), Pixels((2, 4, 4))
    first.set_statistics(DATA)
    second.load_state_dict(first.state_dict())
    assert torch.equal(second.mean, MEAN) and torch.equal(second.std, STD)
