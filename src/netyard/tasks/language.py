"""Language modelling: the next token of a text, learned by truncated backpropagation through time."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn

from netyard.errors import ArgumentError
from netyard.ranges.bounds import Count, Index, NotNegative
from netyard.ranges.signature import check
from netyard.tasks.interfaces import BoundedLength, TokenStream, lacks
from netyard.tasks.learner import Learner
from netyard.tasks.parts.decoding import State, check_top_k, sample
from netyard.tasks.parts.tokens import IGNORED, NUM_SPECIAL, PADDING, check_vocabulary, token_loss
from netyard.tasks.signature import ExportSignature, Score, TensorSpec, mean_likelihood


class LanguageModel(Protocol):
    """What the task needs of a net: logits (B, T, V), each step's from it and those before, and the state then."""

    def unroll(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]: ...


class Text(Protocol):
    """What generation needs of data."""

    def encode(self, text: str) -> Tensor: ...

    def decode(self, tokens: Tensor) -> str: ...


class Language(Learner):
    """Learns ``net.unroll(x) -> (B, T, num_outputs)`` logits from batches ``(x, y)`` of tokens (B, T), y those after x.

    Row b of a batch continues row b of the one before, so the net's state is carried from batch to batch, and the
    gradient ends where the batch begins: truncated backpropagation through time. Williams & Peng 1990; Mikolov et al.
    2010. An epoch, a validation and a test each start afresh. Targets of -100, which only an evaluation has, count for
    nothing.

    Logs ``loss``, ``perplexity``, the exponential of the mean negative log-likelihood of a token, and
    ``bits_per_character``, which can be compared between vocabularies. Every token of an epoch weighs the same.

    Args:
        net: see ``LanguageModel``.
        loss: of logits (N, V) and labels (N,), averaged over the tokens.
        num_outputs: the number of tokens V in the vocabulary.
        optimizer, scheduler, monitor, mode: see ``Learner``.

    Raises:
        ArgumentError: no vocabulary, a loss that is none of logits and labels, a net that cannot be unrolled or that
            sees tokens to come.
    """

    token_lengths: Tensor

    def __init__(
        self,
        net: nn.Module,
        loss: nn.Module,
        optimizer: partial[torch.optim.Optimizer],
        scheduler: Callable[..., Any],
        num_outputs: Count,
        monitor: str = "val/perplexity",
        mode: Literal["min", "max"] = "min",
    ) -> None:
        super().__init__(net, loss, optimizer, scheduler, monitor, mode)
        check_vocabulary(num_outputs, loss, "language", data="python_source")
        check(Language, locals(), "task")
        check_causal(net, num_outputs)
        self.num_outputs = num_outputs
        # In characters, one each until the data says. Not integers, which an average of weights would cut.
        self.register_buffer("token_lengths", (torch.arange(num_outputs) != PADDING).float())
        self._state: State | None = None
        self._next_state: State | None = None
        self._evaluation_state: State | None = None

    def setup(self, stage: str) -> None:
        if stage == "fit" and not isinstance(self.trainer.datamodule, TokenStream):
            raise ArgumentError(
                f"{type(self.trainer.datamodule).__name__} is no text;",
                "task language needs data that know the lengths of their tokens;",
                "try data=python_source.",
            )

    def forward(self, x: Tensor) -> Tensor:
        """Tokens (B, T) -> logits (B, T, V) of the token after each."""
        return self.net.unroll(x)[0]

    def on_fit_start(self) -> None:
        self.token_lengths.copy_(self.trainer.datamodule.token_lengths())

    # Training: the state goes from batch to batch

    def on_train_start(self) -> None:
        if self._state is not None:  # a checkpoint's, which has the rows of all devices
            world, rank = self.trainer.world_size, self.trainer.global_rank
            self._state = tuple(each.chunk(world)[rank].to(self.device) for each in self._state)

    def on_train_epoch_start(self) -> None:  # not called for an epoch that a resumed run goes on with
        self._state = None

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        # Not yet the state of the task: an optimizer may try this step several times, as L-BFGS does.
        loss, self._next_state = self._step(batch, self._state)
        return loss

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        self._state = None if self.trainer.is_last_batch else self._next_state
        super().on_train_batch_end(outputs, batch, batch_idx)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """In the middle of an epoch, ``language_state``: a list of tensors, the rows of all devices in each."""
        super().on_save_checkpoint(checkpoint)
        if self._state is not None:
            world = self.trainer.world_size
            checkpoint["language_state"] = [
                each if world == 1 else self.all_gather(each).flatten(0, 1) for each in self._state
            ]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_load_checkpoint(checkpoint)
        self._state = tuple(checkpoint["language_state"]) if "language_state" in checkpoint else None

    # Evaluation: a state of its own

    def on_validation_start(self) -> None:
        super().on_validation_start()
        self._evaluation_state = None

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        _, self._evaluation_state = self._step(batch, self._evaluation_state)

    def on_validation_epoch_end(self) -> None:
        super().on_validation_epoch_end()
        self._evaluation_state = None

    def on_test_start(self) -> None:
        super().on_test_start()
        self._evaluation_state = None

    def test_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        _, self._evaluation_state = self._step(batch, self._evaluation_state)

    def on_test_epoch_end(self) -> None:
        super().on_test_epoch_end()
        self._evaluation_state = None

    def export_signature(self) -> ExportSignature:
        """Logits of the token after each, of a text from its beginning: what goes on is given the longer text again."""
        longest = self.net.max_length if isinstance(self.net, BoundedLength) else None
        tokens = TensorSpec("tokens", "int64 (batch, steps)", ("batch", "steps"), longest)
        logits = TensorSpec("logits", f"(batch, steps, {self.num_outputs}), of the token after each")
        score = Score("nll", lambda made, x, y: mean_likelihood(made["logits"], y, IGNORED))
        return ExportSignature(self, self.forward, [tokens], [logits], score=score)

    @torch.no_grad()
    def generate(
        self,
        data: Text,
        prompt: str = "",
        temperature: NotNegative = 1.0,
        top_k: Index = 0,
        length: Count = 300,
        seed: int = 0,
    ) -> str:
        """The prompt and ``length`` tokens after it, each drawn from what the net expects.

        An empty prompt starts from a line break, or where the vocabulary has none from its first real token; neither
        is part of the answer. The same seed gives the same text, on whatever device: it is drawn on the CPU.

        Raises:
            ArgumentError: a prompt that the vocabulary cannot write, a temperature, top_k or length out of range.
        """
        check(Language.generate, locals())
        check_top_k(top_k, self.num_outputs)
        top_k = min(top_k, self.num_outputs - NUM_SPECIAL)
        generator = torch.Generator().manual_seed(seed)
        tokens, state, written = self._beginning(data, prompt)[None].to(self.device), None, []
        training = self.net.training
        self.net.eval()
        try:
            for _ in range(length):
                logits, state = self.net.unroll(tokens, state)
                real = logits[:, -1, NUM_SPECIAL:].float().cpu()  # the special tokens are no text
                tokens = (sample(real, temperature, top_k, generator) + NUM_SPECIAL)[:, None].to(self.device)
                written.append(tokens)
        finally:
            self.net.train(training)
        return prompt + data.decode(torch.cat(written, dim=1)[0].cpu())

    def _beginning(self, data: Text, prompt: str) -> Tensor:
        if prompt:
            return data.encode(prompt)
        try:
            return data.encode("\n")
        except ValueError:  # a text of one line
            return torch.tensor([NUM_SPECIAL])

    def _step(self, batch: tuple[Tensor, Tensor], state: State | None) -> tuple[Tensor, State]:
        """The loss, and the state after the batch, cut off from the graph."""
        x, y = batch
        logits, state = self.net.unroll(x, _first_rows(state, len(x)))
        loss, nll, count = token_loss(self.loss, logits, y)
        characters = self.token_lengths[y.clamp(min=0)].sum(dtype=torch.float32)  # padding has none
        self.means.add(count, loss=loss, _nll=nll, _characters=characters / count)
        return loss, tuple(each.detach() for each in state)

    def log_means(self, stage: str) -> None:
        """Both are of the means over the epoch, not means over the batches."""
        self.means.log(
            self,
            stage,
            perplexity=lambda means: means["_nll"].exp(),
            bits_per_character=lambda means: means["_nll"] / means["_characters"] / math.log(2),
        )


def check_causal(net: nn.Module, num_outputs: int) -> None:
    """Refuse a net that cannot be unrolled, or whose early outputs change with a later token.

    Raises:
        ArgumentError: as said; or what the net itself says against being unrolled.
    """
    name = type(net).__name__
    if lacks(net, "unroll"):
        raise ArgumentError(
            f"{name} has no unroll;",
            "task language needs a net that has;",
            "try model=lstm.",
        )
    device = next((each.device for each in net.parameters()), torch.device("cpu"))
    tokens = (1 + torch.arange(4, device=device))[None]
    other = tokens.clone()
    other[0, -1] = 2
    training = net.training
    net.eval()
    try:
        with torch.no_grad():
            one, two = (net.unroll(each)[0][:, :-1] for each in (tokens, other))
    finally:
        net.train(training)
    if not torch.allclose(one, two, rtol=1e-4, atol=1e-5):
        raise ArgumentError(
            f"{name} sees the tokens to come;",
            "task language needs a net whose outputs depend on the past only;",
            "try model=lstm.",
        )


def _first_rows(state: State | None, rows: int) -> State | None:
    """The state of a batch with so many rows: the last batch of an evaluation may have fewer than the one before."""
    if not state or len(state[0]) < rows:
        return None
    return tuple(each[:rows] for each in state)
