"""Muon and AdamW as one optimizer: each half as torch has it, one state, one lr."""

import copy
import pickle

import pytest
import torch
from torch import nn

from netyard.optim.muon import MuonAdamW
from netyard.optim.parameters import muon_groups
from netyard.optim.schedules import cosine


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 6), nn.LayerNorm(6), nn.Linear(6, 6), nn.Linear(6, 3)
    )


def batch(step: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(step)
    return torch.randn(5, 1, 4, 4, generator=generator), torch.randn(5, 3, generator=generator)


def train(module, optimizer, steps, scheduler=None) -> None:
    for step in steps:
        x, y = batch(step)
        optimizer.zero_grad()
        nn.functional.mse_loss(module(x), y).backward()
        optimizer.step()
        if scheduler:
            scheduler.step()


def equal(one: nn.Module, other: nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_updates_of_both_halves_are_those_of_torch(weight_decay):
    ours, theirs = net(), net()
    optimizer = MuonAdamW(muon_groups(ours, weight_decay), lr=0.01, weight_decay=weight_decay, betas=(0.8, 0.9))
    groups = [
        {key: group[key] for key in ("params", "weight_decay")} | {"muon": group["use_muon"]}
        for group in muon_groups(theirs, weight_decay)
    ]
    halves = [
        torch.optim.Muon([group for group in groups if group["muon"]], lr=0.01, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW([group for group in groups if not group["muon"]], lr=0.01, betas=(0.8, 0.9)),
    ]
    train(ours, optimizer, range(4))
    for step in range(4):
        x, y = batch(step)
        theirs.zero_grad()
        nn.functional.mse_loss(theirs(x), y).backward()
        for half in halves:
            half.step()
    assert equal(ours, theirs)


def test_a_schedule_moves_the_lr_of_both_halves():
    module = net()
    optimizer = MuonAdamW(muon_groups(module, 0.1), lr=0.02)
    assert {group["use_muon"] for group in optimizer.param_groups} == {True, False}
    train(module, optimizer, range(4), cosine(optimizer, 4, final_ratio=0.5))
    assert [group["lr"] for group in optimizer.param_groups] == [0.01] * 3
    before = copy.deepcopy(module)
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    train(module, optimizer, range(2))
    assert equal(module, before)


def test_a_restored_run_continues_bit_for_bit(tmp_path):
    whole = net()
    optimizer = MuonAdamW(muon_groups(whole, 0.1), lr=0.02)
    scheduler = cosine(optimizer, 8)
    train(whole, optimizer, range(4), scheduler)
    torch.save([part.state_dict() for part in (whole, optimizer, scheduler)], tmp_path / "half.ckpt")
    train(whole, optimizer, range(4, 8), scheduler)

    resumed = net()
    optimizer = MuonAdamW(muon_groups(resumed, 0.1), lr=0.5)
    scheduler = cosine(optimizer, 8)
    saved = torch.load(tmp_path / "half.ckpt", weights_only=True)
    for part, state in zip((resumed, optimizer, scheduler), saved, strict=True):
        part.load_state_dict(state)
    train(resumed, optimizer, range(4, 8), scheduler)
    assert equal(whole, resumed)


def test_a_copy_and_a_pickle_still_step():
    module = net()
    optimizer = MuonAdamW(muon_groups(module, 0.1), lr=0.02)
    train(module, optimizer, range(2))
    twin_module, twin = copy.deepcopy((module, optimizer))
    train(module, optimizer, range(2, 4))
    train(twin_module, twin, range(2, 4))
    assert equal(module, twin_module)
    assert len(pickle.loads(pickle.dumps(optimizer)).param_groups) == 3


def test_the_closure_is_called_once_with_gradients_on():
    module = net()
    optimizer = MuonAdamW(muon_groups(module, 0.0), lr=0.02)
    calls = []

    def closure():
        x, y = batch(0)
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(module(x), y)
        loss.backward()
        calls.append(loss.item())
        return loss

    assert optimizer.step(closure).item() == calls[0]
    assert len(calls) == 1


def test_a_network_without_hidden_matrices_is_updated_by_adamw():
    module = nn.Linear(4, 2)
    optimizer = MuonAdamW(muon_groups(module, 0.0), lr=0.02)
    module(torch.ones(1, 4)).sum().backward()
    optimizer.step()
    assert all(
        set(optimizer.state[parameter]) == {"step", "exp_avg", "exp_avg_sq"} for parameter in module.parameters()
    )


def test_groups_need_use_muon():
    with pytest.raises(ValueError, match=r"a parameter group has no use_muon; .*; try MuonAdamW\("):
        MuonAdamW(net().parameters(), lr=0.02)
    with pytest.raises(ValueError, match=r"shape \(6,\); it takes matrices only; try use_muon=False"):
        MuonAdamW([{"params": [nn.Parameter(torch.zeros(6))], "use_muon": True}])
