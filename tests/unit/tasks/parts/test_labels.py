from __future__ import annotations

import pytest
import torch

from netyard.tasks.parts.labels import sample_labels


def test_all_classes_in_turn_one_or_those_given() -> None:
    assert sample_labels(5, None, 3).tolist() == [0, 1, 2, 0, 1]
    assert sample_labels(2, 1, 3).tolist() == [1, 1]
    assert sample_labels(2, torch.tensor([2, 0]), 3).tolist() == [2, 0]
    assert sample_labels(2, None, None) is None


@pytest.mark.parametrize(("label", "num_classes"), [(3, 3), (-1, 3), (0, None), (torch.tensor([0, 3]), 3)])
def test_a_label_that_the_net_does_not_know_is_refused(label: int | torch.Tensor, num_classes: int | None) -> None:
    with pytest.raises(ValueError, match=r"label is .*; (this net|it must).*; (try|leave)"):
        sample_labels(2, label, num_classes)
