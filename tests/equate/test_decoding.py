import pytest
import torch

from nesymres_sk.deadline import Deadline
from nesymres_sk.equate.decoding import decode_each
from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.search.grammar import Grammar


def test_every_embedding_gives_a_valid_expression(network, generator):
    memory = torch.randn(9, 8, 64, generator=generator)
    grammar = Grammar(12, 2, ["add", "mul", "sin"])
    for temperature in (0.0, 1.0):
        found = decode_each(network, memory, grammar, temperature, Deadline(), generator)
        assert len(found) == 9
        for tokens, log_prob in found:
            assert grammar.allows(Expression.skeleton_of(tokens))
            assert log_prob < 0.0


def test_decoding_agrees_with_teacher_forcing(network, generator):
    memory = torch.randn(3, 8, 64, generator=generator)
    for row, (tokens, log_prob) in enumerate(decode_each(network, memory, Grammar(10, 2), 1.0, Deadline(), generator)):
        sequence = torch.tensor([[v.START, *tokens]])
        with torch.no_grad():
            logits = network.decode(memory[row : row + 1], sequence[:, :-1]).double().log_softmax(dim=-1)
        expected = logits[0].gather(1, sequence[0, 1:, None]).sum().item()
        assert log_prob == pytest.approx(expected, abs=1e-3)


def test_a_passed_deadline_ends_the_decoding(network, generator):
    assert decode_each(network, torch.randn(2, 8, 64), Grammar(10, 2), 0.0, Deadline(0.0), generator) == []
