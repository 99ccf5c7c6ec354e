"""The curves of a run, read back from where a user would look."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import torch

from support.curve_charts import check_charts
from support.event_files import events

RUN = (
    "model=mlp_tiny",
    "data=iris",
    "data.batch_size=20",
    "trainer=cpu",
    "trainer.max_epochs=3",
    "callbacks.figures=null",
)


def scalars(path: Path, tag: str) -> dict[int, float]:
    found = [(each.step, each.value) for each in events(path).Scalars(tag)]
    assert len(found) == len(dict(found)), f"{tag} has several points at one step"
    return dict(found)


def rows(path: Path) -> list[dict[str, str]]:
    with (path / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_epoch_is_a_row_and_the_curves_have_the_optimizer_step_as_their_axis(finished):
    path = finished("drawn_iris")
    results, table = json.loads((path / "results.json").read_text()), rows(path)
    assert [row["epoch"] for row in table] == ["0", "1", "2"]
    steps = [int(row["step"]) for row in table]
    total = steps[-1]
    assert steps == [total // 3, 2 * total // 3, total] and total == results["steps"]
    for name in ("train/loss", "train/accuracy", "val/loss", "val/accuracy"):
        assert len({row[name] for row in table}) > 1 and all(row[name] for row in table)
    assert float(table[-1]["val/loss"]) == pytest.approx(results["objective"]["value"], rel=1e-5)

    assert set(scalars(path, "train/loss_step")) == set(range(2, total + 1, 2))
    assert set(scalars(path, "train/samples_per_second")) == set(steps)
    assert all(0 < rate < 1e8 for rate in scalars(path, "train/samples_per_second").values())
    # Every point of an epoch stands at the step of its row, also those that Lightning logs, and has the same value.
    for name in ("lr", "train/loss", "train/accuracy", "val/loss", "val/accuracy"):
        curve = scalars(path, name)
        assert [curve[step] for step in steps] == pytest.approx([float(row[name]) for row in table], rel=1e-5), name
        assert name == "lr" or set(curve) == set(steps), name
    assert set(scalars(path, "test/accuracy")) == {total}
    assert scalars(path, "objective/val/loss")[total] == pytest.approx(results["objective"]["value"])
    assert scalars(path, "loss") == scalars(path, "val/loss") and "epoch" not in events(path).Tags()["scalars"]
    assert scalars(path / "train", "loss") == scalars(path, "train/loss")


def test_the_learning_rate_is_a_curve(finished):
    rates = [each.value for each in events(finished("drawn_iris")).Scalars("lr")]
    assert rates == sorted(rates, reverse=True) and rates[-1] < 0.001 < rates[0] <= 0.01


def test_the_learning_rate_at_a_step_is_that_of_the_step(train):
    schedule = ("scheduler=step", "scheduler.step_size=0.33333", "scheduler.gamma=0.5", "optimizer.lr=0.08")
    path = train(*RUN, *schedule, "trainer.log_every_n_steps=1").path
    rates = [float(row["lr"]) for row in rows(path)]
    assert rates == pytest.approx([0.08, 0.04, 0.02])
    steps = [int(row["step"]) for row in rows(path)]
    curve = scalars(path, "lr")
    expected = [rates[sum(step > end for end in steps)] for step in range(1, steps[-1] + 1)]
    assert [curve[step] for step in range(1, steps[-1] + 1)] == pytest.approx(expected)


def test_an_epoch_without_validation_repeats_none(train):
    ran = train(*RUN, "trainer.check_val_every_n_epoch=2", "logger=none")
    assert [bool(row["val/loss"]) for row in rows(ran.path)] == [False, True, False]
    assert all(row["train/loss"] for row in rows(ran.path))


def test_accumulated_batches_are_one_point_with_the_whole_loss(train):
    common = (*RUN, "optimizer.lr=1e-12", "trainer.log_every_n_steps=1", "trainer.max_epochs=1", "data.batch_size=27")
    ran = train(*common, "trainer.accumulate_grad_batches=2")
    assert ran.code == 0, ran.err
    losses = scalars(ran.path, "train/loss_step")
    assert set(losses) == {1, 2}  # four batches
    alone = scalars(train(*common, path=ran.path.parent / "alone").path, "train/loss_step")
    assert losses[1] == pytest.approx(alone[2], rel=1e-4) and losses[2] == pytest.approx(alone[4], rel=1e-4)


def test_the_results_carry_the_throughput(finished):
    results = json.loads((finished("drawn_iris") / "results.json").read_text())
    samples = 3 * 108  # of iris, four fifths for training and a tenth of them for validation
    assert results["throughput"]["train_samples_per_second"] > samples / results["seconds"]["fit"]


def norm_of_weights(path: Path, part: str = "") -> float:
    state = torch.load(path / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    found = {name: each for name, each in state.items() if name.startswith(f"net.{part}")}
    weights = [each.flatten() for name, each in found.items() if name.endswith((".weight", ".bias"))]
    return float(torch.cat(weights).norm())


def test_norms_of_gradients_and_weights_are_curves(train):
    ran = train(
        *RUN, "callbacks.curves.norms_every_n_steps=3", "optimizer=sgd", "optimizer.lr=0.5", "trainer.max_epochs=2"
    )
    assert ran.code == 0, ran.err
    gradients, weights = (scalars(ran.path, f"train/{name}_norm") for name in ("gradient", "weight"))
    assert set(gradients) == set(weights) == {3, 5, 6, 9, 10}, "every third step of two epochs of five, and their ends"
    assert weights[10] == pytest.approx(norm_of_weights(ran.path), rel=1e-5)
    assert len(set(weights.values())) == 5 and all(0 < each < 100 for each in gradients.values())
    none = train(*RUN, "callbacks.curves.norms_every_n_steps=null", path=ran.path.parent / "none")
    assert not [tag for tag in events(none.path).Tags()["scalars"] if "norm" in tag]


def test_the_norm_of_a_gradient_is_the_length_of_the_step_it_makes(train):
    common = (
        *RUN,
        "optimizer=sgd",
        "optimizer.lr=1",
        "optimizer.weight_decay=0",
        "callbacks.curves.norms_every_n_steps=1",
    )
    before, after = (
        train(*common, "trainer.max_epochs=1", f"trainer.max_steps={steps}", path=Path.cwd() / f"run-{steps}").path
        for steps in (1, 2)
    )
    states = [
        torch.load(path / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"] for path in (before, after)
    ]
    step = torch.cat([(states[1][name] - states[0][name]).flatten() for name in states[0]])
    assert scalars(after, "train/gradient_norm")[2] == pytest.approx(float(step.norm()), rel=1e-4)
    # Clipped, the same steps begin with the same gradient, which is drawn as it was.
    clipped = train(*common, "trainer.max_steps=1", "trainer.gradient_clip_val=0.01", path=Path.cwd() / "clipped").path
    assert scalars(clipped, "train/gradient_norm")[1] == pytest.approx(
        scalars(after, "train/gradient_norm")[1], rel=1e-6
    )
    assert scalars(after, "train/gradient_norm")[1] > 0.1


def test_each_player_of_a_game_has_norms_of_its_own(train):
    few = ("trainer.max_epochs=1", "callbacks.scores.num_val_samples=64", "callbacks.scores.num_test_samples=64")
    ran = train("model=gan_tiny", "data=digits", "trainer=cpu", *few, "task.discriminator_steps=3")
    assert ran.code == 0, ran.err
    last = ran.json("results.json")["steps"]
    assert last == 20 and scalars(ran.path, "train/discriminator_gradient_norm")[last] > 0
    for player in ("generator", "discriminator"):
        drawn = scalars(ran.path, f"train/{player}_weight_norm")
        assert drawn == {last: pytest.approx(norm_of_weights(ran.path, player), rel=1e-5)}
    tags = events(ran.path).Tags()["scalars"]
    assert "train/gradient_norm" not in tags and "train/generator_gradient_norm" not in tags, "it was not its turn"


@pytest.mark.parametrize("run", ["drawn_iris", "drawn_diabetes", "drawn_samples"])
def test_training_and_validation_of_each_metric_stand_in_one_chart(finished, run: str):
    check_charts(finished(run))
