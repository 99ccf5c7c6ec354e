"""Schedules in fractions of a run: the values at the end are exact for any number of steps."""

import math
from itertools import pairwise

import pytest
import torch
from torch import nn

from netyard.config import catalog
from netyard.optim import schedules


def sgd(*lrs: float, **settings) -> torch.optim.Optimizer:
    groups = [{"params": [nn.Parameter(torch.zeros(2))], "lr": lr} for lr in lrs or (0.5,)]
    return torch.optim.SGD(groups, **settings)


def run(optimizer, schedule, steps: int) -> list[list[float]]:
    """The lrs of every group, before the first step and after each."""
    lrs = [[group["lr"] for group in optimizer.param_groups]]
    for _ in range(steps):
        optimizer.step()
        schedule.step()
        lrs.append([group["lr"] for group in optimizer.param_groups])
    return lrs


# name -> the part of the initial lr that is left at the end, with the settings of the file
AT_THE_END = {
    "constant": 1.0,
    "step": 0.1**3,
    "multistep": 0.1**2,
    "exponential": 0.01,
    "polynomial": 0.0,
    "cosine": 0.0,
    "warmup_cosine": 0.0,
    "one_cycle": 1 / (25 * 1e4),
    "plateau": 1.0,
}


def test_every_file_is_tested():
    assert sorted(AT_THE_END) == catalog.options("scheduler")


@pytest.mark.parametrize("total", [1, 2, 7, 100])
@pytest.mark.parametrize("name", AT_THE_END)
def test_the_last_lr_is_the_promised_one(name, total, chosen):
    optimizer = sgd(0.5, 0.02)
    schedule = chosen("scheduler", name)(optimizer, total)
    if name == "plateau":
        for _ in range(total):
            schedule.step(torch.tensor(1.0 / (1 + schedule.last_epoch)))  # always better
        lrs = [[group["lr"] for group in optimizer.param_groups]]
    else:
        lrs = run(optimizer, schedule, total)
    assert lrs[-1] == [0.5 * AT_THE_END[name], 0.02 * AT_THE_END[name]]
    assert all(0 <= lr <= 0.5 for pair in lrs for lr in pair)


@pytest.mark.parametrize("name", [name for name in AT_THE_END if name != "plateau"])
def test_no_step_is_lost_at_lr_zero(name, chosen):
    optimizer = sgd(0.5)
    lrs = run(optimizer, chosen("scheduler", name)(optimizer, 100), 99)
    assert all(lr > 0 for (lr,) in lrs)


@pytest.mark.parametrize("name", [name for name in AT_THE_END if name != "plateau"])
def test_steps_beyond_the_end_keep_the_last_lr(name, chosen):
    optimizer = sgd(0.5)
    lrs = run(optimizer, chosen("scheduler", name)(optimizer, 7), 12)
    assert len({lr for (lr,) in lrs[7:]}) == 1


@pytest.mark.parametrize("name", [name for name in AT_THE_END if name != "plateau"])
def test_a_longer_run_follows_the_longer_curve_after_resuming(name, chosen, tmp_path):
    optimizer = sgd(0.5, momentum=0.9)
    schedule = chosen("scheduler", name)(optimizer, 10)
    run(optimizer, schedule, 5)
    torch.save({"schedule": schedule.state_dict(), "optimizer": optimizer.state_dict()}, tmp_path / "half.ckpt")
    saved = torch.load(tmp_path / "half.ckpt", weights_only=True)

    resumed = sgd(0.5, momentum=0.9)
    schedule = chosen("scheduler", name)(resumed, 100)
    resumed.load_state_dict(saved["optimizer"])
    schedule.load_state_dict(saved["schedule"])
    whole = sgd(0.5, momentum=0.9)
    expected = run(whole, chosen("scheduler", name)(whole, 100), 100)
    assert run(resumed, schedule, 95)[1:] == expected[6:]
    assert resumed.param_groups[0]["momentum"] == whole.param_groups[0]["momentum"]


def test_step_drops_at_every_multiple_and_not_at_the_end():
    optimizer = sgd(1.0)
    lrs = run(optimizer, schedules.step(optimizer, 100, step_size=0.1, gamma=0.5), 100)
    assert [at for at in range(1, 101) if lrs[at] != lrs[at - 1]] == [10, 20, 30, 40, 50, 60, 70, 80, 90]


def test_multistep_drops_at_its_milestones():
    optimizer = sgd(1.0)
    lrs = [lr for (lr,) in run(optimizer, schedules.multistep(optimizer, 8, [0.5, 0.75], gamma=0.1), 8)]
    assert lrs == [1.0] * 4 + [0.1] * 2 + [0.1**2] * 3


def test_cosine_and_polynomial_are_half_way_down_half_way():
    for schedule in (schedules.cosine, schedules.polynomial):
        optimizer = sgd(1.0)
        lrs = run(optimizer, schedule(optimizer, 100), 50)
        assert lrs[-1] == [pytest.approx(0.5)]


def test_exponential_falls_by_one_percentage():
    optimizer = sgd(1.0)
    lrs = [lr for (lr,) in run(optimizer, schedules.exponential(optimizer, 20, final_ratio=0.25), 20)]
    assert all(after / before == pytest.approx(0.25 ** (1 / 20)) for before, after in pairwise(lrs))


def test_warmup_climbs_in_a_straight_line_to_the_optimizers_lr():
    optimizer = sgd(1.0)
    lrs = [lr for (lr,) in run(optimizer, schedules.warmup_cosine(optimizer, 40, warmup=0.1, final_ratio=0.2), 40)]
    assert lrs[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert lrs[4:] == sorted(lrs[4:], reverse=True)
    assert lrs[-1] == 0.2


def test_one_cycle_is_torchs_curve():
    ours, theirs = sgd(0.3, 0.5, momentum=0.9), sgd(0.3, 0.5, momentum=0.9)
    # torch ends a step early and starts its descent at pct_start * total - 1
    official = torch.optim.lr_scheduler.OneCycleLR(theirs, [0.3, 0.5], total_steps=101, pct_start=31 / 101)
    schedule = schedules.one_cycle(ours, 100, pct_start=0.3)
    for _ in range(100):
        for key in ("lr", "momentum"):
            assert [g[key] for g in ours.param_groups] == pytest.approx([g[key] for g in theirs.param_groups])
        for optimizer, scheduler in ((ours, schedule), (theirs, official)):
            optimizer.step()
            scheduler.step()


def test_one_cycle_leaves_plain_sgd_without_momentum():
    optimizer = sgd(0.3)
    run(optimizer, schedules.one_cycle(optimizer, 10), 5)
    assert optimizer.param_groups[0]["momentum"] == 0


def test_one_cycle_moves_the_first_beta_of_adam():
    optimizer = torch.optim.Adam([nn.Parameter(torch.zeros(2))], betas=(0.9, 0.99))
    schedule = schedules.one_cycle(optimizer, 10, pct_start=0.5)
    assert optimizer.param_groups[0]["betas"] == (0.95, 0.99)
    run(optimizer, schedule, 5)
    assert optimizer.param_groups[0]["betas"] == (0.85, 0.99)


@pytest.mark.parametrize(("mode", "scores"), [("min", [1.0, 2.0, 2.0]), ("max", [1.0, 0.5, 0.5])])
def test_plateau_halves_the_lr_after_its_patience(mode, scores):
    optimizer = sgd(1.0)
    schedule = schedules.plateau(optimizer, math.inf, mode=mode, factor=0.5, patience=1)
    lrs = []
    for score in scores:
        schedule.step(torch.tensor(score))
        lrs.append(optimizer.param_groups[0]["lr"])
    assert lrs == [1.0, 1.0, 0.5]


def test_an_endless_run_is_refused_where_the_end_matters():
    for name in AT_THE_END:
        schedule = getattr(schedules, name)
        settings = {"milestones": [0.5]} if name == "multistep" else {}
        if name in ("constant", "plateau"):
            schedule(sgd(), math.inf, **settings)
            continue
        with pytest.raises(ValueError, match=r"optimizer steps of the run is inf; .*finite.*; try trainer\.max_steps="):
            schedule(sgd(), math.inf, **settings)


@pytest.mark.parametrize(
    ("schedule", "settings"),
    [
        ("step", {"step_size": 0}),
        ("step", {"step_size": 30}),
        ("multistep", {"milestones": [0.5, 1.0]}),
        ("multistep", {"milestones": [0.5], "gamma": 0}),
        ("exponential", {"final_ratio": 0}),
        ("polynomial", {"power": 0}),
        ("cosine", {"final_ratio": -1}),
        ("warmup_cosine", {"warmup": 1}),
        ("warmup_cosine", {"warmup": math.nan}),
        ("one_cycle", {"pct_start": 1}),
        ("one_cycle", {"div_factor": 0}),
        ("one_cycle", {"final_div_factor": 0.5}),
        ("one_cycle", {"max_momentum": 1}),
        ("one_cycle", {"base_momentum": -1}),
        ("plateau", {"factor": 1}),
        ("plateau", {"patience": -1}),
        ("plateau", {"mode": "best"}),
    ],
)
def test_a_setting_out_of_range_is_refused(schedule, settings):
    name = "gamma" if "gamma" in settings else next(iter(settings))
    with pytest.raises(ValueError, match=rf"^{name} is .*; it must be .*; try scheduler\.{name}="):
        getattr(schedules, schedule)(sgd(), 10, **settings)


def test_the_constant_schedule_has_the_counters_of_torch():
    ours, theirs = sgd(0.5, 0.02), sgd(0.5, 0.02)
    constant, factor = schedules.constant(ours, 10), torch.optim.lr_scheduler.LambdaLR(theirs, lambda step: 1.0)
    assert run(ours, constant, 7) == run(theirs, factor, 7)
    assert constant.get_last_lr() == factor.get_last_lr()
    assert constant.state_dict().items() <= factor.state_dict().items()


@pytest.mark.parametrize(
    ("schedule", "settings", "message"),
    [
        ("step", {"step_size": 1.5}, "1.5; it must be a number above 0 and at most 1; try scheduler.step_size=0.3."),
        ("multistep", {"milestones": [0.0]}, "0.0; it must be a number above 0 and below 1; try scheduler.milestones="),
        ("multistep", {"milestones": [0.5, 1.0]}, "1.0; it must be a number above 0 and below 1; try scheduler.mi"),
        ("multistep", {"milestones": [0.5], "gamma": 0}, "0; it must be a number above 0; try scheduler.gamma=0.1."),
        ("exponential", {"final_ratio": 0}, "0; it must be a number above 0 and at most 1; try scheduler.final_rat"),
        ("polynomial", {"power": 0}, "0; it must be a number above 0; try scheduler.power=1."),
        ("warmup_cosine", {"warmup": 1}, "1; it must be a number at least 0 and below 1; try scheduler.warmup=0.1."),
        ("warmup_cosine", {"warmup": -0.1}, "-0.1; it must be a number at least 0 and below 1; try scheduler.warmup"),
        ("cosine", {"final_ratio": -0.1}, "-0.1; it must be a number at least 0 and at most 1; try scheduler.final"),
        ("one_cycle", {"pct_start": 0}, "0; it must be a number above 0 and below 1; try scheduler.pct_start=0.3."),
        ("one_cycle", {"div_factor": 0.9}, "0.9; it must be a number at least 1; try scheduler.div_factor=25."),
        ("one_cycle", {"final_div_factor": 0.9}, "0.9; it must be a number at least 1; try scheduler.final_div_fac"),
        ("one_cycle", {"base_momentum": 1}, "1; it must be a number at least 0 and below 1; try scheduler.base_mom"),
        ("one_cycle", {"max_momentum": 1}, "1; it must be a number at least 0 and below 1; try scheduler.max_mome"),
        ("plateau", {"mode": "best"}, "'best'; it must be one of min, max; try scheduler.mode=m"),
        ("plateau", {"factor": 0}, "0; it must be a number above 0 and below 1; try scheduler.factor=0.5."),
        ("plateau", {"patience": -1}, "-1; it must be a whole number at least 0; try scheduler.patience=3."),
    ],
)
def test_an_error_says_what_was_given_what_is_allowed_and_what_to_type(schedule, settings, message):
    with pytest.raises(ValueError) as refused:
        getattr(schedules, schedule)(sgd(), 10, **settings)
    assert str(refused.value).startswith(f"{[*settings][-1]} is {message}")


@pytest.mark.parametrize(
    ("schedule", "settings"),
    [
        ("step", {"step_size": 1}),
        ("multistep", {"milestones": [0.001, 0.999], "gamma": 0.001}),
        ("exponential", {"final_ratio": 0.001}),
        ("polynomial", {"power": 0.001}),
        ("warmup_cosine", {"warmup": 0, "final_ratio": 0}),
        ("warmup_cosine", {"warmup": 0.999}),
        ("one_cycle", {"div_factor": 1, "final_div_factor": 1, "base_momentum": 0, "max_momentum": 0}),
        ("one_cycle", {"pct_start": 0.001, "base_momentum": 0.999, "max_momentum": 0.999}),
        ("one_cycle", {"pct_start": 0.999}),
        ("plateau", {"patience": 0, "factor": 0.999}),
        ("plateau", {"factor": 0.001}),
    ],
)
def test_a_setting_at_its_bound_is_allowed(schedule, settings):
    getattr(schedules, schedule)(sgd(), 10, **settings)


ONE_CYCLE = {
    "pct_start": 0.3,
    "div_factor": 25.0,
    "final_div_factor": 1e4,
    "base_momentum": 0.85,
    "max_momentum": 0.95,
}


def drawn(schedule, **settings) -> list[float]:
    optimizer = sgd(1.0, momentum=0.9)
    return [lr for (lr,) in run(optimizer, schedule(optimizer, 20, **settings), 20)]


@pytest.mark.parametrize(
    ("schedule", "settings"),
    [
        (schedules.step, {"step_size": 0.3, "gamma": 0.1}),
        (schedules.exponential, {"final_ratio": 0.01}),
        (schedules.polynomial, {"power": 1.0}),
        (schedules.cosine, {"final_ratio": 0.0}),
        (schedules.warmup_cosine, {"warmup": 0.1, "final_ratio": 0.0}),
        (schedules.one_cycle, ONE_CYCLE),
    ],
)
def test_settings_that_are_left_out_are_the_documented_ones(schedule, settings):
    assert drawn(schedule) == drawn(schedule, **settings)


def test_multistep_and_plateau_have_defaults_too():
    assert drawn(schedules.multistep, milestones=[0.5]) == drawn(schedules.multistep, milestones=[0.5], gamma=0.1)
    plateau = schedules.plateau(sgd(), 10)
    assert (plateau.mode, plateau.factor, plateau.patience) == ("min", 0.5, 3)


def test_curves_by_hand():
    """At a tenth, a quarter and three quarters of the run."""
    for schedule, expected in (
        (lambda at: drawn(schedules.polynomial, power=2.0)[at], {2: 0.81, 5: 0.5625, 15: 0.0625}),
        (lambda at: drawn(schedules.cosine, final_ratio=0.5)[at], {5: 0.926777, 15: 0.573223, 20: 0.5}),
        (lambda at: drawn(schedules.exponential, final_ratio=0.0001)[at], {5: 0.1, 15: 0.001}),
        (lambda at: drawn(schedules.step, step_size=0.25, gamma=0.5)[at], {4: 1, 5: 0.5, 15: 0.125}),
        (lambda at: drawn(schedules.warmup_cosine, warmup=0.5)[at], {0: 1 / 11, 5: 6 / 11, 15: 0.5}),
    ):
        assert {at: schedule(at) for at in expected} == pytest.approx(expected, abs=1e-5)


def test_the_momentum_of_one_cycle_turns_with_the_lr_and_stays_at_the_end():
    optimizer = sgd(1.0, momentum=0.5)
    schedule = schedules.one_cycle(optimizer, 10, pct_start=0.5, base_momentum=0.2, max_momentum=0.8)
    momentum = [optimizer.param_groups[0]["momentum"]]
    for _ in range(13):
        optimizer.step()
        schedule.step()
        momentum.append(optimizer.param_groups[0]["momentum"])
    assert (momentum[0], momentum[5]) == pytest.approx((0.8, 0.2))
    assert momentum[10:] == pytest.approx([0.8] * 4)
    assert "momentum" not in schedule.state_dict()
