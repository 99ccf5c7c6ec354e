"""What the discriminator sees: shifted, lit and cut, with a gradient back to the picture."""

from __future__ import annotations

import torch

from netyard.tasks.parts.diffaug import brighten, cutout, differentiable_augment, translate


def drawn(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_brightness_adds_one_number_to_a_picture() -> None:
    x = torch.randn(50, 3, 4, 4)
    added = brighten(x, drawn()) - x
    assert (added.flatten(1).std(dim=1) < 1e-6).all()
    assert 0.4 < added.abs().max() <= 0.5 and added.flatten(1)[:, 0].unique().numel() > 40


def test_translation_is_a_shift_with_zeros_behind() -> None:
    x = torch.arange(1.0, 65).view(1, 1, 8, 8).repeat(40, 1, 1, 1)
    shifts = set()
    for moved in translate(x, drawn()):
        matches = []
        for down in (-1, 0, 1):
            for right in (-1, 0, 1):
                wanted = torch.zeros(10, 10)
                wanted[1 - down : 9 - down, 1 - right : 9 - right] = x[0, 0]
                if torch.equal(moved[0], wanted[1:9, 1:9]):
                    matches.append((down, right))
        assert len(matches) == 1
        shifts.add(matches[0])
    assert len(shifts) == 9


def test_a_hole_is_a_rectangle_of_half_the_sides_at_most() -> None:
    for picture in 1 - cutout(torch.ones(60, 2, 8, 8), drawn()):
        hole = picture[0]
        assert torch.equal(hole, picture[1])
        rows, columns = hole.any(1), hole.any(0)
        assert 2 <= rows.sum() <= 4 and 2 <= columns.sum() <= 4
        assert torch.equal(hole, rows.float().outer(columns.float()))


def test_a_gradient_comes_back_and_the_global_random_numbers_stay() -> None:
    x = torch.randn(4, 1, 8, 8, requires_grad=True)
    before = torch.get_rng_state()
    seen = differentiable_augment(x, drawn(1))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(seen, differentiable_augment(x, drawn(1)))
    assert not torch.equal(seen, differentiable_augment(x, drawn(2)))
    (slope,) = torch.autograd.grad(seen.sum(), x)
    assert set(slope.unique().tolist()) == {0.0, 1.0}
