"""Language modelling: predict the next token of a text, trained by truncated backpropagation through time."""

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
from netyard.tasks.parts.tokens import IGNORED, NUM_SPECIAL, PADDING, check_vocabulary, token_losses
from netyard.tasks.signature import ExportSignature, Score, TensorSpec, mean_likelihood


class LanguageModel(Protocol):
    """The interface of the net: tokens (B, T) and a state -> logits (B, T, V) and the state after the last token.

    The logits of a step depend on its token and those before it, not on later ones.
    """

    def unroll(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]: ...


class Text(Protocol):
    """The interface of the data for generation."""

    def encode(self, text: str) -> Tensor: ...

    def decode(self, tokens: Tensor) -> str: ...


class Language(Learner):
    """Train ``net.unroll(x) -> (B, T, num_outputs)`` logits on batches ``(x, y)`` of tokens (B, T), y[t] = x[t + 1].

    Row b of a batch continues row b of the previous one, so the net's state is carried from batch to batch, and the
    gradient stops at the start of the batch: truncated backpropagation through time. Williams & Peng 1990; Mikolov et
    al. 2010. Each epoch, validation and test starts with an empty state. Targets of -100, which occur in evaluations
    only, are ignored.

    Logs ``loss``, ``perplexity``, the exponential of the mean negative log-likelihood of a token, and
    ``bits_per_character``, which can be compared between vocabularies. All tokens of an epoch have equal weights.

    Args:
        net: see ``LanguageModel``.
        loss: of logits (N, V) and labels (N,), averaged over the tokens.
        num_outputs: the number of tokens V in the vocabulary.
        optimizer, scheduler, monitor, mode: see ``Learner``.

    Raises:
        ArgumentError: the data have no vocabulary; the loss does not take logits and labels; the net has no
            ``unroll``, or its outputs depend on later tokens.
    """

    token_lengths: Tensor
    baseline_kind = "tokens"

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
        # Characters in each token: 1, and 0 for padding, until training reads them from the data. Floats, because an
        # average of weights (EMA) averages buffers too, and would truncate integers.
        self.register_buffer("token_lengths", (torch.arange(num_outputs) != PADDING).float())
        self._state: State | None = None
        self._next_state: State | None = None
        self._evaluation_state: State | None = None

    def setup(self, stage: str) -> None:
        if stage == "fit" and not isinstance(self.trainer.datamodule, TokenStream):
            raise ArgumentError(
                f"{type(self.trainer.datamodule).__name__} is not text data;",
                "task language needs data with token_lengths, the number of characters in each token;",
                "try data=python_source.",
            )

    def remarks(self, data: Any) -> list[str]:
        """Whether the network has more parameters than there are tokens to learn them from."""
        parameters, tokens = sum(each.numel() for each in self.net.parameters()), len(data.split("train"))
        if parameters <= tokens:
            return []
        many = f"the network has {parameters:,} parameters and the training text {tokens:,} tokens"
        return [f"{many}, so it can learn them by heart (a smaller model.hidden_size, model.dropout=0.3, or more text)"]

    def forward(self, x: Tensor) -> Tensor:
        """Tokens (B, T) -> logits (B, T, V) of the token that follows each of them."""
        return self.net.unroll(x)[0]

    def on_fit_start(self) -> None:
        self.token_lengths.copy_(self.trainer.datamodule.token_lengths())

    # Training: the state is carried from batch to batch

    def on_train_start(self) -> None:
        # A state loaded from a checkpoint has the rows of all devices; each takes its own.
        if self._state is not None:
            world, rank = self.trainer.world_size, self.trainer.global_rank
            self._state = tuple(each.chunk(world)[rank].to(self.device) for each in self._state)

    def on_train_epoch_start(self) -> None:
        # Lightning does not call this if a run resumes within an epoch, so a loaded state is kept.
        self._state = None

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        # Stored apart until the batch ends: L-BFGS calls this several times, each from the same state.
        loss, self._next_state = self._step(batch, self._state)
        return loss

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        self._state = None if self.trainer.is_last_batch else self._next_state
        super().on_train_batch_end(outputs, batch, batch_idx)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save ``language_state`` in the middle of an epoch: a list of tensors with the rows of all devices."""
        super().on_save_checkpoint(checkpoint)
        if self._state is not None:
            world = self.trainer.world_size
            checkpoint["language_state"] = [
                each if world == 1 else self.all_gather(each).flatten(0, 1) for each in self._state
            ]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_load_checkpoint(checkpoint)
        self._state = tuple(checkpoint["language_state"]) if "language_state" in checkpoint else None

    # Evaluation: a separate state, because a validation may interrupt a training epoch

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
        """Return the signature of the logits of each next token. It has no state: pass the whole text each time."""
        longest = self.net.max_length if isinstance(self.net, BoundedLength) else None
        tokens = TensorSpec("tokens", "int64 (batch, steps)", ("batch", "steps"), longest)
        logits = TensorSpec("logits", f"(batch, steps, {self.num_outputs}), of the token that follows each")
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
        """Return the prompt, continued by ``length`` tokens sampled from the net's predictions.

        An empty prompt starts from a line break, or if the vocabulary has none from its first real token; neither is
        part of the result. Tokens are sampled on the CPU, so the same seed gives the same text on every device.

        Raises:
            ArgumentError: the prompt has characters that are not in the vocabulary; temperature, top_k or length is
                out of range.
        """
        check(Language.generate, locals())
        check_top_k(top_k, self.num_outputs)
        top_k = min(top_k, self.num_outputs - NUM_SPECIAL)
        generator = torch.Generator().manual_seed(seed)
        # The whole prompt in the first step, (1, T); then one token at a time, (1, 1), with the state after it.
        tokens, state, written = self._prompt_tokens(data, prompt)[None].to(self.device), None, []
        training = self.net.training
        self.net.eval()
        try:
            for _ in range(length):
                logits, state = self.net.unroll(tokens, state)
                # (1, V - NUM_SPECIAL): the special tokens are cut off, because they are not text.
                real = logits[:, -1, NUM_SPECIAL:].float().cpu()
                tokens = (sample(real, temperature, top_k, generator) + NUM_SPECIAL)[:, None].to(self.device)
                written.append(tokens)
        finally:
            self.net.train(training)
        return prompt + data.decode(torch.cat(written, dim=1)[0].cpu())

    def _prompt_tokens(self, data: Text, prompt: str) -> Tensor:
        """The tokens (T,) that generation starts from."""
        if prompt:
            return data.encode(prompt)
        try:
            return data.encode("\n")
        except ValueError:  # the training text has no line break, so the vocabulary has none
            return torch.tensor([NUM_SPECIAL])

    def _step(self, batch: tuple[Tensor, Tensor], state: State | None) -> tuple[Tensor, State]:
        """Return the loss, and the state after the batch, detached from the graph."""
        x, y = batch
        logits, state = self.net.unroll(x, _first_rows(state, len(x)))  # (B, T, V)
        found = token_losses(self.criteria, logits, y)
        loss, nll, count = found["loss"]
        # clamp: -100, the ignored target, becomes 0, which is padding and has no characters.
        characters = self.token_lengths[y.clamp(min=0)].sum(dtype=torch.float32)
        # Means per token, weighted by the number of tokens.
        values = {name: each.loss for name, each in found.items()}
        self.means.add(count, **values, _nll=nll, _characters=characters / count)
        # The truncation: values are carried on, gradients are not. Otherwise each batch would backpropagate through the
        # whole epoch before it.
        return loss, tuple(each.detach() for each in state)

    def log_means(self, stage: str) -> None:
        """Compute both from the means over the epoch; means of the batches' values would differ."""
        self.means.log(
            self,
            stage,
            perplexity=lambda means: means["_nll"].exp(),
            # (nats per token) / (characters per token) / ln 2
            bits_per_character=lambda means: means["_nll"] / means["_characters"] / math.log(2),
        )


def check_causal(net: nn.Module, num_outputs: int) -> None:
    """Check on an example that a net can be unrolled, and that its outputs do not change with a later token.

    Raises:
        ArgumentError: it has no ``unroll``; an output depends on a later token, so the net could copy the answer; the
            net itself refuses to be unrolled.
    """
    name = type(net).__name__
    if lacks(net, "unroll"):
        raise ArgumentError(
            f"{name} has no unroll;",
            "task language needs a net with unroll(tokens, state);",
            "try model=lstm.",
        )
    device = next((each.device for each in net.parameters()), torch.device("cpu"))
    tokens = (1 + torch.arange(4, device=device))[None]  # (1, 4); a vocabulary has at least 5 tokens
    other = tokens.clone()
    other[0, -1] = 2  # only the last token differs
    training = net.training
    net.eval()  # dropout would make any two outputs differ
    try:
        with torch.no_grad():
            one, two = (net.unroll(each)[0][:, :-1] for each in (tokens, other))
    finally:
        net.train(training)
    if not torch.allclose(one, two, rtol=1e-4, atol=1e-5):
        raise ArgumentError(
            f"the outputs of {name} depend on later tokens;",
            "task language needs a net whose outputs depend on earlier tokens only;",
            "try model=lstm.",
        )


def _first_rows(state: State | None, rows: int) -> State | None:
    """The state of the first ``rows`` rows: the last batch of an evaluation may have fewer than the previous one."""
    if not state or len(state[0]) < rows:
        return None
    return tuple(each[:rows] for each in state)
