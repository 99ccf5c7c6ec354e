"""Decoding: what is drawn, and that the search finds what an enumeration of everything finds."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from netyard.tasks.parts.decoding import beam_search, greedy, repeat_rows, sample

END, A, B, C = 3, 4, 5, 6


def chain(arrows: dict[int, dict[int, float]], vocab_size: int = 7):
    """A step over a Markov chain: probabilities of the next token given the last; the start token is 2."""
    table = torch.full((vocab_size, vocab_size), 1e-9)
    for token, nexts in arrows.items():
        for following, probability in nexts.items():
            table[token, following] = probability

    def step(tokens: Tensor, state: tuple[Tensor, ...] | None):
        return table[tokens].log(), state

    return step


# The likeliest first token leads to where nothing is likely.
TRAP = {2: {A: 0.6, B: 0.4}, A: {A: 0.3, B: 0.3, END: 0.4}, B: {END: 0.9, C: 0.1}, C: {END: 1.0}}


def remembering(vocab_size: int = 6, seed: int = 0):
    """A step whose logits depend on everything so far, by a state; and the log-probability of a whole sentence."""
    table = torch.randn(101, vocab_size, generator=torch.Generator().manual_seed(seed)) * 2
    table[:, :3] = -math.inf  # only the end token and real ones

    def step(tokens: Tensor, state: tuple[Tensor, ...] | None):
        past = torch.zeros(len(tokens), 1, dtype=torch.int64) if state is None else state[0]
        past = (past * 7 + tokens) % 101
        return table[past], (past,)

    def log_probability(sentence: tuple[int, ...], start: int = 2) -> float:
        total, state, last = 0.0, None, start
        for token in sentence:
            logits, state = step(torch.tensor([[last]]), state)
            total += logits[0, 0].log_softmax(0)[token].item()
            last = token
        return total

    return step, log_probability


def test_greedy_walks_into_the_trap_and_beam_search_does_not():
    start = torch.tensor([2, 2])
    assert greedy(chain(TRAP), start, END, 5).tolist() == [[A, END]] * 2  # 0.6 * 0.4
    beams = beam_search(chain(TRAP), start, END, 5, beam_size=2, length_penalty=0.0)
    assert beams.tokens[:, 0].tolist() == [[B, END]] * 2  # 0.4 * 0.9
    torch.testing.assert_close(beams.scores[:, 0].exp(), torch.full((2,), 0.36))
    torch.testing.assert_close(beams.scores[:, 1].exp(), torch.full((2,), 0.24))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("length_penalty", [0.0, 0.6, 1.0])
def test_a_wide_beam_agrees_with_the_enumeration_of_everything(seed: int, length_penalty: float):
    step, log_probability = remembering(seed=seed)
    longest = 4
    sentences = [
        (*words, END) for length in range(longest) for words in itertools.product((A, B), repeat=length)
    ] + list(itertools.product((A, B), repeat=longest))
    scores = {each: log_probability(each) / ((5 + len(each)) / 6) ** length_penalty for each in sentences}
    best = sorted(sentences, key=lambda each: -scores[each])
    found = beam_search(step, torch.tensor([2]), END, longest, beam_size=40, length_penalty=length_penalty)
    assert len(sentences) == 31 and torch.isfinite(found.scores[0]).sum() == 31  # the other beams found nothing more
    for tokens, score, sentence in zip(found.tokens[0], found.scores[0], best, strict=False):
        assert tuple(tokens[: len(sentence)].tolist()) == sentence
        assert not tokens[len(sentence) :].any()
        assert score.item() == pytest.approx(scores[sentence], rel=1e-4)


def test_a_beam_of_one_is_greedy_and_rows_do_not_meddle():
    for seed in range(10):
        step, _ = remembering(seed=seed)
        start = torch.tensor([2, 4, 5, 2])
        wanted = greedy(step, start, END, 8)
        assert torch.equal(beam_search(step, start, END, 8, beam_size=1).tokens[:, 0], wanted)
        together = beam_search(step, start, END, 8, beam_size=3)
        for row in range(len(start)):
            alone = beam_search(step, start[row : row + 1], END, 8, beam_size=3)
            assert together.tokens[row, 0].tolist()[: alone.tokens.shape[2]] == alone.tokens[0, 0].tolist()
            torch.testing.assert_close(together.scores[row], alone.scores[0])


def test_a_given_state_goes_with_every_beam():
    step, _ = remembering()
    state = (torch.tensor([[17], [80]]),)
    found = beam_search(step, torch.tensor([4, 4]), END, 6, beam_size=3, state=state)
    for row in range(2):
        alone = beam_search(step, torch.tensor([4]), END, 6, beam_size=3, state=(state[0][row : row + 1],))
        torch.testing.assert_close(found.scores[row], alone.scores[0])
    logits, _ = step(torch.tensor([[4], [4]]), state)
    assert torch.equal(greedy(step, torch.tensor([4, 4]), END, 1, state), logits.argmax(dim=2))


def test_decoding_stops_when_all_have_ended_and_not_before():
    steps = []

    def step(tokens: Tensor, state: tuple[Tensor, ...] | None):
        steps.append(tokens)
        return chain({2: {END: 1.0}, A: {B: 1.0}, B: {END: 1.0}})(tokens, state)

    assert greedy(step, torch.tensor([2, A]), END, 50).tolist() == [[END, 0], [B, END]]
    assert len(steps) == 2
    assert greedy(step, torch.tensor([C]), END, 3).shape == (1, 3), "what never ends is cut"
    steps.clear()
    assert beam_search(step, torch.tensor([2, A]), END, 50, beam_size=1).tokens.tolist() == [[[END, 0]], [[B, END]]]
    assert len(steps) == 2


def test_the_length_penalty_favours_the_long():
    arrows = {2: {END: 0.5, A: 0.5}, A: {B: 0.8, C: 0.2}, B: {END: 1.0}, C: {END: 1.0}}
    for penalty, wanted in ((0.0, [END, 0, 0]), (2.0, [A, B, END])):
        best = beam_search(chain(arrows), torch.tensor([2]), END, 3, 4, length_penalty=penalty).tokens[0, 0]
        assert best.tolist() == wanted


def test_rows_are_repeated_side_by_side():
    (rows,) = repeat_rows((torch.tensor([[1], [2]]),), 3) or ()
    assert rows.flatten().tolist() == [1, 1, 1, 2, 2, 2]
    assert repeat_rows(None, 3) is None


def draws(logits: list[float], number: int = 4000, seed: int = 0, **settings: float) -> Tensor:
    """How often each token was drawn."""
    generator = torch.Generator().manual_seed(seed)
    drawn = sample(torch.tensor([logits]).expand(number, -1), generator=generator, **settings)  # type: ignore[arg-type]
    return torch.bincount(drawn, minlength=len(logits)) / number


def test_samples_follow_the_softmax_at_their_temperature():
    logits = [0.0, 1.0, 2.0, -1.0]
    for temperature in (0.5, 1.0, 3.0):
        wanted = (torch.tensor(logits) / temperature).softmax(0)
        torch.testing.assert_close(draws(logits, temperature=temperature), wanted, atol=0.03, rtol=0)


@pytest.mark.parametrize("temperature", [0.0, 1e-300, 1e-3])
def test_near_zero_the_likeliest_is_drawn(temperature: float):
    assert draws([0.0, 80.0, 79.9, -math.inf], temperature=temperature).tolist() == [0, 1, 0, 0]


def test_a_great_heat_draws_all_alike_but_the_impossible():
    torch.testing.assert_close(
        draws([0.0, 80.0, 79.9, -math.inf], temperature=1e300), torch.tensor([1, 1, 1, 0]) / 3, atol=0.03, rtol=0
    )


def test_top_k_keeps_exactly_k():
    logits = [0.0, 3.0, 1.0, 1.0, 1.0]
    for k in range(1, 6):
        assert (draws(logits, top_k=k, temperature=5.0) > 0).sum() == k
    assert draws(logits, top_k=1).tolist() == [0, 1, 0, 0, 0]
    torch.testing.assert_close(draws(logits, top_k=0), draws(logits, top_k=5))


def test_draws_are_the_generators_own():
    logits = torch.randn(50, 9)
    before = torch.random.get_rng_state()
    one, two, other = (sample(logits, generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, two) and not torch.equal(one, other)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": -1.0}, r"temperature is -1.0; it must be a number at least 0; try temperature=1\."),
        ({"temperature": math.nan}, "temperature is nan;"),
        ({"temperature": math.inf}, "temperature is inf;"),
        ({"top_k": -1}, r"top_k is -1; .* at least 0; try top_k="),
        ({"top_k": 6}, r"top_k is 6; it must be at most 5, the size of the vocabulary; try top_k=5\."),
    ],
)
def test_what_cannot_be_drawn_from_is_refused(settings: dict[str, float], message: str):
    with pytest.raises(ValueError, match=message):
        sample(torch.zeros(1, 5), **settings)  # type: ignore[arg-type]
