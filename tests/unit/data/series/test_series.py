"""A series split by time: windows of each split, no leakage from the future, and refused files."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import netyard
from netyard.data.series.series import Series
from netyard.data.series.tracks import Frame, Track
from netyard.data.series.windows import Windows
from netyard.data.tables.csv_reader import Table
from netyard.errors import ConfigError, DataError, PlatformError
from support.datasets import build

PARTS = ("train", "val", "test")


def write(path: Path, values: Sequence[Any], name: str = "y") -> Path:
    """A CSV file of a counter and the values."""
    path.write_text(f"step,{name}\n" + "".join(f"{step},{value}\n" for step, value in enumerate(values)))
    return path


def load(path: Path, column: str = "y", **changes: Any) -> Series:
    changes = {"window": 5, "horizon": 2, **changes}
    data = build("series", path=str(path), column=column, **changes)
    assert isinstance(data, Series)
    data.setup()
    return data


def windows(data: Series, part: str) -> Windows:
    found = data.split(part)
    assert isinstance(found, Windows)
    return found


def batches(loader: Any) -> list[tuple[Tensor, Tensor]]:
    return [(x, y) for x, y, _ in loader]


def wavy(steps: int, seed: int = 0) -> list[float]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(steps, generator=generator).cumsum(0).tolist()


def test_the_sunspots_are_those_of_noaa() -> None:
    data = build("sunspots")
    assert isinstance(data, Series)
    data.setup()
    assert windows(data, "train").series[:5].tolist() == [5, 11, 16, 23, 36]  # 1700 to 1704
    assert windows(data, "test").series[-1].item() == pytest.approx(2.9)  # 2008
    assert [len(data.split(part)) for part in PARTS] == [144, 39, 52]
    x, y = data.on_after_batch_transfer(next(iter(data.train_dataloader())), 0)
    assert x.shape == (16, 44, 1) and y.shape == (16, 11) and x.dtype == y.dtype == torch.float32
    assert [*x.shape[1:]] == data.input_shape == [data.sequence_length, data.input_size]
    assert (data.num_targets, data.horizon, data.season, data.vocab_size) == (11, 11, 11, None)


def test_finding_a_file_in_a_package_does_not_import_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "package_with_a_series"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError")
    source = Path(netyard.__file__).parent / "data" / "series" / "sunspots.csv"
    (package / "spots.csv").write_bytes(source.read_bytes())
    monkeypatch.syspath_prepend(tmp_path)
    data = build("sunspots", package=package.name, path="spots.csv")
    data.setup()
    assert len(data.split("train")) == 144


def test_a_series_of_ten_by_hand(tmp_path: Path) -> None:
    """Steps 0 to 5 are for training, 6 and 7 for validation, 8 and 9 for testing; a past may begin earlier."""
    path = write(tmp_path / "ten.csv", range(10))
    data = load(path, window=3, horizon=2, season=2, test_fraction=0.2, val_fraction=0.25)
    found = {part: (windows(data, part).x[..., 0].tolist(), windows(data, part).y.tolist()) for part in PARTS}
    assert found == {
        "train": ([[0, 1, 2], [1, 2, 3]], [[3, 4], [4, 5]]),
        "val": ([[3, 4, 5]], [[6, 7]]),
        "test": ([[5, 6, 7]], [[8, 9]]),
    }
    mean, std, scale = data.series_statistics()
    assert (mean.item(), scale.item()) == (2.5, 2.0)  # of 0 to 5; each value is 2 more than the one two before
    assert std.item() == pytest.approx((35 / 12) ** 0.5)
    assert all(each.dtype == torch.float32 and each.ndim == 0 for each in (mean, std, scale))


def test_the_scale_of_mase_by_hand(tmp_path: Path) -> None:
    path = write(tmp_path / "s.csv", [1, 5, 2, 7, 1, 9, 4, 4, 4, 4])
    scales = [
        load(path, window=3, horizon=1, season=season, test_fraction=0.2, val_fraction=0.25).series_statistics()[2]
        for season in (1, 2, 3)
    ]
    # |5-1| |2-5| |7-2| |1-7| |9-1|;  |2-1| |7-5| |1-2| |9-7|;  |7-1| |1-5| |9-2|
    assert [scale.item() for scale in scales] == pytest.approx([26 / 5, 6 / 4, 17 / 3])


@pytest.mark.parametrize(("window", "horizon"), [(1, 1), (5, 2), (2, 7), (20, 3)])
@pytest.mark.parametrize("fractions", [(0.2, 0.2), (0.35, 0.15)])
def test_targets_are_in_their_split_and_windows_in_order(
    tmp_path: Path, window: int, horizon: int, fractions: tuple[float, float]
) -> None:
    path = write(tmp_path / "s.csv", range(100))
    test, val = fractions
    data = load(path, window=window, horizon=horizon, test_fraction=test, val_fraction=val)
    ends = [0, round(100 * (1 - test) * (1 - val)), round(100 * (1 - test)), 100]
    for part, begin, end in zip(PARTS, ends, ends[1:], strict=False):
        first = max(begin, window)
        wanted = [list(range(step, step + horizon)) for step in range(first, end - horizon + 1)]
        assert windows(data, part).y.tolist() == wanted
        past = windows(data, part).x[..., 0]
        assert past.tolist() == [list(range(targets[0] - window, targets[0])) for targets in wanted]
    seen = [set(windows(data, part).y.flatten().tolist()) for part in PARTS]
    assert not seen[0] & seen[1] and not seen[1] & seen[2] and not seen[0] & seen[2]
    assert set().union(*seen) == set(range(window, 100))


def test_nothing_leaks_from_the_future(tmp_path: Path) -> None:
    """Change all steps after a split: its batches stay bit-identical."""
    values = wavy(200)
    data = load(write(tmp_path / "a.csv", values))
    train, val = 128, 32
    after_training = load(write(tmp_path / "b.csv", values[:train] + wavy(200 - train, seed=1)))
    after_validation = load(write(tmp_path / "c.csv", values[: train + val] + [1e6 + i for i in range(40)]))

    assert data.series_statistics() == after_training.series_statistics() == after_validation.series_statistics()
    for other in (after_training, after_validation):
        for before, after in zip(batches(data.train_dataloader()), batches(other.train_dataloader()), strict=True):
            assert torch.equal(before[0], after[0]) and torch.equal(before[1], after[1])
    (before,), (after,) = (batches(each.val_dataloader()) for each in (data, after_validation))
    assert torch.equal(before[0], after[0]) and torch.equal(before[1], after[1])

    # The changes were real: the part that they fell on has seen them.
    assert not torch.equal(before[1], batches(after_training.val_dataloader())[0][1])
    assert batches(after_validation.test_dataloader())[0][1].min() >= 1e6


def test_a_changed_step_affects_only_its_own_and_later_splits(tmp_path: Path) -> None:
    """Change one step at a time: training depends on the last step of its split, not on the first of the next."""
    values = wavy(60)
    train = windows(load(write(tmp_path / "a.csv", values)), "train")
    length = len(train.series)
    for step, seen in ((length - 1, True), (length, False)):
        changed = [*values[:step], 99.0, *values[step + 1 :]]
        other = windows(load(write(tmp_path / "b.csv", changed)), "train")
        assert torch.equal(train.y, other.y) != seen


def test_windows_are_views_of_one_series(tmp_path: Path) -> None:
    data = load(write(tmp_path / "s.csv", wavy(1000)), window=300, horizon=50)
    storages = {tensor.untyped_storage().data_ptr() for part in PARTS for tensor in (data.split(part).y,)}
    storages |= {windows(data, part).x.untyped_storage().data_ptr() for part in PARTS}
    assert len(storages) == 1 and windows(data, "train").x.untyped_storage().nbytes() == 4000
    assert windows(data, "train").num_bytes == 640 * 4
    moved = windows(data, "train").to(torch.device("cpu"))
    assert torch.equal(moved.x, windows(data, "train").x) and moved.x.stride(0) == 1


def test_a_million_steps_need_no_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    track = Track("", 0, 1_000_000, {"y": torch.randn(1_000_000).double().numpy()}, {})
    frame = Frame(Table(tmp_path / "it.csv", {"y": []}, []), [track], {"y": "target"})
    monkeypatch.setattr("netyard.data.series.series.read_frame", lambda settings, known: frame)
    data = load(tmp_path / "unread.csv", window=5000, horizon=500, batch_size=64)  # copies would take 14 GB
    x, y, _ = next(iter(data.train_dataloader()))
    assert x.shape == (64, 5000, 1) and y.shape == (64, 500)


def test_same_seed_same_order_and_another_in_the_next_epoch(tmp_path: Path) -> None:
    path = write(tmp_path / "s.csv", wavy(100))
    one, same, other = (load(path, batch_size=10, seed=seed).train_dataloader() for seed in (3, 3, 4))
    first, second = batches(one), batches(one)
    assert all(torch.equal(a[0], b[0]) for a, b in zip(first, batches(same), strict=True))
    assert not torch.equal(first[0][0], second[0][0])
    assert not torch.equal(first[0][0], batches(other)[0][0])


def test_a_subset_keeps_its_samples(tmp_path: Path) -> None:
    split = windows(load(write(tmp_path / "s.csv", range(50))), "train")
    taken = split.take(torch.tensor([4, 0]))
    assert taken.x[..., 0].tolist() == [[4, 5, 6, 7, 8], [0, 1, 2, 3, 4]] and taken.y.tolist() == [[9, 10], [5, 6]]


def test_a_blank_line_between_rows_is_a_missing_step(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    lines = ["y\n", *(f"{i * i}\n" for i in range(40))]
    path.write_text("".join(lines) + "\n\n")  # at the end it is none
    assert len(windows(load(path), "train").series) == 26
    for line in (2, 3, 41):
        path.write_text("".join([*lines[: line - 1], "\n", *lines[line - 1 :]]))
        with pytest.raises(DataError, match=f"line {line} of .* is blank, between two rows"):
            load(path)


def test_a_cell_of_several_lines_is_no_missing_step(tmp_path: Path) -> None:
    path = tmp_path / "notes.csv"
    rows = [f'{i * i},"a\nb\n{i}"\n' for i in range(40)]
    path.write_text("y,note\n" + "".join(rows))
    assert windows(load(path), "train").series[:4].tolist() == [0, 1, 4, 9]
    path.write_text("y,note\n" + "".join(rows[:2]) + "\n" + "".join(rows[2:]))
    with pytest.raises(DataError, match=r"line 8 of .* is blank"):
        load(path)


LONG = [str(i * i) for i in range(60)]


@pytest.mark.parametrize(
    ("values", "changes", "message"),
    [
        (LONG, {"column": "z"}, r"has no column 'z'; it has step, y; try data\.column=y\."),
        (LONG, {"column": "stop"}, r"has no column 'stop'; it has step, y; try data\.column=step\."),
        ([*LONG[:5], "", *LONG], {}, r"line 7 of column 'y' of .* is empty; a series has a finite number"),
        ([*LONG[:5], "NaN", *LONG], {}, "line 7 of column 'y' of .* is 'NaN'"),
        ([*LONG[:5], "rain", *LONG], {}, "line 7 of column 'y' of .* is 'rain'.*try another data.column"),
        ([*LONG, "inf"], {}, "line 62 of column 'y' of .* is 'inf'"),
        ([*LONG, "1e300"], {}, "line 62 of column 'y' of .* is '1e300'"),
        (["Rome", "Oslo"] * 30, {}, "line 2 of column 'y' of .* is 'Rome'"),
        ([4] * 60, {}, "is 4 at each of its 38 training steps; .*try another data.column"),
        ([0.1] * 60, {}, "is 0.1 at each of its 38 training steps"),
        ([4] * 80 + LONG[:10], {}, "is 4 at each"),
        ([1, 2, 3] * 20, {"season": 3}, r"repeats itself exactly every 3 steps .*try data\.season=1\."),
        ([1_700_000_000 + i for i in range(60)], {}, "too small compared with its values of about 1700000030"),
    ],
)
def test_refusals(tmp_path: Path, values: list[Any], changes: dict[str, Any], message: str) -> None:
    path = write(tmp_path / "s.csv", values)
    with pytest.raises(DataError, match=message) as caught:
        load(path, **changes)
    assert "\n" not in str(caught.value)


def test_a_missing_or_binary_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"No such file.*try data\.path=FILE\."):
        load(tmp_path / "nowhere.csv")
    (tmp_path / "bytes.csv").write_bytes(bytes(range(256)))
    with pytest.raises(DataError, match=r"not UTF-8 text.*try data\.path=FILE\."):
        load(tmp_path / "bytes.csv")


def test_a_package_that_is_not_installed() -> None:
    data = build("sunspots", package="no_such_package")
    with pytest.raises(
        PlatformError, match=r"package no_such_package, which contains .* is not installed; .*pip install"
    ):
        data.setup()
    assert "no_such_package" not in sys.modules


@pytest.mark.parametrize("steps", [1, 2, 9, 10, 20, 30, 35])
def test_a_short_series_is_refused_with_the_minimum_length_and_a_fitting_window(tmp_path: Path, steps: int) -> None:
    values = wavy(200)
    with pytest.raises(DataError, match=rf"has {steps} steps: .* need \d+ in all: .*; (try|use)") as caught:
        load(write(tmp_path / "short.csv", values[:steps]), window=20, horizon=3)
    message = str(caught.value)
    least = int(message.split(" in all")[0].split()[-1])
    assert least == 36  # 23 to train, 6 to validate, 7 to test
    assert len(load(write(tmp_path / "least.csv", values[:least]), window=20, horizon=3).split("train")) >= 1
    with pytest.raises(DataError, match=f"need {least}"):
        load(write(tmp_path / "less.csv", values[: least - 1]), window=20, horizon=3)
    if "try" in message:
        advice = dict(word.removeprefix("data.").split("=") for word in message.rstrip(".").split() if "=" in word)
        load(tmp_path / "short.csv", **{name: int(value) for name, value in advice.items()})
    else:
        assert steps < 9


def test_a_split_too_short_for_its_horizon(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"80 to train, 10 to validate and 10 to test.*try data\.window=20 .*horizon=10"
    ):
        load(write(tmp_path / "s.csv", wavy(100)), window=20, horizon=11, test_fraction=0.1, val_fraction=0.111)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"window": 0}, "window is 0; it must be a whole number at least 1"),
        ({"horizon": -1}, "horizon is -1"),
        ({"season": 0}, "season is 0"),
        ({"test_fraction": 1.0}, r"test_fraction is 1\.0"),
        ({"val_fraction": -0.1}, r"val_fraction is -0\.1"),
        ({"season": 6}, r"season is 6 and data\.window 5; the window must include a season.*try data\.window=6"),
        ({"sequence_length": 9}, r"sequence_length is 9, and the file has 5; .* follows from window and horizon"),
        ({"num_targets": 9}, r"num_targets is 9, and the file has 2; .* follows from window and horizon"),
    ],
)
def test_wrong_settings(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(Exception, match=message) as caught:
        load(write(tmp_path / "s.csv", wavy(100)), **changes)
    assert isinstance(caught.value.__cause__ or caught.value, ConfigError)


def test_a_test_series_of_its_own_leaves_all_steps_for_training(tmp_path: Path) -> None:
    path, other = write(tmp_path / "s.csv", wavy(100)), write(tmp_path / "other.csv", wavy(30))
    data = load(path, test_path=str(other), val_fraction=0.2)
    assert [len(data.split(part)) for part in ("train", "val", "test")] == [
        80 - data.window - data.horizon + 1,
        20 - data.horizon + 1,
        30 - data.window - data.horizon + 1,
    ]
    assert data.sources["test"] == str(other)
    whole = load(path, test_fraction=0, val_fraction=0)
    assert len(whole.split("train")) == 100 - whole.window - whole.horizon + 1 and not whole.has_split("val")
    with pytest.raises(DataError, match="has 3 steps; a window of"):
        load(path, test_path=str(write(tmp_path / "short.csv", wavy(3))))
