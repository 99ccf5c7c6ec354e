"""Reconstruction: what is learned, what is logged, what is kept, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from torch import Tensor, nn

import netyard
from netyard.data.tables import scikit
from netyard.losses.code_penalties import contraction, kl_sparsity, l1_sparsity
from netyard.tasks.parts.likeness import psnr, ssim
from netyard.tasks.reconstruction import Reconstruction
from netyard.training import checkpoint
from support.reconstruction_task import MEAN, STD, Coder, Pictures, task_of
from support.trainers import trainer_of

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers")


def run(task: Reconstruction, data: L.LightningDataModule, epochs: int = 1) -> dict[str, float]:
    """Train, validate and test; every metric of the three."""
    trainer = trainer_of(epochs)
    trainer.fit(task, data)
    metrics = dict(trainer.callback_metrics)
    trainer.test(task, data, verbose=False)
    return {name: value.item() for name, value in {**metrics, **trainer.callback_metrics}.items()}


def pixels(x: Tensor) -> Tensor:
    return (x * STD + MEAN).clamp(0, 1)


@pytest.mark.parametrize("loss", [nn.MSELoss(), nn.L1Loss()])
@pytest.mark.parametrize("sizes", [(10,), (7, 1, 2)])
def test_metrics_are_those_of_the_whole_epoch(sizes: tuple[int, ...], loss: nn.Module) -> None:
    net, data = Coder(), Pictures(sizes)
    got = run(task_of(net, loss=loss), data)
    for stage, batches in (("train", data.trained), ("val", data.evaluated), ("test", data.evaluated)):
        x = torch.cat([each for each, _ in batches])
        with torch.no_grad():
            output = net.decode(net.encode(x))
        wanted = {
            "loss": loss(output, x),
            "mse": (output - x).square().mean(),
            "psnr": psnr((pixels(output) - pixels(x)).square().mean()),
        }
        if stage != "train":
            wanted["ssim"] = ssim(pixels(output), pixels(x))
        names = {name for name in got if name.startswith(stage) and "accuracy" not in name}
        assert names == {f"{stage}/{name}" for name in wanted}
        for name, value in wanted.items():
            assert got[f"{stage}/{name}"] == pytest.approx(value.item(), rel=1e-4), f"{stage}/{name}"


def test_a_table_has_no_pictures() -> None:
    data = Pictures(shape=(5,))
    task = task_of(Coder((5,)), shape=(5,), noise="salt_and_pepper", noise_level=0.5)
    got = run(task, data)
    assert {name for name in got if "accuracy" not in name} == {
        f"{stage}/{name}" for stage in ("train", "val", "test") for name in ("loss", "mse")
    }
    assert task.reconstructions is None and task.codes is not None and task.codes.pictures is None
    assert {-2.0, 2.0} <= set(torch.cat(task.net.seen[2:]).flatten().tolist())


def test_a_picture_smaller_than_the_window_has_no_ssim() -> None:
    data = Pictures(shape=(1, 6, 9))
    got = run(task_of(Coder((1, 6, 9)), shape=(1, 6, 9)), data)
    assert "val/psnr" in got and "val/ssim" not in got


def test_what_is_given_is_noisy_and_what_is_wanted_is_not() -> None:
    net, data = Coder(), Pictures((6,))
    task = task_of(net, noise="masking", noise_level=0.5)
    trainer_of(limit_val_batches=0).fit(task, data)
    (x, _), given = data.trained[0], net.seen[-1]
    black = torch.isclose(pixels(given), torch.tensor(0.0), atol=1e-6)
    assert 0.3 < black.float().mean() < 0.7
    torch.testing.assert_close(given[~black], x[~black])
    with torch.no_grad():
        wanted = nn.functional.mse_loss(net.decode(net.encode(given)), x)
    assert trainer_metrics(task)["train/loss"] == pytest.approx(wanted.item(), rel=1e-5)


def trainer_metrics(task: Reconstruction) -> dict[str, float]:
    return {name: value.item() for name, value in task.trainer.callback_metrics.items()}


def test_gaussian_noise_is_on_the_scale_of_pictures() -> None:
    net, data = Coder(), Pictures((200,))
    trainer_of(limit_val_batches=0).fit(task_of(net, noise="gaussian", noise_level=0.1), data)
    noise = (net.seen[-1] - data.trained[0][0]) * STD
    assert noise.std().item() == pytest.approx(0.1, rel=0.05)


def test_the_noise_of_training_is_new_each_step_and_that_of_validation_the_same() -> None:
    net, data = Coder(), Pictures((6,))
    trainer_of(2).fit(task_of(net, noise="gaussian"), data)
    _, first, one, second, other = net.seen  # the check of the net, then two epochs
    assert not torch.equal(first, second)
    assert torch.equal(one, other)


def test_a_run_stopped_in_mid_epoch_and_resumed_is_the_run(tmp_path: Path) -> None:
    class SaveAfter(L.Callback):
        def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
            if trainer.global_step == 27:  # an epoch has 20
                trainer.save_checkpoint(tmp_path / "27.ckpt")

    def fit(callbacks: list[L.Callback], resume: Path | None = None) -> Reconstruction:
        torch.manual_seed(0)
        task = task_of(Coder(), lr=0.01, noise="gaussian")
        torch.rand(0 if resume is None else 100)  # the global random state is no part of it
        data = scikit.ScikitData(
            dataset="digits", num_classes=10, image_size=8, batch_size=64, max_value=16, mean=[0.3], std=[0.25]
        )
        trainer_of(2, callbacks=callbacks).fit(task, data, ckpt_path=resume, weights_only=True)
        return task

    whole, resumed = fit([SaveAfter()]), fit([], tmp_path / "27.ckpt")
    assert all(torch.equal(value, resumed.state_dict()[name]) for name, value in whole.state_dict().items())


def test_the_noisy_input_is_judged_beside_the_output() -> None:
    net, data = Coder(), Pictures((6,))
    task = task_of(net, noise="gaussian", noise_level=0.2)
    trainer = trainer_of()
    trainer.fit(task, data)
    got, (x, _), given = trainer_metrics(task), data.evaluated[0], net.seen[-1]
    assert got["val/psnr_noisy"] == pytest.approx(psnr((pixels(given) - pixels(x)).square().mean()).item(), rel=1e-4)
    assert got["val/ssim_noisy"] == pytest.approx(ssim(pixels(given), pixels(x)).item(), rel=1e-4)
    assert task.reconstructions is not None
    torch.testing.assert_close(task.reconstructions.inputs, pixels(given))


@pytest.mark.parametrize("sparsity", ["l1", "kl"])
def test_a_sparse_objective_by_hand(sparsity: str) -> None:
    net, data = Coder(shares=True), Pictures((6,))
    task = task_of(net, sparsity=sparsity, sparsity_weight=0.3, sparsity_target=0.1)
    trainer_of().fit(task, data)
    got, (x, y) = trainer_metrics(task), data.trained[0]
    codes = net.encode(x)
    penalty = l1_sparsity(codes) if sparsity == "l1" else kl_sparsity(codes, 0.1)
    loss = nn.functional.mse_loss(net.decode(codes), x)
    assert task.training_step((x, y), 0).item() == pytest.approx((loss + 0.3 * penalty).item(), rel=1e-5)
    assert got["train/loss"] == pytest.approx(loss.item(), rel=1e-5)
    assert got["train/sparsity"] == pytest.approx(penalty.item(), rel=1e-5)
    assert "val/sparsity" in got


def test_a_contractive_objective_by_hand() -> None:
    net, data = Coder(), Pictures((6,))
    task = task_of(net, contraction=0.3)
    trainer_of().fit(task, data)
    (x, y), given = data.trained[0], data.trained[0][0].clone().requires_grad_()
    penalty = contraction(net.encode(given), given)
    wanted = nn.functional.mse_loss(net.decode(net.encode(x)), x) + 0.3 * penalty
    assert task.training_step((x, y), 0).item() == pytest.approx(wanted.item(), rel=1e-5)
    assert trainer_metrics(task)["train/contraction"] == pytest.approx(penalty.item(), rel=1e-5)
    assert not x.requires_grad, "the batch is left as it was"


@pytest.mark.parametrize(
    ("settings", "shares"),
    [
        ({}, False),
        ({"noise": "gaussian", "noise_level": 0.05}, False),
        ({"sparsity": "l1"}, False),
        ({"sparsity": "kl"}, True),
        ({"contraction": 0.001}, False),
    ],
)
def test_the_loss_falls_on_a_handful(settings: dict[str, Any], shares: bool) -> None:
    torch.manual_seed(0)
    data = Pictures((4,))
    task = task_of(Coder(latent_size=8, shares=shares), lr=0.03, **settings)
    data.trained, data.evaluated = data.trained * 150, data.trained
    trainer_of().fit(task, data)
    assert trainer_metrics(task)["val/mse"] < 0.2, "of inputs with a variance of about 1.3"


@pytest.mark.parametrize(
    ("settings", "name"), [({"sparsity": "kl"}, "sparsity"), ({"contraction": 1.0}, "contraction")]
)
def test_a_penalty_falls_where_it_counts(settings: dict[str, Any], name: str) -> None:
    fallen = []
    for weight in (0.0001, 1.0):
        torch.manual_seed(0)
        key = "sparsity_weight" if name == "sparsity" else name
        task = task_of(Coder(shares=name == "sparsity"), lr=0.01, **{**settings, key: weight})
        trainer_of(40, limit_val_batches=0).fit(task, Pictures((6,)))
        fallen.append(trainer_metrics(task)[f"train/{name}"])
    assert fallen[1] < 0.5 * fallen[0]


def test_what_is_kept_for_the_dashboard() -> None:
    net, data = Coder(), Pictures((40, 20))
    task = task_of(net)
    run(task, data)
    x, y = (torch.cat(part) for part in zip(*data.evaluated, strict=True))
    assert task.reconstructions is not None and task.codes is not None
    inputs, outputs = task.reconstructions
    assert len(inputs) == 20, "of the first batch"
    torch.testing.assert_close(inputs, pixels(x[:20]))
    with torch.no_grad():
        torch.testing.assert_close(outputs, pixels(net.decode(net.encode(x[:20]))))
        torch.testing.assert_close(task.codes.codes, net.encode(x))
    assert torch.equal(task.codes.labels, y) and task.codes.pictures is not None
    torch.testing.assert_close(task.codes.pictures, pixels(x))


def test_an_interpolation_goes_from_one_test_picture_to_another() -> None:
    net, data = Coder(), Pictures((40, 20))
    task = task_of(net)
    assert task.interpolation() is None, "there are no codes yet"
    run(task, data)
    assert task.codes is not None
    strips = task.interpolation(rows=3, columns=5)
    assert strips is not None and strips.shape[:2] == (3, 5)
    start, end = task.codes.codes[:3], task.codes.codes[3:6]
    with torch.no_grad():
        for column, codes in ((0, start), (2, (start + end) / 2), (4, end)):
            torch.testing.assert_close(strips[:, column], pixels(net.decode(codes)))


def test_no_more_is_kept_than_can_be_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Reconstruction, "NUM_CODES", 50)
    task = task_of(Coder())
    run(task, Pictures((40, 40)))
    assert task.reconstructions is not None and len(task.reconstructions.inputs) == 32
    assert task.codes is not None and [len(each) for each in task.codes] == [50, 50, 50]  # type: ignore[arg-type]


def test_codes_are_read_by_what_training_codes_taught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Inputs that show their class are read without a fault; after a training part of one class, that one is read."""
    monkeypatch.setattr(Reconstruction, "NUM_PROBED", 6)
    net, data = Coder(), Pictures((6, 30))
    for batches in (data.trained, data.evaluated):
        for x, y in batches:
            x[:] = y[:, None, None, None] - 1.0 + 0.01 * x
    got = run(task_of(net), data)
    names = [f"test/{reader}_accuracy{suffix}" for reader in ("knn", "linear") for suffix in ("", "_pca")]
    assert set(names) <= set(got)
    assert got["test/linear_accuracy_pca"] > 0.6, "two of three lie at the ends of a line"
    data.trained[0][1][:] = 0
    got = run(task_of(net), data)
    assert [got[name] for name in names] == pytest.approx([1 / 3] * 4)


def test_the_training_part_is_read_plainly_where_the_data_can() -> None:
    """A loader that follows the training loop begins where that stopped, and augments."""
    net, data = Coder(), Pictures((6,))
    x, y = data.trained[0]
    data.plain_train_dataloader = lambda: [(x + 5, y)]  # type: ignore[attr-defined]
    task = task_of(net)
    trainer = trainer_of()
    trainer.fit(task, data)
    net.seen.clear()
    trainer.test(task, data, verbose=False)
    assert torch.equal(net.seen[0], x + 5)


def test_data_without_classes_have_no_accuracy() -> None:
    data = Pictures()
    data.num_classes = None
    task = task_of(Coder())
    assert not [name for name in run(task, data) if "accuracy" in name]
    assert task.codes is None


RUNS = [
    ("reconstruction", "reconstruction", {"test/psnr", "test/ssim"}),
    ("denoised", "denoising", {"test/psnr_noisy", "test/ssim_noisy"}),
]


def complete(path: Path, task: str, names: set[str]) -> None:
    """What a run of an autoencoder leaves."""
    results = json.loads((path / "results.json").read_text())
    assert (results["task"], results["objective"]["name"]) == (task, "val/loss")
    curves = (path / "metrics.csv").read_text().splitlines()[0].split(",")
    assert names <= {*results["metrics"], *curves}
    assert {"test/mse", "test/knn_accuracy", "test/linear_accuracy_pca"} <= set(results["metrics"])
    loaded = checkpoint.load(path)
    assert loaded.pixels.mean.flatten().tolist() == pytest.approx([0.3053])
    assert loaded.pixels.std.flatten().tolist() == pytest.approx([0.3760])


@pytest.mark.parametrize(("run", "task", "names"), RUNS)
def test_a_variant_is_complete(finished, run: str, task: str, names: set[str]) -> None:
    complete(finished(run), task, names)


@pytest.mark.parametrize(
    ("model", "task", "names"),
    [
        ("sparse_autoencoder", "sparse_coding", {"test/sparsity"}),
        ("contractive_autoencoder", "contraction", {"train/contraction"}),
    ],
)
def test_a_variant_with_a_penalty_is_complete(train: Any, model: str, task: str, names: set[str]) -> None:
    ran = train(f"model={model}", "debug=smoke", "logger=none")
    assert ran.code == 0, ran.err
    complete(ran.path, task, names)


def test_the_noise_can_be_typed(train: Any, finished) -> None:
    words = ("task=denoising", "task.noise=gaussian", "task.noise_level=0.5", "debug=smoke", "logger=none")
    ran = train("model=autoencoder_tiny", *words)
    assert ran.code == 0, ran.err
    stronger = ran.json("results.json")["metrics"]["test/psnr_noisy"]
    usual = json.loads((finished("denoised") / "results.json").read_text())["metrics"]["test/psnr_noisy"]
    assert usual > stronger + 2


@pytest.mark.parametrize("data", ["iris", "diabetes"])
def test_other_data_than_pictures(train: Any, data: str) -> None:
    ran = train("model=autoencoder_tiny", f"data={data}", "debug=smoke", "logger=none")
    assert ran.code == 0, ran.err
    metrics = ran.json("results.json")["metrics"]
    assert "test/mse" in metrics and "test/psnr" not in metrics
    assert ("test/knn_accuracy" in metrics) == (data != "diabetes")
    assert not (ran.path / "pictures").exists()


def test_each_window_of_series_with_dates_has_an_error_and_a_code(train, finished) -> None:
    path = finished.files / "shops.csv"
    series = ("data=series", f"data.path={path}", "data.column=sold", "data.series_id=shop", "data.gaps=previous")
    ran = train(
        *("model=autoencoder_tiny", "task=reconstruction", *series, "data.window=7", "data.horizon=1"),
        *("trainer=cpu", "trainer.max_epochs=1", "logger=none"),
    )
    assert ran.code == 0, ran.err
    run = netyard.load(ran.path)
    rows = run.predict(path, codes=True)
    codes = [f"code_{place}" for place in range(1, run.net.latent_size + 1)]
    assert rows.columns == ["date", "shop", "reconstruction_error", *codes]
    assert (rows[0]["date"], rows[0]["shop"], rows[-1]["shop"]) == ("2024-01-07", "A", "B")
    assert run.predict()[0]["date"] > rows[0]["date"]
    decoded = run.generate(latent=[[row[name] for name in codes] for row in rows[:3]])
    assert len(decoded) == 3 and decoded.columns[:1] == ["sold_1"] and len(decoded.columns) == 14
