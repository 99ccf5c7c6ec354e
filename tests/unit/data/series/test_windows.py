"""Windows of several series and channels: no border is crossed, and nothing is known before its time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from netyard.data.series.series import Series
from netyard.data.series.windows import ChannelWindows
from netyard.errors import DataError
from support.datasets import build
from support.forecasting_task import task_of

PARTS = ("train", "val", "test")
STEPS = 60


def write(path: Path, value: Callable[[str, int], object], shops: str = "AB", steps: int = STEPS) -> Path:
    """Rows of shops, whose values, temperatures and promotions are ``value``, 1000 + step and 1 on every fifth day."""
    rows = [
        f"{step},{shop},{value(shop, step)},{1000 + step},{step % 5 // 4},{size}"
        for shop, size in zip(shops, ("small", "large", "small", "large"), strict=False)
        for step in range(steps)
    ]
    path.write_text("\n".join(["step,shop,y,temp,promo,size", *rows]) + "\n")
    return path


def load(path: Path, **changes: Any) -> Series:
    given = {"column": "y", "date": "step", "series_id": "shop", "window": 5, "horizon": 2, **changes}
    data = build("series", path=str(path), **given)
    assert isinstance(data, Series)
    data.setup()
    return data


def value(shop: str, step: int) -> int:
    return step * step + (10_000 if shop == "B" else 0)


def test_no_window_has_steps_of_two_series(tmp_path: Path) -> None:
    data = load(write(tmp_path / "s.csv", value))
    for part in PARTS:
        split = data.split(part)
        assert isinstance(split, ChannelWindows)
        x, y = split.gather(torch.arange(len(split)))
        steps = torch.cat([x[..., 0], y], dim=1)
        shop = x[:, 0, -1]
        assert ((steps >= 10_000) == (shop == 1)[:, None]).all() and {*shop.tolist()} == {0, 1}
        roots = (steps - 10_000 * shop[:, None]).sqrt().round()
        assert (roots.diff(dim=1) == 1).all()
    assert torch.equal(data.split("train").y, torch.cat([y for _, y, _ in [*data._loaders().evaluation("train")]]))


def test_all_series_are_split_at_the_same_steps(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    rows = [f"{step},A,{step * step}" for step in range(60)] + [f"{step},B,{step * step}" for step in range(30, 60)]
    path.write_text("step,shop,y\n" + "\n".join(rows))
    data = load(path, val_fraction=0.2, test_fraction=0.2)
    ends = {"train": (5, 38), "val": (38, 48), "test": (48, 60)}
    for part, (begin, end) in ends.items():
        split = data.split(part)
        x, y = split.take(torch.arange(len(split))).x, split.y  # type: ignore[attr-defined]
        for number, first in ((0, 0), (1, 30)):
            steps = y[x[:, 0, -1] == number].sqrt().round()
            assert steps.min() >= max(begin, first + 5) and steps.max() == end - 1


def test_steps_ahead_have_what_is_known_in_advance_and_zeros(tmp_path: Path) -> None:
    data = load(write(tmp_path / "s.csv", value), past_covariates=["temp"], future_covariates=["promo"])
    split = data.split("test")
    assert isinstance(split, ChannelWindows)
    x, _ = split.gather(torch.arange(len(split)))
    assert data.layout.all_names == ["y", "temp", "promo", "series"] and x.shape[1:] == (7, 4)
    assert (x[:, 5:, :2] == 0).all() and (x[:, :5, 1] >= 1000).all()
    steps = x[:, :1, 1] - 1000 + torch.arange(7)
    assert torch.equal(x[..., 2], (steps % 5 == 4).float())


@pytest.mark.parametrize("normalize", ["series", "last", "window"])
def test_a_forecast_does_not_see_what_is_known_later(tmp_path: Path, normalize: str) -> None:
    """Change targets and past covariates of the future: forecasts stay; change the promotions: they do not."""
    columns = {"column": ["y", "temp"], "past_covariates": ["promo"], "future_covariates": ["step2"]}
    rows = ["step,shop,y,temp,promo,step2"]
    rows += [
        f"{step},{shop},{step * step % 37},{step % 11},{step % 7},{step % 3}" for shop in "AB" for step in range(60)
    ]
    path = tmp_path / "s.csv"
    path.write_text("\n".join(rows))
    data = load(path, **columns)
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(7 * 5, 4))
    task = task_of(
        net, 0.0, 1, normalize=normalize, num_outputs=4, num_columns=2, num_past=1, num_future=1, num_series=2
    )
    for buffer, given in zip((task.series_mean, task.series_std), data.series_statistics(), strict=False):
        buffer.copy_(given)
    x = data.split("test").take(torch.arange(8)).x  # type: ignore[attr-defined]
    with torch.no_grad():
        before = task(x)
        later = x.clone()
        later[:, 5:, :3] = torch.randn(8, 2, 3) * 100
        assert torch.equal(task(later), before)
        later[:, 5:, 3] += 1
        assert not torch.equal(task(later), before)


def test_a_file_with_another_future_has_the_same_windows_before_it(tmp_path: Path) -> None:
    options = {"past_covariates": ["temp"], "future_covariates": ["promo"], "static_covariates": ["size"]}
    one = load(write(tmp_path / "a.csv", value), **options)
    other = load(write(tmp_path / "b.csv", lambda shop, step: value(shop, step) if step < 48 else -step), **options)
    for part in ("train", "val"):
        a, b = (each.split(part).take(torch.arange(len(each.split(part)))) for each in (one, other))
        assert torch.equal(a.x, b.x) and torch.equal(a.y, b.y)  # type: ignore[attr-defined]
    assert all(torch.equal(a, b) for a, b in zip(one.series_statistics(), other.series_statistics(), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(one.covariate_statistics(), other.covariate_statistics(), strict=True))


def test_each_series_has_its_own_statistics(tmp_path: Path) -> None:
    data = load(write(tmp_path / "s.csv", lambda shop, step: (step * step % 37) * (3 if shop == "B" else 1)))
    mean, std, scale = data.series_statistics()
    assert mean.shape == std.shape == scale.shape == (2, 1)
    for each in (mean, std, scale):
        assert each[1].item() == pytest.approx(3 * each[0].item(), rel=1e-6)


def test_series_that_are_too_short_or_constant_are_left_out_and_told(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    rows = [f"{step},{shop},{7 if shop == 'C' else step * step % 11}" for shop in "ABC" for step in range(60)]
    rows += [f"{step},D,{step}" for step in range(34, 60)]
    path.write_text("step,shop,y\n" + "\n".join(rows))
    data = load(path)
    assert data.series_names == ["A", "B"] and data.num_series is None
    told = {each["why"].partition(":")[0]: each["why"] for each in data.left_out}
    assert "data.window=2" in told["D"] and "constant in training" in told["C"]
    rows = [f"{step},{'A' if step < 30 else 'B'},{step * step % 11}" for step in range(60)]
    path.write_text("step,shop,y\n" + "\n".join(rows))
    with pytest.raises(DataError, match=r"no series of .* has 37 training steps; the longest has 30"):
        load(path, window=35)


def test_static_covariates_are_one_hot_and_do_not_change(tmp_path: Path) -> None:
    data = load(write(tmp_path / "s.csv", value), static_covariates=["size"])
    assert data.layout.all_names == ["y", "size=large", "size=small", "series"]
    x = data.split("train").take(torch.arange(len(data.split("train")))).x  # type: ignore[attr-defined]
    assert torch.equal(x[..., 1], x[..., 3]) and torch.equal(x[..., 2], 1 - x[..., 3])
    with pytest.raises(DataError, match=r"column 'temp' of .* has the values .* a static covariate has one value"):
        load(tmp_path / "s.csv", static_covariates=["temp"])


def test_the_calendar_is_that_of_the_dates(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text("day,y\n" + "\n".join(f"2021-{1 + day // 28:02}-{day % 28 + 1:02},{day % 9}" for day in range(28)))
    data = load(path, date=None, series_id=None, calendar=["weekday", "month"], val_fraction=0, test_fraction=0)
    x = data.split("train").take(torch.tensor([0])).x[0]  # type: ignore[attr-defined]
    assert data.layout.all_names[1] == "weekday=monday" and x.shape == (7, 11)
    assert x[:, 1:8].argmax(dim=1).tolist() == [4, 5, 6, 0, 1, 2, 3]  # 2021-01-01 was a Friday
    assert (x[:, 8] == 0).all() and (x[:, 9] == 1).all()  # sine and cosine of January
