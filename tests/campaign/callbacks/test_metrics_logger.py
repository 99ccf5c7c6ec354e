"""The charts of each kind of task."""

from __future__ import annotations

import pytest

from support.curve_charts import check_charts

TASKS = {
    "classification": ("model=mlp_tiny", "data=iris"),
    "regression": ("model=mlp_tiny", "data=diabetes"),
    "variational": ("model=vae_tiny", "data=digits"),
    "forecasting": ("model=gru_tiny", "data=sunspots"),
}


@pytest.mark.parametrize("task", TASKS)
def test_training_and_validation_of_each_metric_stand_in_one_chart(train, task: str):
    ran = train(
        *TASKS[task], "trainer=cpu", "trainer.max_epochs=2", "trainer.log_every_n_steps=1", "callbacks.scores=null"
    )
    assert ran.code == 0, ran.err
    check_charts(ran.path)
