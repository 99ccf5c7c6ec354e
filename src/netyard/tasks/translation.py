"""Translation of token sequences: trained by teacher forcing, evaluated by decoding without the true tokens."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torchmetrics.text import BLEUScore

from netyard.errors import ArgumentError
from netyard.metrics.running_mean import RunningMean
from netyard.ranges.bounds import Count, Index
from netyard.ranges.signature import check
from netyard.tasks.interfaces import lacks
from netyard.tasks.learner import Learner
from netyard.tasks.parts.decoding import State, beam_search, greedy, repeat_rows
from netyard.tasks.parts.tokens import IGNORED, PADDING, check_vocabulary, pad_to, token_losses
from netyard.tasks.signature import ExportSignature, TensorSpec


class Translator(Protocol):
    """The interface of the net: encode the source (B, S), and decode logits (B, T, V) of the next target tokens.

    ``memory`` is the encoder's output; ``state`` is the decoder's after earlier tokens.
    """

    def encode(self, source: Tensor) -> State: ...

    def decode(self, memory: State, tokens: Tensor, state: State | None = None) -> tuple[Tensor, State]: ...


class SentencePairs(Protocol):
    """The interface of the data for translating one sentence."""

    def encode(self, text: str) -> Tensor: ...

    def decode(self, tokens: Tensor) -> str: ...


class Translations(NamedTuple):
    """The first sentences of an evaluation with their translations; padded, on the CPU."""

    source: Tensor  # (K, S)
    true: Tensor  # (K, T)
    predicted: Tensor  # (K, T)


class Translation(Learner):
    """Train on batches ``(x, y)``: int64 source (B, S) and target (B, T), which ends with ``end_token``, then padding.

    In training the decoder's input is the true previous token (teacher forcing; Sutskever, Vinyals & Le 2014,
    arXiv:1409.3215); ``loss`` and ``token_accuracy`` are computed that way, over the targets that are not padding.
    Validation and test also decode from the source alone: ``exact_match`` is the fraction of sentences without an
    error, ``bleu`` the corpus BLEU (Papineni et al. 2002) with token ids as words, without the end token. BLEU counts
    n-grams of up to 4 tokens over the whole split, unsmoothed: a sentence of fewer than n tokens has no n-grams, and
    without any correct 4-gram BLEU is 0. ``translations`` keeps the first of the last evaluation for display.

    Args:
        net: see ``Translator``.
        loss: of logits (N, V) and labels (N,), averaged over the tokens.
        num_outputs: the number of tokens V in the target's vocabulary.
        start_token: the first input of the decoder.
        end_token: the last token of a sentence.
        max_length: the longest translation in tokens, the end token included.
        beam_size: the number of partial translations that beam search keeps; 1 decodes greedily.
        optimizer, scheduler, monitor, mode: see ``Learner``.

    Raises:
        ArgumentError: the data have no vocabulary; the loss does not take logits and labels; the net has no encode or
            no decode; a value is out of its range.
    """

    NUM_TRANSLATIONS = 8
    baseline_kind = "pairs"

    def __init__(
        self,
        net: nn.Module,
        loss: nn.Module,
        optimizer: partial[torch.optim.Optimizer],
        scheduler: Callable[..., Any],
        num_outputs: Count,
        start_token: Index,
        end_token: Index,
        max_length: Count,
        beam_size: Count = 1,
        monitor: str = "val/exact_match",
        mode: Literal["min", "max"] = "max",
    ) -> None:
        super().__init__(net, loss, optimizer, scheduler, monitor, mode)
        check_vocabulary(num_outputs, loss, "translation", data="number_words")
        check(Translation, locals(), "task")
        _check_translator(net)
        _check_special_tokens(start_token, end_token, num_outputs)
        self.num_outputs = num_outputs
        self.start_token, self.end_token = start_token, end_token
        self.max_length, self.beam_size = max_length, beam_size
        self.sentences = RunningMean()
        self.translations: Translations | None = None
        # Shorter n-grams if no target has four words beside the end token; BLEU would be 0 whatever is decoded.
        self._bleu = BLEUScore(n_gram=min(4, max(1, max_length - 1)))

    def forward(self, source: Tensor) -> Tensor:
        """Decode greedily: source (B, S) -> tokens (B, T), up to the end token, then padding."""
        return self._translate(source, beam_size=1)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        return self._teacher_forcing_loss(batch)

    def on_validation_start(self) -> None:
        super().on_validation_start()
        self._start_evaluation()

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        self._evaluate(batch)

    def on_validation_epoch_end(self) -> None:
        super().on_validation_epoch_end()
        self._log_sentences("val")

    def on_test_start(self) -> None:
        super().on_test_start()
        self._start_evaluation()

    def test_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        self._evaluate(batch)

    def on_test_epoch_end(self) -> None:
        super().on_test_epoch_end()
        self._log_sentences("test")

    def predict_step(self, batch: tuple[Tensor, ...] | Tensor, batch_idx: int) -> Tensor:
        return self._translate(batch if isinstance(batch, Tensor) else batch[0], self.beam_size)

    def translation_columns(self, x: Tensor, data: SentencePairs) -> dict[str, list[str]]:
        """Return the column of the prediction table: the translations of sources (B, S) as text."""
        return {"translation": [data.decode(row) for row in self._translate(x, self.beam_size).cpu()]}

    def export_signature(self) -> ExportSignature:
        """Return the signature of the next token's logits; the decoding loop, token by token, is left to the caller."""
        source = TensorSpec("source", "int64 (batch, steps), padded with 0 at the end", ("batch", "steps"))
        written = f"int64 (batch, written), {self.start_token} and the tokens decoded so far"
        decoded = TensorSpec("tokens", written, ("batch", "written"))
        meaning = f"(batch, written, {self.num_outputs}), of the token that follows each; {self.end_token} ends"
        logits = TensorSpec("logits", meaning)

        def next_logits(source: Tensor, tokens: Tensor) -> Tensor:
            return self.net.decode(self.net.encode(source), tokens)[0]

        def examples(count: int) -> tuple[Tensor]:
            # (count, 3): the start token, then two others, which need not make sense.
            return (torch.full((count, 3), self.start_token).cumsum(dim=1) % self.num_outputs,)

        return ExportSignature(self, next_logits, [source, decoded], [logits], more_inputs=examples)

    @torch.no_grad()
    def generate(self, data: SentencePairs, prompt: str, beam_size: Count | None = None) -> str:
        """Return the translation of one sentence; by default with the task's own ``beam_size``.

        Raises:
            ArgumentError: the sentence has words that are not in the vocabulary; beam_size is below 1.
        """
        check(Translation.generate, locals())
        source = data.encode(prompt)[None].to(self.device)
        training = self.net.training
        self.net.eval()
        try:
            tokens = self._translate(source, beam_size or self.beam_size)
        finally:
            self.net.train(training)
        return data.decode(tokens[0].cpu())

    def _teacher_forcing_loss(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Return the loss if each token is predicted from the true ones before it."""
        x, y = batch
        # The decoder's inputs are the targets shifted by one: start, y[0], ..., y[T - 2]. (B, T)
        inputs = torch.cat([torch.full_like(y[:, :1], self.start_token), y[:, :-1]], dim=1)
        logits, _ = self.net.decode(self.net.encode(x), inputs)  # (B, T, V), all steps at once
        found = token_losses(self.criteria, logits, y.masked_fill(y == PADDING, IGNORED))
        loss, _, count = found["loss"]
        right = (logits.argmax(dim=2) == y) & (y != PADDING)  # (B, T)
        values = {name: each.loss for name, each in found.items()}
        self.means.add(count, **values, token_accuracy=right.sum() / count)
        return loss

    def _translate(self, source: Tensor, beam_size: int) -> Tensor:
        """Source (B, S) -> tokens (B, T)."""
        memory = self.net.encode(source)
        start = torch.full_like(source[:, 0], self.start_token)

        def step(tokens: Tensor, state: State | None) -> tuple[Tensor, State | None]:
            logits, state = self.net.decode(memory, tokens, state)
            logits = logits.clone()  # changed below, and the net may still use its own tensor
            # These two are never targets, so training has not made them unlikely.
            logits[..., PADDING] = logits[..., self.start_token] = -math.inf
            return logits, state

        if beam_size == 1:  # the same result as a beam of one, but without sorting
            return greedy(step, start, self.end_token, self.max_length)
        # ``step`` reads the variable when it is called, so it gets one row for each beam.
        memory = repeat_rows(memory, beam_size)
        return beam_search(step, start, self.end_token, self.max_length, beam_size).tokens[:, 0]

    def _start_evaluation(self) -> None:
        self.sentences = RunningMean()
        self._bleu.reset()
        self.translations = None

    def _evaluate(self, batch: tuple[Tensor, Tensor]) -> None:
        x, y = batch
        self._teacher_forcing_loss(batch)
        predicted = self._translate(x, self.beam_size)
        # Padded to one width, two sentences are equal if all their tokens are.
        width = max(y.shape[1], predicted.shape[1])
        true, predicted = pad_to(y, width), pad_to(predicted, width)
        self.sentences.add(len(x), exact_match=(true == predicted).all(dim=1).float().mean())
        self._bleu.update(self._as_words(predicted), [[words] for words in self._as_words(true)])
        self._keep(x, true, predicted)

    def _log_sentences(self, stage: str) -> None:
        self.sentences.log(self, stage)
        self.log(f"{stage}/bleu", self._bleu.compute())

    def measured(self, predicted: Tensor, true: Tensor) -> dict[str, float]:
        """Return the metrics of whole sentences that a test has, of other translations: tokens (N, T) and (N, U)."""
        width = max(true.shape[1], predicted.shape[1])
        true, predicted = pad_to(true, width), pad_to(predicted, width)
        bleu = BLEUScore(n_gram=self._bleu.n_gram)
        bleu.update(self._as_words(predicted), [[words] for words in self._as_words(true)])
        return {
            "exact_match": float((true == predicted).all(dim=1).float().mean()),
            "bleu": float(bleu.compute()),
        }

    def _as_words(self, tokens: Tensor) -> list[str]:
        """Write each row's token ids as a sentence: torchmetrics splits texts at spaces, so each id is a word."""
        return [
            " ".join(str(token) for token in row if token not in (PADDING, self.end_token)) for row in tokens.tolist()
        ]

    def _keep(self, *batch: Tensor) -> None:
        kept = self.translations or tuple(each[:0].cpu() for each in batch)  # at first empty: (0, T)
        missing = self.NUM_TRANSLATIONS - len(kept[0])
        if missing:
            new = [each[:missing].cpu() for each in batch]
            # Batches are padded to their own longest sentence, so both are padded to the wider one.
            widths = [max(a.shape[1], b.shape[1]) for a, b in zip(kept, new, strict=True)]
            rows = zip(kept, new, widths, strict=True)
            self.translations = Translations(*(torch.cat([pad_to(a, w), pad_to(b, w)]) for a, b, w in rows))


def _check_translator(net: nn.Module) -> None:
    if missing := lacks(net, "encode", "decode"):
        raise ArgumentError(
            f"{type(net).__name__} has no {' and no '.join(missing)};",
            "task translation needs a net with encode and decode;",
            "try model=seq2seq.",
        )


def _check_special_tokens(start_token: int, end_token: int, num_outputs: int) -> None:
    if start_token == end_token or not all(PADDING < token < num_outputs for token in (start_token, end_token)):
        raise ArgumentError(
            f"start_token is {start_token} and end_token {end_token};",
            f"they must be two tokens of the vocabulary, from 1 to {num_outputs - 1};",
            "try task.start_token=2 task.end_token=3.",
        )
