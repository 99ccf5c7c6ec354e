"""Linear layers with noise that is learned: exploration by the network itself."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class NoisyLinear(nn.Module):
    """``y = (W + S * e) x + b + s * f``, noise e, f drawn by ``draw``, its size S, s learned; (B, in) -> (B, out).

    The noise is factorised: e is the outer product of one vector for each side. In evaluation there is none.
    Fortunato et al. 2018, arXiv:1706.10295, with their initialisation.
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
        # Part of the state: a resumed run acts on with the noise it had.
        self.register_buffer("noise_in", torch.zeros(in_features))
        self.register_buffer("noise_out", torch.zeros(out_features))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        bound = 1 / math.sqrt(self.in_features)
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.uniform_(self.bias, -bound, bound)
        nn.init.constant_(self.weight_sigma, self.sigma * bound)
        nn.init.constant_(self.bias_sigma, self.sigma * bound)

    @torch.no_grad()
    def draw(self, generator: torch.Generator | None = None) -> None:
        """New noise."""
        for noise in (self.noise_in, self.noise_out):
            normal = torch.randn(noise.shape, generator=generator, device=noise.device)
            noise.copy_(normal.sign() * normal.abs().sqrt())

    def forward(self, x: Tensor) -> Tensor:
        y = F.linear(x, self.weight, self.bias)
        if not self.training:
            return y
        # The outer product is never made: (S * (f e^T)) x = f * (S (e * x)).
        return y + self.noise_out * (F.linear(x * self.noise_in, self.weight_sigma) + self.bias_sigma)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, sigma={self.sigma}"
