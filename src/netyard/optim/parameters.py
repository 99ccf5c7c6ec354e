"""Which parameters are regularised, and the parameter groups of the optimizers."""

from __future__ import annotations

from typing import Any

from torch import nn

# Their weights may have several axes; those of all other normalisations are vectors, which never decay.
NORMALISATIONS = (nn.LayerNorm, nn.RMSNorm)


def regularised_parameters(module: nn.Module) -> list[nn.Parameter]:
    """Return the weight matrices and kernels, which weight decay and the L1 penalty pull towards zero.

    Biases and the weights of normalisations only shift and scale, and are too few to overfit (He et al. 2018,
    arXiv:1812.01187, section 3.1).
    """
    exempt = {
        parameter for layer in module.modules() if isinstance(layer, NORMALISATIONS) for parameter in layer.parameters()
    }
    return [parameter for parameter in module.parameters() if parameter.ndim > 1 and parameter not in exempt]


def parameter_groups(module: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Return two groups, of parameters with and without weight decay; one group if ``weight_decay`` is 0."""
    parameters = list(module.parameters())
    if weight_decay == 0:  # fewer groups are faster: an update runs once for each of them
        return [{"params": parameters}]
    decayed = regularised_parameters(module)
    return _without_empty(
        {"name": "decayed", "params": decayed, "weight_decay": weight_decay},
        {"name": "undecayed", "params": _rest(parameters, decayed), "weight_decay": 0.0},
    )


def muon_groups(module: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Return three groups: hidden matrices for Muon, and for AdamW parameters with and without weight decay."""
    hidden = hidden_matrices(module)
    decayed = _rest(regularised_parameters(module), hidden)
    undecayed = _rest(list(module.parameters()), hidden + decayed)
    return _without_empty(
        {"name": "hidden", "params": hidden, "use_muon": True, "weight_decay": weight_decay},
        {"name": "decayed", "params": decayed, "use_muon": False, "weight_decay": weight_decay},
        {"name": "undecayed", "params": undecayed, "use_muon": False, "weight_decay": 0.0},
    )


def hidden_matrices(module: nn.Module) -> list[nn.Parameter]:
    """Return the matrices between hidden layers, without embeddings and the output layer.

    The output layer is taken to be the last matrix or kernel in the order of registration.
    """
    # Jordan et al. 2024: embeddings and the output layer should be updated by AdamW.
    weights = regularised_parameters(module)
    with_repeats = [parameter for _, parameter in module.named_parameters(remove_duplicate=False)]
    # With duplicates: a tied output layer is registered first as the embedding, and last under its own name.
    output = [parameter for parameter in with_repeats if parameter in set(weights)][-1:]
    tables = [layer.weight for layer in module.modules() if isinstance(layer, nn.Embedding | nn.EmbeddingBag)]
    # Kernels have 4 axes and go to AdamW: torch's Muon takes matrices only, and does not flatten them.
    return [weight for weight in _rest(weights, output + tables) if weight.ndim == 2]


def _rest(parameters: list[nn.Parameter], taken: list[nn.Parameter]) -> list[nn.Parameter]:
    seen = set(taken)  # tensors hash by identity; `in` of a list would compare their values
    return [parameter for parameter in parameters if parameter not in seen]


def _without_empty(*groups: dict[str, Any]) -> list[dict[str, Any]]:
    return [group for group in groups if group["params"]]
