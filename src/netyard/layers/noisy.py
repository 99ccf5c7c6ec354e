"""Linear layers with noise of a learned size, for exploration in reinforcement learning."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class NoisyLinear(nn.Module):
    """``y = (W + S * e) x + b + s * f``: S and s are learned, the noise e and f is drawn by ``draw``.

    (B, in_features) -> (B, out_features). The noise is factorised: e is the outer product of an output and an input
    vector. Without noise in evaluation mode. Fortunato et al. 2018, arXiv:1706.10295, section 3, option (b).
    """

    noise_in: Tensor
    noise_out: Tensor

    def __init__(self, in_features: int, out_features: int, sigma: float = 0.5) -> None:
        super().__init__()
        self.in_features, self.out_features, self.sigma = in_features, out_features, sigma
        self.weight = nn.Parameter(torch.empty(out_features, in_features))
        self.bias = nn.Parameter(torch.empty(out_features))
        self.weight_sigma = nn.Parameter(torch.empty(out_features, in_features))
        self.bias_sigma = nn.Parameter(torch.empty(out_features))
        # Buffers, so that they are in the checkpoint: a resumed run continues with the same noise.
        self.register_buffer("noise_in", torch.zeros(in_features))
        self.register_buffer("noise_out", torch.zeros(out_features))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        # Section 3.2 of the paper: mu ~ U(-1/sqrt(p), 1/sqrt(p)) and sigma = sigma_0 / sqrt(p) for p inputs.
        bound = 1 / math.sqrt(self.in_features)
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.uniform_(self.bias, -bound, bound)
        nn.init.constant_(self.weight_sigma, self.sigma * bound)
        nn.init.constant_(self.bias_sigma, self.sigma * bound)

    @torch.no_grad()
    def draw(self, generator: torch.Generator | None = None) -> None:
        """Draw new noise from the generator."""
        for noise in (self.noise_in, self.noise_out):
            normal = torch.randn(noise.shape, generator=generator, device=noise.device)
            # f(x) = sgn(x) sqrt(|x|), after eq. 11: the product of two of these has a smaller variance than of two x.
            noise.copy_(normal.sign() * normal.abs().sqrt())

    def forward(self, x: Tensor) -> Tensor:
        y = F.linear(x, self.weight, self.bias)
        if not self.training:
            return y
        # Eq. 9 without the (out, in) noise matrix: with e = f g^T, (S * e) x = f * (S (g * x)); f is noise_out, and
        # serves the bias as well (eq. 11).
        return y + self.noise_out * (F.linear(x * self.noise_in, self.weight_sigma) + self.bias_sigma)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, sigma={self.sigma}"
