"""Classification: predictions, and the accuracy of soft targets."""

from __future__ import annotations

import torch
from torch import nn

from netyard.tasks.classification import accuracy
from support.classification_task import samples, task_of


def test_predictions_are_probabilities():
    task, (x, y) = task_of(nn.Linear(4, 3)).eval(), samples((5,))[0]
    torch.testing.assert_close(task.predict_step((x, y), 0).sum(1), torch.ones(5))
    assert torch.equal(task.predict_step(x, 0), task.predict_step((x, y), 0))
    assert torch.equal(task(x), task.net(x))


def test_accuracy_of_a_soft_target_is_that_of_its_largest_class():
    logits = torch.tensor([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0]])
    assert accuracy(logits, torch.tensor([0, 2])) == 0.5
    assert accuracy(logits, torch.tensor([[0.6, 0.4, 0.0], [0.0, 0.7, 0.3]])) == 1.0
