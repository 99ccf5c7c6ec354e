"""Translation: teacher forcing against values worked by hand, and what the net writes when it is alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from support.translation_task import BOOK, DATA, END, START, EncoderDecoder, Pairs, Phrasebook, V, padded, task_of


def test_the_decoder_reads_the_start_and_the_true_tokens_before():
    net, read = EncoderDecoder(), []
    decode = net.decode
    net.decode = lambda memory, tokens, state=None: read.append(tokens) or decode(memory, tokens, state)  # type: ignore
    task_of(net).training_step((padded([[4, 5], [6]]), padded([[5, 4, END], [6, END]])), 0)
    assert [each.tolist() for each in read] == [[[START, 5, 4], [START, 6, END]]]


def test_padding_and_start_are_never_written():
    net = Phrasebook(BOOK)
    net.logits.data[..., [0, START]] = 100.0
    assert task_of(net)(torch.tensor([[4], [5]])).tolist() == [[5, 6, 7, 8, END], [9, END, 0, 0, 0]]
    assert task_of(net, beam_size=3).generate(Pairs(*DATA), "a") == "bcde"


def test_generation_puts_the_mode_back_and_refuses_what_it_cannot_read():
    task, data = task_of(Phrasebook(BOOK)).train(), Pairs(*DATA)
    assert task.generate(data, "a") == "bcde"
    assert task.training and task.net.training
    with pytest.raises(ValueError, match="an unknown letter"):
        task.generate(data, "xyz")
    with pytest.raises(ValueError, match=r"beam_size is 0; .* at least 1, or null; try beam_size=1\."):
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
        ({"max_length": 0}, r"max_length is 0; .* at least 1; try task.max_length=1\."),
        ({"beam_size": 0}, r"beam_size is 0; .* at least 1; try task.beam_size=1\."),
    ],
)
def test_bad_settings_are_refused(settings: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        task_of(EncoderDecoder(), **settings)
