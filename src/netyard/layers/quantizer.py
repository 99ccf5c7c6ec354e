"""Vector quantisation: each vector is replaced by the nearest one of a codebook, and its gradient is passed through."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, distributed, nn

from netyard.ranges.bounds import Count, Part
from netyard.ranges.signature import check

DEAD = 0.1
"""A code is replaced if its share of the vectors is below this fraction of 1 / codebook_size."""


class Quantized(NamedTuple):
    """The quantised maps of an encoder, and the two losses of the VQ-VAE."""

    output: Tensor  # (B, D, H, W); its gradient is passed to the input unchanged (straight-through estimator)
    codes: Tensor  # (B, H, W), int64: indices into the codebook
    commitment: Tensor  # scalar, third term of eq. 3: its gradient moves the input towards the codes
    codebook: Tensor  # scalar, second term of eq. 3: its gradient moves the codes; 0 with moving averages


class Quantizer(nn.Module):
    """(B, embedding_size, H, W) -> ``Quantized``. van den Oord, Vinyals & Kavukcuoglu 2017, arXiv:1711.00937.

    With ``ema`` each code is the moving average of the vectors that are nearest to it (appendix A.1), else it is
    learned by the gradient of ``codebook``. In training a code that is rarely used is set to a vector of the batch; in
    the first step all codes are.

    Args:
        codebook_size: the number of codes, K in the paper.
        embedding_size: the length of a code, D in the paper.
        decay: of the moving averages of the codes and of how often they are used.

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
            # A buffer, not a parameter: it is updated without a gradient.
            self.register_buffer("codes", codes)
            # m of appendix A.1, divided by the number of vectors: batches of different sizes then count the same.
            self.register_buffer("sums", torch.zeros_like(codes))
        else:
            self.codes = nn.Parameter(codes)
        # N of appendix A.1, divided alike. Zeros, so that every code counts as unused in the first step, and is set.
        self.register_buffer("usage", torch.zeros(codebook_size))

    def forward(self, z: Tensor) -> Quantized:
        # In float32 under mixed precision too: bfloat16 cannot tell apart distances that differ by less than 0.4 %.
        vectors = z.movedim(1, -1).float()  # (B, H, W, D)
        if self.training:
            self._replace_unused(vectors.detach().flatten(0, -2))  # before the search, which may then choose them
        indices = self._nearest(vectors.detach())  # (B, H, W)
        chosen = self.codes[indices]  # (B, H, W, D)
        # Each loss moves one of the two only, hence detach: the stop-gradient of eq. 3.
        commitment = (vectors - chosen.detach()).square().mean()
        codebook = commitment.new_zeros(()) if self.ema else (chosen - vectors.detach()).square().mean()
        # The value is `chosen`, the gradient is that of `vectors`: argmin has none of its own.
        output = (vectors + (chosen - vectors).detach()).movedim(-1, 1).to(z.dtype)  # (B, D, H, W)
        if self.training:
            self._update_averages(vectors.detach().flatten(0, -2), indices.flatten())
        return Quantized(output, indices, commitment, codebook)

    def look_up(self, indices: Tensor) -> Tensor:
        """Return the vectors (B, D, H, W) of codes (B, H, W)."""
        return self.codes[indices].movedim(-1, 1)

    @torch.no_grad()
    def _nearest(self, vectors: Tensor) -> Tensor:
        # |v - e|^2 = |v|^2 - 2 v.e + |e|^2 without |v|^2, which is the same for every code e. As a matrix product it
        # needs (B, H, W, K) numbers, where the differences themselves would need D times as many.
        return (self.codes.square().sum(dim=1) - 2 * vectors @ self.codes.T).argmin(dim=-1)

    @torch.no_grad()
    def _replace_unused(self, vectors: Tensor) -> None:
        """Set codes that are rarely used to vectors (N, D) of the batch: no other vector would ever choose them."""
        # Evenly spaced in a batch that is in random order already: no random numbers, so a resumed run is the same.
        count = self.codebook_size
        places = torch.arange(count, device=vectors.device) * len(vectors) // count
        replacements = vectors[places]  # (K, D)
        if several_devices():
            distributed.broadcast(replacements, src=0)  # every device must hold the same codebook
        unused = self.usage < DEAD / count
        # `where` in place of indexing by a mask: it has a fixed shape, and needs no wait for the GPU.
        self.codes.copy_(torch.where(unused[:, None], replacements, self.codes))
        self.usage.copy_(torch.where(unused, 1 / count, self.usage))  # an average one, so that it is kept for a while
        if self.ema:
            self.sums.copy_(torch.where(unused[:, None], replacements / count, self.sums))  # sums = codes * usage

    @torch.no_grad()
    def _update_averages(self, vectors: Tensor, indices: Tensor) -> None:
        """Move the averages towards those of this batch, over all devices; eq. 6 to 8 of appendix A.1."""
        width = vectors.shape[1]
        totals = vectors.new_zeros(self.codebook_size, width + 1)
        # A column of ones beside the vectors counts them in the same pass, and in the same message between devices.
        totals.index_add_(0, indices, torch.cat([vectors, torch.ones_like(vectors[:, :1])], dim=1))
        if several_devices():
            distributed.all_reduce(totals)
        shares = totals / totals[:, -1].sum()  # (K, D + 1)
        self.usage.lerp_(shares[:, -1], 1 - self.decay)
        if self.ema:
            self.sums.lerp_(shares[:, :-1], 1 - self.decay)
            # Usage cannot be 0 here: what was below DEAD / K has just been set to 1 / K.
            self.codes.copy_(self.sums / self.usage[:, None])


def several_devices() -> bool:
    """Return whether several processes train together."""
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1
