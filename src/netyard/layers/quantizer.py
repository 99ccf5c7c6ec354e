"""Vector quantisation: each vector becomes the nearest of a codebook, and the gradient passes as if it had not."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, distributed, nn

from netyard.ranges.bounds import Count, Part
from netyard.ranges.signature import check

DEAD = 0.1
"""A code used less than this share of what an equal use would give it is revived."""


class Quantized(NamedTuple):
    """What a quantizer makes of the maps of an encoder."""

    output: Tensor  # (B, D, H, W), with the gradient of the input: the straight-through estimator
    codes: Tensor  # (B, H, W), int64
    commitment: Tensor  # scalar: how far the input is from its codes, which draws the input
    codebook: Tensor  # scalar: the same, which draws the codes; 0 where a moving average does


class Quantizer(nn.Module):
    """(B, embedding_size, H, W) -> ``Quantized``. van den Oord, Vinyals & Kavukcuoglu 2017, arXiv:1711.00937.

    The codes follow the vectors that they stand for: with ``ema`` as their moving average (appendix A.1), else by the
    gradient of ``codebook``. In training a code that is hardly used is moved onto a vector of the batch; so are all of
    them at first.

    Args:
        codebook_size: the number of codes K.
        embedding_size: the numbers D of each.
        decay: of the moving averages, of use and of codes.

    Raises:
        ArgumentError: a size below 1, a decay outside (0, 1).
    """

    codes: Tensor
    usage: Tensor
    sums: Tensor

    def __init__(self, codebook_size: Count, embedding_size: Count, ema: bool = True, decay: Part = 0.95) -> None:
        super().__init__()
        check(Quantizer, locals(), "model")
        self.codebook_size, self.ema, self.decay = codebook_size, ema, decay
        codes = torch.randn(codebook_size, embedding_size)
        if ema:
            self.register_buffer("codes", codes)
            self.register_buffer("sums", torch.zeros_like(codes))  # of the vectors of each code, as shares
        else:
            self.codes = nn.Parameter(codes)
        self.register_buffer("usage", torch.zeros(codebook_size))  # the share of vectors that each code stands for

    def forward(self, z: Tensor) -> Quantized:
        vectors = z.movedim(1, -1).float()  # (B, H, W, D)
        if self.training:
            self._revive(vectors.detach().flatten(0, -2))
        indices = self._nearest(vectors.detach())
        chosen = self.codes[indices]
        commitment = (vectors - chosen.detach()).square().mean()
        codebook = commitment.new_zeros(()) if self.ema else (chosen - vectors.detach()).square().mean()
        output = (vectors + (chosen - vectors).detach()).movedim(-1, 1).to(z.dtype)
        if self.training:
            self._follow(vectors.detach().flatten(0, -2), indices.flatten())
        return Quantized(output, indices, commitment, codebook)

    def look_up(self, indices: Tensor) -> Tensor:
        """Codes (B, H, W) -> their vectors (B, D, H, W)."""
        return self.codes[indices].movedim(-1, 1)

    @torch.no_grad()
    def _nearest(self, vectors: Tensor) -> Tensor:
        # |v - e|^2 without |v|^2, which is the same for every code.
        return (self.codes.square().sum(dim=1) - 2 * vectors @ self.codes.T).argmin(dim=-1)

    @torch.no_grad()
    def _revive(self, vectors: Tensor) -> None:
        # Evenly spaced in a batch that is in random order already: no random numbers, so a resumed run is the same.
        count = self.codebook_size
        places = torch.arange(count, device=vectors.device) * len(vectors) // count
        fresh = vectors[places]
        if several_devices():
            distributed.broadcast(fresh, src=0)
        dead = self.usage < DEAD / count
        self.codes.copy_(torch.where(dead[:, None], fresh, self.codes))
        self.usage.copy_(torch.where(dead, 1 / count, self.usage))
        if self.ema:
            self.sums.copy_(torch.where(dead[:, None], fresh / count, self.sums))

    @torch.no_grad()
    def _follow(self, vectors: Tensor, indices: Tensor) -> None:
        """Move the averages towards the batch's, of all devices."""
        width = vectors.shape[1]
        totals = vectors.new_zeros(self.codebook_size, width + 1)
        totals.index_add_(0, indices, torch.cat([vectors, torch.ones_like(vectors[:, :1])], dim=1))
        if several_devices():
            distributed.all_reduce(totals)
        shares = totals / totals[:, -1].sum()
        self.usage.lerp_(shares[:, -1], 1 - self.decay)
        if self.ema:
            self.sums.lerp_(shares[:, :-1], 1 - self.decay)
            self.codes.copy_(self.sums / self.usage[:, None])


def several_devices() -> bool:
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1
