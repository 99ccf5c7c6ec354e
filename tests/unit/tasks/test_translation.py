"""Translation: teacher forcing against values worked by hand, and what the net writes when it is alone."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import lightning as L
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from netyard.tasks.translation import Translation
from support.trainers import trainer_of

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers")
START, END, V = 2, 3, 10


class EncoderDecoder(nn.Module):
    """Two GRUs: the last state of the one is the first of the other."""

    def __init__(self, vocab_size: int = V, hidden_size: int = 24) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.embedding = nn.Embedding(vocab_size, hidden_size)
        self.encoder = nn.GRU(hidden_size, hidden_size, batch_first=True)
        self.decoder = nn.GRU(hidden_size, hidden_size, batch_first=True)
        self.head = nn.Linear(hidden_size, vocab_size)

    def encode(self, source: Tensor) -> tuple[Tensor, ...]:
        return (self.encoder(self.embedding(source))[1].transpose(0, 1),)

    def decode(self, memory: Any, tokens: Tensor, state: Any = None) -> tuple[Tensor, tuple[Tensor, ...]]:
        hidden = (memory if state is None else state)[0].transpose(0, 1).contiguous()
        outputs, hidden = self.decoder(self.embedding(tokens), hidden)
        return self.head(outputs), (hidden.transpose(0, 1),)


class Phrasebook(nn.Module):
    """Knows for each source, by its first token, one translation by heart, whatever it is made to read."""

    def __init__(self, translations: dict[int, list[int]], sure: float = 20.0) -> None:
        super().__init__()
        longest = max(map(len, translations.values()))
        self.logits = nn.Parameter(torch.zeros(V, longest, V))
        for source, tokens in translations.items():
            for place, token in enumerate(tokens):
                self.logits.data[source, place, token] = sure

    def encode(self, source: Tensor) -> tuple[Tensor, ...]:
        return (source[:, :1],)

    def decode(self, memory: Any, tokens: Tensor, state: Any = None) -> tuple[Tensor, tuple[Tensor, ...]]:
        place = torch.zeros_like(memory[0]) if state is None else state[0]
        places = place + torch.arange(tokens.shape[1])
        return self.logits[memory[0], places.clamp(max=self.logits.shape[1] - 1)], (places[:, -1:] + 1,)


class Pairs(L.LightningDataModule):
    """Fixed batches of sentence pairs, and letters for tokens: ``abcdef`` from 4 on."""

    def __init__(self, *batches: tuple[list[list[int]], list[list[int]]]) -> None:
        super().__init__()
        self.batches = [(padded(x), padded(y)) for x, y in batches]

    def train_dataloader(self) -> DataLoader[Any]:
        return DataLoader(self.batches, batch_size=None)  # type: ignore[arg-type]

    val_dataloader = test_dataloader = train_dataloader

    def encode(self, text: str) -> Tensor:
        if not set(text) <= set("abcdef"):
            raise ValueError("an unknown letter")
        return torch.tensor(["abcdef".index(letter) + 4 for letter in text])

    def decode(self, tokens: Tensor) -> str:
        return "".join("abcdef"[token - 4] for token in tokens.tolist() if token > 3)


def padded(rows: list[list[int]]) -> Tensor:
    width = max(map(len, rows))
    return torch.tensor([row + [0] * (width - len(row)) for row in rows])


# Two batches of other widths. Reversed sentences, so that order matters.
SOURCES = [[[4, 5], [6]], [[7, 8, 9, 4, 5], [5, 5, 4], [9]]]
TARGETS = [[[*reversed(row), END] for row in batch] for batch in SOURCES]
DATA = list(zip(SOURCES, TARGETS, strict=True))


def task_of(net: nn.Module, loss: nn.Module | None = None, **settings: Any) -> Translation:
    return Translation(
        net,
        loss or nn.CrossEntropyLoss(),
        settings.pop("optimizer", partial(torch.optim.SGD, lr=0.0)),
        lambda optimizer, total_steps: torch.optim.lr_scheduler.ConstantLR(optimizer, 1.0),
        **{"num_outputs": V, "start_token": START, "end_token": END, "max_length": 6, **settings},
    )


def scores_of(net: nn.Module, data: Pairs, **settings: Any) -> tuple[Translation, dict[str, float]]:
    task, trainer = task_of(net, **settings), trainer_of()
    trainer.test(task, data, verbose=False)
    return task, {name.removeprefix("test/"): each.item() for name, each in trainer.callback_metrics.items()}


def test_the_decoder_reads_the_start_and_the_true_tokens_before():
    net, read = EncoderDecoder(), []
    decode = net.decode
    net.decode = lambda memory, tokens, state=None: read.append(tokens) or decode(memory, tokens, state)  # type: ignore
    task_of(net).training_step((padded([[4, 5], [6]]), padded([[5, 4, END], [6, END]])), 0)
    assert [each.tolist() for each in read] == [[[START, 5, 4], [START, 6, END]]]


BOOK = {4: [5, 6, 7, 8, END], 5: [9, END], 6: [4, 4, 4, 4, 4, 4]}


def test_exact_match_is_the_share_of_whole_sentences():
    data = Pairs(([[4], [5], [6]], [[5, 6, 7, 8, END], [9, 9, END], [4, 4, 4, 4, 4, END]]), ([[5]], [[9, END]]))
    task, got = scores_of(Phrasebook(BOOK), data)
    assert got["exact_match"] == pytest.approx(2 / 4)  # the third never ends
    assert task(data.batches[0][0]).tolist() == [[5, 6, 7, 8, END, 0], [9, END, 0, 0, 0, 0], [4] * 6]


def test_bleu_is_worked_by_hand():
    # Written: 5 6 7 8 and 9; true: 5 6 7 8 9 and 4. Of 5 words 4 are right, of 3 pairs 3, then 2 of 2, then 1 of 1.
    data = Pairs(([[4], [5]], [[5, 6, 7, 8, 9, END], [4, END]]))
    _, got = scores_of(Phrasebook(BOOK), data)
    brevity = math.exp(1 - 6 / 5)
    assert got["bleu"] == pytest.approx(brevity * (4 / 5) ** 0.25, rel=1e-5)
    _, got = scores_of(Phrasebook({4: [5, END]}), Pairs(([[4]], [[5, END]])))
    assert got["bleu"] == 0, "no 4-gram anywhere"
    _, got = scores_of(Phrasebook({4: [5, END]}), Pairs(([[4]], [[5, END]])), max_length=2)
    assert got["bleu"] == 1, "where no sentence can have one, shorter ones do"


def test_padding_and_start_are_never_written():
    net = Phrasebook(BOOK)
    net.logits.data[..., [0, START]] = 100.0
    assert task_of(net)(torch.tensor([[4], [5]])).tolist() == [[5, 6, 7, 8, END], [9, END, 0, 0, 0]]
    assert task_of(net, beam_size=3).generate(Pairs(*DATA), "a") == "bcde"


def test_a_beam_finds_the_likelier_sentence():
    net = Phrasebook({4: [5, END]})
    net.decode = lambda memory, tokens, state=None: (trap()[tokens], memory)  # type: ignore[method-assign]
    data = Pairs(([[4], [4]], [[6, END], [6, END]]))
    for beam_size, found in ((1, 0.0), (2, 1.0), (4, 1.0)):
        task, got = scores_of(net, data, beam_size=beam_size)
        assert got["exact_match"] == found
        assert task.predict_step(data.batches[0], 0)[0, 0] == (6 if found else 5)
    assert task.generate(data, "a") == "c"
    assert task.generate(data, "a", beam_size=1) == "ba"
    assert task(data.batches[0][0])[0].tolist()[:2] == [5, 4], "forward is greedy"


def trap() -> Tensor:
    """Logits given the last token: 5 is the likelier beginning, and 6 the likelier sentence."""
    table = torch.full((V, V), 1e-9)
    table[START, 5], table[START, 6] = 0.6, 0.4
    table[5, 4], table[5, 7], table[5, 8] = 0.4, 0.3, 0.3
    table[6, END] = table[4, END] = table[7, END] = table[8, END] = 1.0
    return table.log()


def test_the_first_translations_are_kept():
    pairs = [([[4], [5], [6]], [[5, END], [9, 9, END], [4, END]]), ([[4, 4], [5, 4]], [[7, END], [8, 8, 8, END]])]
    task, _ = scores_of(Phrasebook(BOOK), Pairs(*pairs, *pairs))
    kept = task.translations
    assert kept is not None and len(kept.source) == len(kept.true) == len(kept.predicted) == task.NUM_TRANSLATIONS == 8
    assert kept.source[:4].tolist() == [[4, 0], [5, 0], [6, 0], [4, 4]]
    assert kept.true[1].tolist() == [9, 9, END, 0, 0, 0]
    assert kept.predicted[:4].tolist() == [[5, 6, 7, 8, END, 0], [9, END, 0, 0, 0, 0], [4] * 6, [5, 6, 7, 8, END, 0]]
    trainer_of().validate(task, Pairs(pairs[0]), verbose=False)
    assert task.translations is not None and len(task.translations.source) == 3, "of the last evaluation only"


def test_generation_puts_the_mode_back_and_refuses_what_it_cannot_read():
    task, data = task_of(Phrasebook(BOOK)).train(), Pairs(*DATA)
    assert task.generate(data, "a") == "bcde"
    assert task.training and task.net.training
    with pytest.raises(ValueError, match="an unknown letter"):
        task.generate(data, "xyz")
    with pytest.raises(ValueError, match=r"beam_size is 0; it must be at least 1, which is greedy; try beam_size=4\."):
        task.generate(data, "a", beam_size=0)


def test_a_net_without_encode_and_decode_is_refused():
    with pytest.raises(ValueError, match=r"Linear has no encode and no decode; .*; try model=seq2seq\."):
        task_of(nn.Linear(3, V))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_outputs": None}, r"num_outputs is None; .*; try data=number_words\."),
        ({"num_outputs": 4}, "num_outputs is 4;"),
        ({"loss": nn.MSELoss()}, r"loss MSELoss .*; try loss=cross_entropy\."),
        ({"start_token": 0}, r"start_token is 0 and end_token 3; .* from 1 to 9; try task.start_token=2"),
        ({"end_token": V}, "end_token 10;"),
        ({"end_token": START}, "start_token is 2 and end_token 2; they must be two"),
        ({"max_length": 0}, r"max_length is 0; it must be at least 1 token; try task.max_length=20\."),
        ({"beam_size": 0}, r"beam_size is 0; it must be at least 1, which is greedy; try task.beam_size=4\."),
    ],
)
def test_bad_settings_are_refused(settings: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        task_of(EncoderDecoder(), **settings)
