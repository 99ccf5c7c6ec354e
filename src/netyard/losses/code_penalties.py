"""Penalties on codes: sparse ones, and ones that move little when the input does."""

from __future__ import annotations

import torch
from torch import Tensor

SPARSITIES = ("none", "l1", "kl")


def l1_sparsity(codes: Tensor) -> Tensor:
    """Codes ``(B, latent_size)`` -> scalar: the sum of absolute values of a code, its mean over the batch."""
    return codes.abs().sum(dim=1).mean()


def kl_sparsity(codes: Tensor, target: float) -> Tensor:
    """Codes ``(B, latent_size)`` in (0, 1) -> scalar, in nats: ``sum_j KL(target || mean activation of unit j)``.

    Each unit is to be on for a share ``target`` of the batch. Ng 2011, "Sparse autoencoder", section 3.
    """
    smallest = torch.finfo(codes.dtype).eps  # a unit that is off for a whole batch has a slope, not an infinity
    mean = codes.mean(dim=0).clamp(smallest, 1 - smallest)
    rho = torch.as_tensor(target, dtype=codes.dtype, device=codes.device)
    return (torch.xlogy(rho, rho / mean) + torch.xlogy(1 - rho, (1 - rho) / (1 - mean))).sum()


def contraction(codes: Tensor, x: Tensor) -> Tensor:
    """Codes ``(B, latent_size)`` computed from ``x`` (B, ...), which requires grad -> scalar.

    The squared Frobenius norm of a sample's Jacobian ``d code / d x``, its mean over the batch; exact, by one backward
    pass for all numbers of a code at once, and differentiable itself. With batch norm in the encoder, the slope along
    the sum of the batch. Rifai et al. 2011, equation 1.
    """
    units = torch.eye(codes.shape[1], dtype=codes.dtype, device=codes.device)
    directions = units[:, None].expand(-1, len(codes), -1)  # (latent_size, B, latent_size)
    (slopes,) = torch.autograd.grad(codes, x, directions, is_grads_batched=True, create_graph=True)
    return slopes.square().sum() / len(codes)
