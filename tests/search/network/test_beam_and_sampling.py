"""Beam search and sampling on a network whose every probability is known."""

import itertools
import math
import zlib
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from nesymres_sk.deadline import Deadline
from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.canonical import canonical
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.model.config import PRESETS
from nesymres_sk.model.network import Network
from nesymres_sk.search.candidate import identity
from nesymres_sk.search.grammar import Grammar
from nesymres_sk.search.network.beam import beam_search
from nesymres_sk.search.network.decoding import Frontier, affordable
from nesymres_sk.search.network.drawn import Drawn
from nesymres_sk.search.network.sampling import sample

MEMORY = torch.zeros(1, 2, 4)


class PrefixNetwork:
    """Logits are an arbitrary but fixed function of the tokens so far."""

    def __init__(self, scale=1.0, after_step=None):
        self.scale = scale
        self.steps = 0
        self.after_step = after_step

    def logits(self, prefix):
        seed = zlib.crc32(bytes(prefix))
        return self.scale * np.random.default_rng(seed).normal(size=v.SIZE)

    def start_cache(self, memory):
        cache = SimpleNamespace(prefixes=[()])

        def reorder(index):
            cache.prefixes = [cache.prefixes[i] for i in index.tolist()]

        cache.reorder = reorder
        return cache

    def step(self, tokens, cache):
        self.steps += 1
        cache.prefixes = [(*p, t) for p, t in zip(cache.prefixes, tokens.tolist(), strict=True)]
        out = torch.tensor(np.array([self.logits(prefix) for prefix in cache.prefixes]), dtype=torch.float32)
        if self.after_step:
            self.after_step()
        return out

    def log_prob(self, tokens):
        """Summed log-probability of a complete expression, without its end token."""
        prefix, total = (v.START,), 0.0
        for token in tokens:
            logits = self.logits(prefix).astype(np.float32).astype(float)
            total += logits[token] - np.log(np.exp(logits).sum())
            prefix = (*prefix, token)
        return total


def language(grammar):
    """Every token sequence of a small grammar."""
    found = []

    def extend(prefix, open_slots):
        if open_slots == 0:
            found.append(prefix)
            return
        for token in np.flatnonzero(grammar.mask(np.array([open_slots]), len(prefix))[0]).tolist():
            extend((*prefix, token), open_slots + int(v.ARITY[token]) - 1)

    extend((), 1)
    return found


def families(network, sequences):
    """Summed probability of the spellings of each canonical form."""
    totals = {}
    for tokens in sequences:
        form = canonical(Expression.skeleton_of(tokens))
        if form is not None and form.variables:
            key = identity(form)
            totals[key] = np.logaddexp(totals.get(key, -np.inf), network.log_prob(tokens))
    return totals


def canonical_log_probs(candidates):
    """Log-probability by canonical form, which is not always the form that is returned: it may break a rule."""
    return {identity(canonical(candidate.skeleton)): candidate.log_prob for candidate in candidates}


def check(candidates, grammar):
    forms = [identity(candidate.skeleton) for candidate in candidates]
    assert len(set(forms)) == len(forms)
    assert [c.log_prob for c in candidates] == sorted((c.log_prob for c in candidates), reverse=True)
    assert all(grammar.allows(candidate.skeleton) for candidate in candidates)


@pytest.mark.parametrize("seed", range(6))
def test_random_logits_give_distinct_allowed_expressions(seed):
    rng = np.random.default_rng(seed)
    operators = None if seed % 2 else ["add", "mul", "sin", "exp"]
    grammar = Grammar(int(rng.integers(3, 16)), int(rng.integers(1, 5)), operators)
    network = PrefixNetwork(scale=float(rng.uniform(0.2, 3.0)))
    beam = beam_search(network, MEMORY, 24, grammar, Deadline())
    check(beam, grammar)
    assert len(beam) == 24
    drawn = sample(network, MEMORY, 24, grammar, Deadline(), torch.Generator().manual_seed(seed))
    check(drawn, grammar)
    assert 3 <= len(drawn) <= 24


def test_a_wide_beam_finds_the_most_probable_skeletons_of_a_small_language():
    grammar = Grammar(4, 2, ["add", "sub", "sin"])
    network = PrefixNetwork()
    truth = families(network, language(grammar))
    found = beam_search(network, MEMORY, 4 * len(truth), grammar, Deadline())
    assert canonical_log_probs(found) == pytest.approx(truth)

    narrow = beam_search(network, MEMORY, 10, grammar, Deadline())
    assert len(narrow) == 10
    assert narrow[0].log_prob == pytest.approx(max(truth.values()), abs=0.3)


def test_the_beam_stops_once_nothing_better_can_come():
    network = PrefixNetwork(scale=4.0)
    grammar = Grammar(40, 2)
    beam_search(network, MEMORY, 4, grammar, Deadline())
    assert network.steps < 20


def test_length_normalisation_prefers_longer_expressions():
    network, grammar = PrefixNetwork(), Grammar(12, 2)
    plain = beam_search(network, MEMORY, 16, grammar, Deadline())
    normalised = beam_search(network, MEMORY, 16, grammar, Deadline(), length_penalty=1.0)
    check(normalised, grammar)
    assert np.mean([c.skeleton.complexity for c in normalised]) > np.mean([c.skeleton.complexity for c in plain]) + 1
    assert max(c.log_prob for c in plain) >= max(c.log_prob for c in normalised)


def test_sampling_more_than_there_is_gives_the_whole_language():
    grammar = Grammar(4, 2, ["add", "sin"])
    network = PrefixNetwork(scale=2.0)
    sequences = language(grammar)
    found = sample(network, MEMORY, len(sequences) + 5, grammar, Deadline(), torch.Generator().manual_seed(0))
    assert canonical_log_probs(found) == pytest.approx(families(network, sequences))


@pytest.mark.parametrize("together", [True, False])
def test_draws_follow_the_network_without_replacement(together):
    # three leaves and one operator: x1, x2, C, then sin of them; integers are made impossible by their logits
    class Small(PrefixNetwork):
        def logits(self, prefix):
            logits = super().logits(prefix)
            logits[v.FIRST_INTEGER : v.FIRST_OPERATOR] = -60.0
            return logits

    network, grammar = Small(scale=1.5), Grammar(2, 2, ["sin"], allow_constants=False)
    sequences = [Expression.from_names(names).tokens for names in ("x1", "x2", "sin x1", "sin x2")]

    def conditional(prefix):
        mask = grammar.mask(np.array([1]), len(prefix) - 1)[0]
        weights = np.where(mask, np.exp(network.logits(prefix)), 0.0)
        return weights / weights.sum()

    p = np.array([math.prod(conditional((v.START, *s[:i]))[s[i]] for i in range(len(s))) for s in sequences])
    assert p.sum() == pytest.approx(1.0, abs=1e-6)
    expected = np.zeros(4)
    for first, second in itertools.permutations(range(4), 2):
        expected[[first, second]] += p[first] * p[second] / (1.0 - p[first])

    generator, n = torch.Generator().manual_seed(3), 900
    counts = np.zeros(4)
    for _ in range(n):
        if together:
            found = sample(network, MEMORY, 2, grammar, Deadline(), generator)
        else:  # the second call knows what the first one drew
            drawn = Drawn(MEMORY.device)
            found = [c for _ in range(2) for c in sample(network, MEMORY, 1, grammar, Deadline(), generator, drawn)]
        assert len(found) == 2
        counts[[sequences.index(candidate.skeleton.tokens) for candidate in found]] += 1
    error = np.sqrt(expected * (1 - expected) / n) + 1e-9
    assert (np.abs(counts / n - expected) < 4.5 * error).all()


def test_samples_in_turn_give_the_whole_language_once():
    grammar = Grammar(3, 2, ["add", "sin"])
    network = PrefixNetwork(scale=1.5)
    sequences = language(grammar)
    generator, drawn, found = torch.Generator().manual_seed(0), Drawn(MEMORY.device), []
    for _ in range(len(sequences) // 10 + 1):
        found += sample(network, MEMORY, 10, grammar, Deadline(), generator, drawn)
    # spellings of one skeleton may come in different calls, a sequence may not
    totals = {}
    for candidate in found:
        key = identity(canonical(candidate.skeleton))
        totals[key] = np.logaddexp(totals.get(key, -np.inf), candidate.log_prob)
    assert totals == pytest.approx(families(network, sequences))


def test_sampling_is_deterministic_for_a_seed():
    network, grammar = PrefixNetwork(), Grammar(15, 3)

    def run(seed):
        return sample(network, MEMORY, 20, grammar, Deadline(), torch.Generator().manual_seed(seed))

    assert [identity(c.skeleton) for c in run(5)] == [identity(c.skeleton) for c in run(5)]
    assert [identity(c.skeleton) for c in run(5)] != [identity(c.skeleton) for c in run(6)]


def test_a_passed_deadline_still_has_an_answer():
    grammar = Grammar(40, 2)
    network = PrefixNetwork()
    late = Deadline(0.0)
    for found in (
        beam_search(network, MEMORY, 8, grammar, late),
        sample(network, MEMORY, 8, grammar, late, torch.Generator().manual_seed(0)),
    ):
        assert len(found) == 1
        check(found, grammar)
    assert network.steps == 0


def test_the_deadline_is_looked_at_between_steps():
    deadline = Deadline()

    def pass_deadline():
        if network.steps == 3:
            deadline.at = deadline.started

    network = PrefixNetwork(after_step=pass_deadline)
    found = beam_search(network, MEMORY, 64, Grammar(40, 2), deadline)
    assert network.steps == 3
    assert 0 < len(found) < 64
    assert all(c.skeleton.complexity <= 4 for c in found)


def test_cached_steps_agree_with_the_whole_sequence():
    torch.manual_seed(0)
    network = Network(PRESETS["tiny"]).eval()
    memory = torch.randn(1, network.config.n_latents, network.config.width)
    grammar = Grammar(12, 3)
    generator = torch.Generator().manual_seed(1)
    with torch.inference_mode():
        frontier = Frontier(network, memory, grammar)
        for _ in range(6):
            logits, allowed = frontier.expand()
            start = torch.full((len(frontier), 1), v.START)
            whole = network.decode(memory.expand(len(frontier), -1, -1), torch.cat([start, frontier.tokens], dim=1))
            assert torch.allclose(logits.float(), whole[:, -1], atol=1e-4)
            rows = torch.randint(len(frontier), (7,), generator=generator)
            unfinished = allowed & (torch.from_numpy(v.ARITY.astype(np.int64)) > 0)
            tokens = torch.multinomial(unfinished[rows].double(), 1, generator=generator)[:, 0]
            assert not frontier.completes(rows, tokens).any()
            frontier.advance(rows, tokens, frontier.log_probs[rows] + logits.log_softmax(dim=1)[rows, tokens])


@pytest.mark.parametrize("search", ["beam", "sample"])
def test_wide_searches_are_narrowed_for_a_deadline_only(search, monkeypatch):
    widths = []

    class Watched(Frontier):
        def expand(self):
            widths.append(len(self))
            return super().expand()

    module = f"nesymres_sk.search.network.{'sampling' if search == 'sample' else search}"
    monkeypatch.setattr(f"{module}.Frontier", Watched)
    grammar = Grammar(9, 3)

    def run(deadline):
        widths.clear()
        generator = torch.Generator().manual_seed(0)
        if search == "beam":
            return beam_search(PrefixNetwork(), MEMORY, 1500, grammar, deadline)
        return sample(PrefixNetwork(), MEMORY, 1500, grammar, deadline, generator)

    assert len(run(Deadline())) > 600 and max(widths) > 900
    alike = list(widths)
    run(Deadline(1e9))
    assert widths == alike  # there is time for this width
    monkeypatch.setattr("nesymres_sk.search.network.decoding._SHARE", 1e-12)
    run(Deadline())
    assert widths == alike
    run(Deadline(1e9))
    assert max(widths[-3:]) <= 512


def test_a_deadline_narrows_no_search_of_usual_width():
    deadline = Deadline(1e-9)
    assert affordable(512, 512, 10.0, deadline) == 512
    assert affordable(4000, 4000, 10.0, deadline) == 512
    assert affordable(4000, 4000, 10.0, Deadline()) == 4000
    assert affordable(4000, 10, 10.0, deadline) == 4000  # what a narrow step takes says nothing
    assert affordable(4000, 1000, 1.0, Deadline(1000.0)) == 4000
