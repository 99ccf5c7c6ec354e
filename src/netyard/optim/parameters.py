"""Which parameters are regularised, and the parameter groups that follow from it."""

from __future__ import annotations

from typing import Any

from torch import nn

# The two whose gain may have several axes; every other normalisation's is a vector, exempt by its shape.
NORMALISATIONS = (nn.LayerNorm, nn.RMSNorm)


def regularised_parameters(module: nn.Module) -> list[nn.Parameter]:
    """The weight matrices and kernels: what weight decay and the L1 penalty pull towards zero.

    Biases and the gains of normalisations set the place and scale of a layer rather than what it computes,
    and are too few to overfit (He et al. 2018, arXiv:1812.01187, section 3.1).
    """
    exempt = {
        parameter for layer in module.modules() if isinstance(layer, NORMALISATIONS) for parameter in layer.parameters()
    }
    return [parameter for parameter in module.parameters() if parameter.ndim > 1 and parameter not in exempt]


def parameter_groups(module: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Every parameter once: those that decay, then those that do not; one plain group if none does."""
    parameters = list(module.parameters())
    if weight_decay == 0:
        return [{"params": parameters}]
    decayed = regularised_parameters(module)
    return _without_empty(
        {"name": "decayed", "params": decayed, "weight_decay": weight_decay},
        {"name": "undecayed", "params": _rest(parameters, decayed), "weight_decay": 0.0},
    )


def muon_groups(module: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Every parameter once: the hidden matrices for Muon, then what AdamW decays, then what it does not."""
    hidden = hidden_matrices(module)
    decayed = _rest(regularised_parameters(module), hidden)
    undecayed = _rest(list(module.parameters()), hidden + decayed)
    return _without_empty(
        {"name": "hidden", "params": hidden, "use_muon": True, "weight_decay": weight_decay},
        {"name": "decayed", "params": decayed, "use_muon": False, "weight_decay": weight_decay},
        {"name": "undecayed", "params": undecayed, "use_muon": False, "weight_decay": 0.0},
    )


def hidden_matrices(module: nn.Module) -> list[nn.Parameter]:
    """The matrices that map one hidden representation to the next: neither an embedding nor the output layer.

    The output layer is known by its place: the last matrix or kernel in the order of registration.
    """
    weights = regularised_parameters(module)
    with_repeats = [parameter for _, parameter in module.named_parameters(remove_duplicate=False)]
    output = [parameter for parameter in with_repeats if parameter in set(weights)][-1:]  # may be a tied embedding
    tables = [layer.weight for layer in module.modules() if isinstance(layer, nn.Embedding | nn.EmbeddingBag)]
    return [weight for weight in _rest(weights, output + tables) if weight.ndim == 2]


def _rest(parameters: list[nn.Parameter], taken: list[nn.Parameter]) -> list[nn.Parameter]:
    seen = set(taken)  # tensors hash by identity, so this never compares values
    return [parameter for parameter in parameters if parameter not in seen]


def _without_empty(*groups: dict[str, Any]) -> list[dict[str, Any]]:
    return [group for group in groups if group["params"]]
