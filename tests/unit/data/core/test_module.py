"""Every data set that needs no network: its facts, its parts, its batches."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch

from netyard.data.core.module import DataModule
from netyard.data.core.tensors import Split, TensorSplit, check_finite, check_labels
from netyard.data.images.augment import ImageAugmentation
from netyard.data.images.fake import FakeImages
from netyard.data.tables.scikit import ScikitData
from netyard.errors import ConfigError, DataError
from support.datasets import CONF, build

OFFLINE = ["digits", "iris", "wine", "breast_cancer", "diabetes", "fake"]
PARTS = ["train", "val", "test"]


def first_batch(data: DataModule, part: str = "train") -> tuple[torch.Tensor, torch.Tensor]:
    return data.on_after_batch_transfer(next(iter(getattr(data, f"{part}_dataloader")())), 0)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("name", OFFLINE)
def test_facts_are_those_of_the_batch(name: str, part: str) -> None:
    data = build(name)
    x, y = first_batch(data, part)
    assert x.dtype == torch.float32 and list(x.shape[1:]) == data.input_shape
    assert x.isfinite().all()
    if data.num_targets is not None:
        assert y.dtype == torch.float32 and y.shape == (len(x), data.num_targets)
    else:
        assert y.dtype == torch.int64 and y.shape == (len(x),)
        everything = torch.cat([data.split(part).y for part in PARTS])
        assert everything.unique().tolist() == list(range(data.num_classes or 0))
        assert data.class_names is not None and len(data.class_names) == data.num_classes
    if part == "train":
        assert len(x) == data.batch_size


@pytest.mark.parametrize("name", OFFLINE)
def test_training_inputs_have_mean_0_and_std_1(name: str) -> None:
    data = build(name)
    split = data.split("train")
    x, _ = data.prepare(split.x, split.y)
    axes = [0, *range(2, x.ndim)]
    # Tables are standardised column by column; the pictures' facts are rounded, and of all pictures.
    tolerance = 1e-4 if x.ndim == 2 else 0.1
    assert x.mean(dim=axes).abs().max() < tolerance
    assert (x.std(dim=axes, correction=0) - 1).abs().max() < tolerance


@pytest.mark.parametrize("name", OFFLINE)
def test_parts_are_every_sample_once(name: str) -> None:
    data = build(name)
    data.setup()
    whole = build(name).read()["train"]
    x = whole.x
    if data.image_size is None:
        x = (x - torch.tensor(data.mean)) / torch.tensor(data.std)

    def samples(x: torch.Tensor, y: torch.Tensor) -> Counter[tuple[bytes, bytes]]:
        return Counter((a.numpy().tobytes(), b.numpy().tobytes()) for a, b in zip(x, y, strict=True))

    parts = [samples(data.split(part).x, data.split(part).y) for part in PARTS]
    assert sum(parts, Counter()) == samples(x, whole.y)


@pytest.mark.parametrize("name", ["digits", "iris", "wine", "breast_cancer"])
def test_classes_keep_their_shares(name: str) -> None:
    data = build(name)
    shares = [torch.bincount(data.split(part).y, minlength=data.num_classes) / len(data.split(part)) for part in PARTS]
    assert (shares[0] - shares[1]).abs().max() < 0.07
    assert (shares[0] - shares[2]).abs().max() < 0.02


def test_split_seed_moves_validation_and_nothing_moves_test() -> None:
    plain, other_seed, other_split = build("digits"), build("digits", seed=5), build("digits", split_seed=5)
    for part in PARTS:
        assert torch.equal(plain.split(part).y, other_seed.split(part).y)
    assert torch.equal(plain.split("test").x, other_split.split("test").x)
    assert not torch.equal(plain.split("val").x, other_split.split("val").x)


def test_seed_decides_order_and_augmentation() -> None:
    def run(**changes: Any) -> torch.Tensor:
        return torch.stack([y for _, y, _ in build("digits", **changes).train_dataloader()])

    assert torch.equal(run(), run())
    assert not torch.equal(run(), run(seed=1))


def test_number_of_workers_is_accepted_everywhere() -> None:
    for name in OFFLINE:
        x, _ = first_batch(build(name, num_workers=2))
        assert len(x)


def test_statistics_come_from_training_alone() -> None:
    class Leaky(DataModule):
        def read(self) -> dict[str, Split]:
            zeros = torch.zeros(4, dtype=torch.long)
            train = TensorSplit(torch.tensor([[0.0, 7], [2, 7], [0, 7], [2, 7]]), zeros)
            return {
                "train": train,
                "val": TensorSplit(torch.full((4, 2), 1e6), zeros),
                "test": TensorSplit(torch.zeros(4, 2), zeros),
            }

    data = Leaky()
    data.setup()
    assert data.mean == [1.0, 7.0] and data.std == [1.0, 1.0]  # a constant column is left alone
    assert data.split("train").x[:, 0].tolist() == [-1, 1, -1, 1]


def test_data_are_read_once() -> None:
    data = build("digits")
    data.setup("fit")
    part = data.split("train")
    data.setup("test")
    assert data.split("train") is part


def test_denormalize_undoes_prepare() -> None:
    for name in ("digits", "fake"):
        data = build(name)
        split = data.split("test")
        x, _ = data.prepare(split.x, split.y)
        torch.testing.assert_close(data.denormalize(x), split.x / data.max_value, rtol=0, atol=1e-5)


def test_both_ways_of_normalising_agree() -> None:
    data, augmented = build("digits"), build("digits", "standard")
    augmented.augmentation = ImageAugmentation()  # a way round that changes nothing
    split = data.split("train")
    key = torch.zeros(len(split), dtype=torch.long)
    torch.testing.assert_close(augmented.prepare(split.x, split.y, key)[0], data.prepare(split.x, split.y)[0])


def test_mixed_targets_are_shares_of_classes() -> None:
    data = build("digits", "mixup")
    x, y, key = next(iter(data.train_dataloader()))
    _, soft = data.prepare(x, y, key)
    assert soft.shape == (64, 10) and soft.dtype == torch.float32
    torch.testing.assert_close(soft.sum(dim=1), torch.ones(64))
    _, hard = data.prepare(x, y)  # evaluation
    assert hard.dtype == torch.int64


def test_target_statistics_are_of_training_in_original_units() -> None:
    data = build("diabetes")
    mean, std = data.target_statistics()
    y = data.split("train").y
    torch.testing.assert_close(mean, y.mean(dim=0))
    torch.testing.assert_close(std, y.std(dim=0, correction=0))
    assert 100 < mean.item() < 200
    with pytest.raises(ConfigError, match="try task=classification"):
        build("digits").target_statistics()


def test_fake_data_are_a_function_of_the_index_and_can_be_learned() -> None:
    small, large = build("fake", size=50).read()["train"], build("fake", size=90, seed=7).read()["train"]
    assert torch.equal(small.x, large.x[:50]) and torch.equal(small.y, large.y[:50])
    train, test = (build("fake").split(part) for part in ("train", "test"))
    centres = torch.stack([train.x[train.y == label].float().mean(dim=0) for label in range(10)])
    nearest = torch.cdist(test.x.float().flatten(1), centres.flatten(1)).argmin(dim=1)
    assert (nearest == test.y).float().mean() > 0.95


def test_fake_data_take_any_shape() -> None:
    data = build("fake", num_classes=1000, channels=1, image_size=7, size=60, batch_size=4)
    x, y = first_batch(data)
    assert x.shape == (4, 1, 7, 7) and y.max() < 1000
    with pytest.raises(Exception, match="num_classes is 0; it must be a whole number at least 2"):
        build("fake", num_classes=0)
    with pytest.raises(ConfigError, match=r"try data\.num_classes=10"):
        FakeImages().setup()


def test_evaluation_batches_are_larger_where_pictures_are_small() -> None:
    assert len(next(iter(build("digits").val_dataloader()))[0]) == 144  # all of them
    assert build("fake", image_size=224, size=3, batch_size=4).evaluation_batch_size() == 27
    assert build("digits", eval_batch_size=10).evaluation_batch_size() == 10


@pytest.mark.parametrize("name", ["iris", "diabetes"])
def test_tables_have_no_augmentation(name: str) -> None:
    with pytest.raises(Exception, match="try augmentation=none") as caught:
        build(name, "standard")
    assert isinstance(caught.value.__cause__ or caught.value, ConfigError)


def test_refusals() -> None:
    with pytest.raises(Exception, match="batch_size is 0; it must be a whole number at least 1"):
        build("digits", batch_size=0)
    with pytest.raises(DataError, match=r"label 9 of train sample \d+ is out of range; labels are 0 to 8"):
        build("digits", num_classes=9).setup()
    with pytest.raises(DataError, match=r"shape \[1, 8, 8\], data.input_shape is \[1, 16, 16\]"):
        build("digits", image_size=16).setup()
    with pytest.raises(DataError, match=r"inputs of sample 1 hold NaN or infinity \(2 such"):
        check_finite(torch.tensor([[0.0], [float("nan")], [float("inf")]]), "inputs")
    with pytest.raises(DataError, match="label -1"):
        check_labels(torch.tensor([0, -1]), 3, "train")


@pytest.mark.parametrize("path", sorted((CONF / "data").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_file_opens_with_what_it_is_and_has_the_common_keys(path: Any) -> None:
    text = path.read_text()
    assert text.startswith("# ")
    common = ["batch_size", "eval_batch_size", "seed", "num_workers", "augmentation"]
    assert all(f"\n{key}: " in text for key in common)
    tokens = "\ninput_size: null" in text and "steps are numbers, not tokens" not in text
    assert ("\ninput_shape: " in text) != tokens, "tokens have no shape, numbers have one"
    if "\nnum_envs: " in text:  # an environment is lived through and not cut
        return
    assert "\nval_fraction: " in text
    labelled = "\nnum_classes: " in text or "\nnum_targets: " in text
    assert ("\nnum_folds: null" in text and "\nfold: null" in text) == (labelled and "\nsplit_seed: " in text)
    assert "\nsplit_seed: " in text or "the end of the" in text or "the last" in text, "cut at random, or in order"


def test_pixel_statistics_bring_a_picture_back() -> None:
    data = FakeImages(num_classes=2, channels=3, image_size=4, size=40)
    stored = data.split("train").x[:5]
    x, _ = data.prepare(stored, torch.zeros(5).long())
    mean, std = data.pixel_statistics()
    assert mean.shape == std.shape == (3, 1, 1)
    assert torch.allclose(x * std + mean, stored / 255, atol=1e-6)
    table = ScikitData(dataset="wine", num_classes=3, num_features=13)
    assert [each.tolist() for each in table.pixel_statistics()] == [[0.0], [1.0]]


def test_pictures_are_all_of_a_part_as_they_are_chosen_by_a_seed() -> None:
    data = build("digits")
    parts = list(data.real_samples("test", batch_size=100))
    x, y = (torch.cat(part) for part in zip(*parts, strict=True))
    split = data.split("test")
    assert [len(part) for part, _ in parts] == [90, 90, 90, 89] and x.min() == 0 and x.max() == 1
    assert torch.equal(
        x.flatten(1).sum(dim=1).sort().values, (split.x.float() / 16).flatten(1).sum(dim=1).sort().values
    )
    assert y.bincount().tolist() == split.y.bincount().tolist() and not torch.equal(y, split.y)
    few, again, other = (next(data.real_samples("test", 10, seed=seed))[0] for seed in (0, 0, 1))
    assert torch.equal(few, again) and torch.equal(few, x[:10]) and not torch.equal(few, other)


def test_the_content_of_a_part_tells_it_from_any_other() -> None:
    first, second = (build("digits", split_seed=seed) for seed in (0, 1))
    assert torch.equal(first.split("test").content["x"], second.split("test").content["x"])
    assert not torch.equal(first.split("val").content["y"], second.split("val").content["y"])


def test_the_summary_counts_samples_of_each_split_and_class() -> None:
    # 150 samples, 50 of each class: a fifth tests, a tenth of the other 120 validates.
    found = build("iris").summary()
    assert [found["splits"][part]["samples"] for part in PARTS] == [108, 12, 30]
    assert found["classes"] == {"setosa": 36, "versicolor": 36, "virginica": 36}
    assert found["splits"]["val"]["source"] == "drawn from the training samples, val_fraction=0.1"
    assert found["left_out"] == []


def test_the_summary_draws_no_random_numbers() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    build("digits").summary()
    assert torch.equal(torch.get_rng_state(), before)


def test_the_summary_names_the_fold_and_what_was_left_out() -> None:
    class Own(DataModule):
        def read(self) -> dict[str, Split]:
            self.leave_out("rows", 3, "the price is empty")
            y = torch.arange(20) % 2
            return {
                "train": TensorSplit(torch.arange(40.0).view(20, 2), y),
                "test": TensorSplit(torch.zeros(2, 2), y[:2]),
            }

    found = Own(num_classes=2, num_folds=5, fold=1).summary()
    assert found["splits"] == {
        "train": {"samples": 16, "source": "the data set"},
        "val": {"samples": 4, "source": "fold 1 of 5 of the training samples"},
        "test": {"samples": 2, "source": "the data set"},
    }
    assert found["left_out"] == [{"what": "rows", "count": 3, "why": "the price is empty"}]


def test_balanced_training_shows_each_class_equally_often_and_evaluation_every_sample_once() -> None:
    data = build("breast_cancer", sampler="balanced", batch_size=8)
    seen = torch.cat([y for _, y, _ in data.train_dataloader()]).bincount().tolist()
    assert abs(seen[0] - seen[1]) <= 8, "but for what is left out at the end of an epoch"
    for loader, name in ((data.val_dataloader(), "val"), (data.plain_train_dataloader(), "train")):
        labels = torch.cat([y for _, y, _ in loader])
        assert len(data.split(name)) - len(labels) < 8
    with pytest.raises(ConfigError, match=r"no classes; .*; try data\.sampler=uniform\."):
        build("diabetes", sampler="balanced").setup()


@pytest.mark.parametrize(("subset", "expected"), [(30, [10, 10, 10]), (0.5, [18, 18, 18]), (1.0, [36, 36, 36])])
def test_a_subset_is_stratified(subset: float, expected: list[int]) -> None:
    data, whole = build("iris", subset=subset), build("iris")
    found = data.summary()
    assert list(found["classes"].values()) == expected
    assert found["splits"]["train"]["source"] == f"scikit-learn's iris, {sum(expected)} of 108 by data.subset"
    assert torch.equal(data.split("test").y, whole.split("test").y)
    assert torch.equal(data.split("train").y, build("iris", subset=subset, seed=9).split("train").y)


def test_a_subset_that_does_not_exist_is_refused() -> None:
    with pytest.raises(DataError, match=r"data\.subset is 109 of 108 training samples; .*try data\.subset=54"):
        build("iris", subset=109).setup()
    with pytest.raises(Exception, match=r"try data\.subset="):
        build("iris", subset=1.5)


def test_a_table_is_standardised_on_the_samples_of_the_normal_classes() -> None:
    data = build("wine", normal="class_1")
    data.setup()
    train = data.split("train")
    normal = train.x[train.y == 1]
    torch.testing.assert_close(normal.mean(dim=0), torch.zeros(13), rtol=0, atol=1e-5)
    torch.testing.assert_close(normal.std(dim=0, correction=0), torch.ones(13), rtol=1e-4, atol=0)
    assert train.x.mean(dim=0).abs().max() > 0.1
