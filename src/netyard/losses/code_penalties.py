"""Penalties on the codes of autoencoders: for sparse codes, and for codes that change little with the input."""

from __future__ import annotations

import torch
from torch import Tensor

SPARSITIES = ("none", "l1", "kl")


def l1_sparsity(codes: Tensor) -> Tensor:
    """Codes ``(B, latent_size)`` -> scalar: the sum of the absolute values of each code, averaged over the batch."""
    return codes.abs().sum(dim=1).mean()


def kl_sparsity(codes: Tensor, target: float) -> Tensor:
    """Codes ``(B, latent_size)`` in (0, 1) -> scalar, in nats: ``sum_j KL(target || mean activation of unit j)``.

    The mean activation of each unit is moved towards ``target``. Ng 2011, "Sparse autoencoder", section 3.
    """
    smallest = torch.finfo(codes.dtype).eps  # the logarithm of a unit that is 0 for the whole batch would be infinite
    mean = codes.mean(dim=0).clamp(smallest, 1 - smallest)  # (latent_size,), rho-hat of the paper
    rho = torch.as_tensor(target, dtype=codes.dtype, device=codes.device)
    # xlogy is 0 for 0 * log 0, where a product would be NaN.
    return (torch.xlogy(rho, rho / mean) + torch.xlogy(1 - rho, (1 - rho) / (1 - mean))).sum()


def contraction(codes: Tensor, x: Tensor) -> Tensor:
    """Codes ``(B, latent_size)`` computed from ``x`` (B, ...), which requires grad -> scalar.

    The squared Frobenius norm of the Jacobian ``d code / d x`` of a sample, averaged over the batch; exact, by one
    batched backward pass for all units of the code, and differentiable. With batch norm in the encoder it is the
    derivative of the sum over the batch instead. Rifai et al. 2011, equation 1.
    """
    # Row i asks for the gradient of unit i, of all samples at once: each code depends on its own sample only.
    units = torch.eye(codes.shape[1], dtype=codes.dtype, device=codes.device)
    directions = units[:, None].expand(-1, len(codes), -1)  # (latent_size, B, latent_size)
    (slopes,) = torch.autograd.grad(codes, x, directions, is_grads_batched=True, create_graph=True)
    # (latent_size, B, ...): the sum over all of it is the sum of B squared Frobenius norms.
    return slopes.square().sum() / len(codes)
