"""Weight decay of matrices and kernels only; every parameter is in exactly one group."""

import pytest
import torch
from torch import nn

from netyard.optim.parameters import hidden_matrices, muon_groups, parameter_groups, regularised_parameters


class Tied(nn.Module):
    """A language model in miniature: the output layer shares the embedding's table."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, 6)
        self.lstm = nn.LSTM(6, 6)
        self.norm = nn.LayerNorm([6])
        self.head = nn.Linear(6, 11)
        self.head.weight = self.embedding.weight


def convnet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.BatchNorm2d(4),
        nn.PReLU(4),
        nn.LayerNorm([4, 6, 6]),
        nn.Conv2d(4, 4, 3),
        nn.GroupNorm(2, 4),
        nn.Flatten(),
        nn.Linear(64, 8),
        nn.RMSNorm(8),
        nn.Linear(8, 2),
    )


NETS = {
    "convnet": convnet,
    "tied": Tied,
    "linear": lambda: nn.Linear(3, 1),
    "norm_only": lambda: nn.LayerNorm([2, 2]),
}


@pytest.mark.parametrize("grouping", [parameter_groups, muon_groups])
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("net", NETS.values(), ids=NETS)
def test_the_groups_hold_every_parameter_once(net, weight_decay, grouping):
    net = net()
    grouped = [id(parameter) for group in grouping(net, weight_decay) for parameter in group["params"]]
    assert sorted(grouped) == sorted(id(parameter) for parameter in net.parameters())


@pytest.mark.parametrize("grouping", [parameter_groups, muon_groups])
def test_vectors_and_normalisations_never_decay(grouping):
    net = convnet()
    decay = {id(p): group["weight_decay"] for group in grouping(net, 0.1) for p in group["params"]}
    for layer in net:
        for name, parameter in layer.named_parameters(recurse=False):
            expected = 0.1 if isinstance(layer, nn.Conv2d | nn.Linear) and name == "weight" else 0.0
            assert decay[id(parameter)] == expected, f"{layer} {name}"


def test_recurrent_matrices_decay_and_their_biases_do_not():
    net = nn.LSTM(3, 4, num_layers=2)
    assert len(regularised_parameters(net)) == 4  # input and hidden matrices of two layers


def test_without_decay_there_is_one_plain_group():
    net = convnet()
    (group,) = parameter_groups(net, 0.0)
    assert group == {"params": list(net.parameters())}


def test_no_group_is_empty():
    assert [group["name"] for group in parameter_groups(nn.Linear(3, 1, bias=False), 0.1)] == ["decayed"]
    assert [group["name"] for group in parameter_groups(nn.BatchNorm1d(3), 0.1)] == ["undecayed"]


def test_the_output_layer_and_embeddings_are_not_hidden():
    mlp = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 5), nn.ReLU(), nn.Linear(5, 2))
    assert [id(p) for p in hidden_matrices(mlp)] == [id(mlp[0].weight), id(mlp[2].weight)]
    assert hidden_matrices(nn.Linear(4, 2)) == []
    assert [tuple(p.shape) for p in hidden_matrices(Tied())] == [
        (24, 6),
        (24, 6),
    ]  # the LSTM's; the table is both


def test_a_final_kernel_is_the_output_layer():
    net = nn.Sequential(nn.Linear(4, 9), nn.Unflatten(1, (1, 3, 3)), nn.Conv2d(1, 1, 3))
    assert len(hidden_matrices(net)) == 1


def test_decay_shrinks_matrices_only():
    net = convnet()
    before = {name: parameter.detach().clone() for name, parameter in net.named_parameters()}
    optimizer = torch.optim.AdamW(parameter_groups(net, 0.5), lr=0.1)
    for parameter in net.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    decayed = {id(parameter) for parameter in regularised_parameters(net)}
    for name, parameter in net.named_parameters():
        torch.testing.assert_close(parameter.detach(), before[name] * (0.95 if id(parameter) in decayed else 1.0))
