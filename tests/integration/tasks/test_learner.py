"""What every task does alike: schedules that wait for a score, and random numbers that belong to a batch."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from netyard.optim import schedules
from netyard.tasks.learner import Learner
from support.trainers import trainer_of

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers")


class Dropping(Learner):
    """Remembers what dropout let through, and the lr of each epoch; the score is always the same."""

    def __init__(self, scheduler: Any = schedules.constant, meddle: bool = False) -> None:
        torch.manual_seed(0)
        super().__init__(nn.Linear(1, 1), nn.MSELoss(), partial(torch.optim.SGD, lr=0.1), scheduler, "val/loss", "min")
        self.meddle, self.seen, self.lrs = meddle, [], []

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        self.seen.append(nn.functional.dropout(torch.ones(64)).tolist())
        return self.net(batch).square().mean()

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        if self.meddle:
            torch.rand(7)
        self.means.add(1, loss=torch.tensor(1.0))

    def on_train_epoch_end(self) -> None:
        super().on_train_epoch_end()
        self.lrs.append(self.optimizers().param_groups[0]["lr"])


def fit(task: Dropping, epochs: int, **settings: Any) -> None:
    batches = DataLoader(torch.ones(6, 1), batch_size=2)
    trainer_of(epochs, num_sanity_val_steps=2, **settings).fit(task, batches, DataLoader(torch.ones(2, 1)))


@pytest.mark.parametrize(("every", "lrs"), [(1, [0.1, 0.1, 0.05, 0.05]), (2, [0.1] * 5 + [0.05])])
def test_a_plateau_counts_validations_and_not_epochs(every: int, lrs: list[float]) -> None:
    """Three equal scores: the first sets the mark, the third exceeds the patience."""
    task = Dropping(partial(schedules.plateau, factor=0.5, patience=1))
    fit(task, len(lrs), check_val_every_n_epoch=every)
    assert task.lrs == lrs


def test_each_batch_has_random_numbers_of_its_own_whatever_is_drawn_between() -> None:
    one, other = Dropping(), Dropping(meddle=True)
    fit(one, 2)
    fit(other, 2)
    assert one.seen == other.seen
    assert len({str(each) for each in one.seen}) == 6
