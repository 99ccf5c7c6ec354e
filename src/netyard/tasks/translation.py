"""Translation: one sequence of tokens for another, learned by teacher forcing, judged by what the net writes alone."""

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
from netyard.tasks.parts.tokens import IGNORED, PADDING, check_vocabulary, pad_to, token_loss
from netyard.tasks.signature import ExportSignature, TensorSpec


class Translator(Protocol):
    """What the task needs of a net: a source read, and logits (B, T, V) of the target's next tokens, step by step."""

    def encode(self, source: Tensor) -> State: ...

    def decode(self, memory: State, tokens: Tensor, state: State | None = None) -> tuple[Tensor, State]: ...


class SentencePairs(Protocol):
    """What translating a sentence needs of data."""

    def encode(self, text: str) -> Tensor: ...

    def decode(self, tokens: Tensor) -> str: ...


class Translations(NamedTuple):
    """The first sentences of an evaluation, with what was made of them; padded, on the CPU."""

    source: Tensor  # (K, S)
    true: Tensor  # (K, T)
    predicted: Tensor  # (K, T)


class Translation(Learner):
    """Learns from batches ``(x, y)``: int64 source (B, S) and target (B, T), ended by ``end_token``, then padding.

    In training the net sees the true tokens before the one it predicts (teacher forcing; Sutskever, Vinyals & Le 2014,
    arXiv:1409.3215); ``loss`` and ``token_accuracy`` are of that, over the targets that are not padding. Validation and
    test decode the source alone: ``exact_match`` is the share of whole sentences right, ``bleu`` the corpus BLEU
    (Papineni et al. 2002) of token ids as words, the end token left out. It takes n-grams of up to 4 from the whole
    set, unsmoothed: a sentence shorter than 4 has no say in the longer ones, and where no 4-gram is right it is 0.
    ``translations`` keeps the first of the last evaluation for whoever shows them.

    Args:
        net: see ``Translator``.
        loss: of logits (N, V) and labels (N,), averaged over the tokens.
        num_outputs: the number of tokens V in the target's vocabulary.
        start_token: what the decoder reads first.
        end_token: what ends a sentence.
        max_length: of a translation, in tokens, the end token included.
        beam_size: how many beginnings a beam search keeps; 1 decodes greedily.
        optimizer, scheduler, monitor, mode: see ``Learner``.

    Raises:
        ArgumentError: no vocabulary, a loss that is none of logits and labels, a net without encode or decode, a token
            or a length out of range.
    """

    NUM_TRANSLATIONS = 8

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
        _check_marks(start_token, end_token, num_outputs)
        self.num_outputs = num_outputs
        self.start_token, self.end_token = start_token, end_token
        self.max_length, self.beam_size = max_length, beam_size
        self.sentences = RunningMean()
        self.translations: Translations | None = None
        self._bleu = BLEUScore(n_gram=min(4, max(1, max_length - 1)))

    def forward(self, source: Tensor) -> Tensor:
        """Source (B, S) -> the likeliest tokens one by one (B, T), up to the end token, then padding."""
        return self._translate(source, beam_size=1)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        return self._forced(batch)

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

    def export_signature(self) -> ExportSignature:
        """Logits of the token after each of a beginning; the loop that writes, token by token, is the caller's."""
        source = TensorSpec("source", "int64 (batch, steps), padded with 0 at the end", ("batch", "steps"))
        written = f"int64 (batch, written), {self.start_token} and what is written"
        begun = TensorSpec("tokens", written, ("batch", "written"))
        meaning = f"(batch, written, {self.num_outputs}), of the token after each; {self.end_token} ends"
        logits = TensorSpec("logits", meaning)

        def follow(source: Tensor, tokens: Tensor) -> Tensor:
            return self.net.decode(self.net.encode(source), tokens)[0]

        def beginnings(count: int) -> tuple[Tensor]:
            return (torch.full((count, 3), self.start_token).cumsum(dim=1) % self.num_outputs,)

        return ExportSignature(self, follow, [source, begun], [logits], more_inputs=beginnings)

    @torch.no_grad()
    def generate(self, data: SentencePairs, prompt: str, beam_size: Count | None = None) -> str:
        """The translation of one sentence, with the task's own ``beam_size`` unless another is given.

        Raises:
            ArgumentError: a sentence that the vocabulary cannot write, a beam_size below 1.
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

    def _forced(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """The loss where each token is predicted from the true ones before it."""
        x, y = batch
        inputs = torch.cat([torch.full_like(y[:, :1], self.start_token), y[:, :-1]], dim=1)
        logits, _ = self.net.decode(self.net.encode(x), inputs)
        loss, _, count = token_loss(self.loss, logits, y.masked_fill(y == PADDING, IGNORED))
        right = (logits.argmax(dim=2) == y) & (y != PADDING)
        self.means.add(count, loss=loss, token_accuracy=right.sum() / count)
        return loss

    def _translate(self, source: Tensor, beam_size: int) -> Tensor:
        memory = self.net.encode(source)
        start = torch.full_like(source[:, 0], self.start_token)

        def step(tokens: Tensor, state: State | None) -> tuple[Tensor, State | None]:
            logits, state = self.net.decode(memory, tokens, state)
            logits = logits.clone()
            # Never a target, so the net has not learned not to write them.
            logits[..., PADDING] = logits[..., self.start_token] = -math.inf
            return logits, state

        if beam_size == 1:
            return greedy(step, start, self.end_token, self.max_length)
        memory = repeat_rows(memory, beam_size)
        return beam_search(step, start, self.end_token, self.max_length, beam_size).tokens[:, 0]

    def _start_evaluation(self) -> None:
        self.sentences = RunningMean()
        self._bleu.reset()
        self.translations = None

    def _evaluate(self, batch: tuple[Tensor, Tensor]) -> None:
        x, y = batch
        self._forced(batch)
        predicted = self._translate(x, self.beam_size)
        width = max(y.shape[1], predicted.shape[1])
        true, predicted = pad_to(y, width), pad_to(predicted, width)
        self.sentences.add(len(x), exact_match=(true == predicted).all(dim=1).float().mean())
        self._bleu.update(self._words(predicted), [[words] for words in self._words(true)])
        self._keep(x, true, predicted)

    def _log_sentences(self, stage: str) -> None:
        self.sentences.log(self, stage)
        self.log(f"{stage}/bleu", self._bleu.compute())

    def _words(self, tokens: Tensor) -> list[str]:
        return [
            " ".join(str(token) for token in row if token not in (PADDING, self.end_token)) for row in tokens.tolist()
        ]

    def _keep(self, *batch: Tensor) -> None:
        kept = self.translations or tuple(each[:0].cpu() for each in batch)
        missing = self.NUM_TRANSLATIONS - len(kept[0])
        if missing:
            new = [each[:missing].cpu() for each in batch]
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


def _check_marks(start_token: int, end_token: int, num_outputs: int) -> None:
    if start_token == end_token or not all(PADDING < token < num_outputs for token in (start_token, end_token)):
        raise ArgumentError(
            f"start_token is {start_token} and end_token {end_token};",
            f"they must be two tokens of the vocabulary, from 1 to {num_outputs - 1};",
            "try task.start_token=2 task.end_token=3.",
        )
