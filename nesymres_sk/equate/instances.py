"""What EQUATE learns from: equations of one data set, their outputs on bags of its rows, and how good they are.

Ying et al. 2025, section 3.2. A record is a bag of rows, an equation whose constants were fitted to the bag, and the
equation's *own* outputs there: the encoder is shown what the equation says, not what was measured, so that
reconstructing the equation from its embedding is a task with an answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nesymres_sk.deadline import Deadline
from nesymres_sk.equate.config import EquateConfig
from nesymres_sk.equate.decoding import decode_each
from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.canonical import canonical
from nesymres_sk.expressions.closure import close
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.machine import evaluate
from nesymres_sk.fitting.constants import fit_skeletons
from nesymres_sk.model.inputs import Batch, table_to_batch
from nesymres_sk.scaling import unscale
from nesymres_sk.search.candidate import Candidate, identity
from nesymres_sk.search.grammar import Grammar
from nesymres_sk.search.prior_proposer import PriorProposer
from nesymres_sk.table import Table

if TYPE_CHECKING:
    from nesymres_sk.model.network import Network

#: The first reading of a bag is greedy; where it repeats another bag's equation, samples take its place.
_TEMPERATURES = (0.0, 1.0, 1.3)
_RESTARTS = 2
#: Random skeletons from which the records' are drawn.
_RANDOM_POOL = 2000
#: Share of the rows that bags are drawn from; the others decide when to stop.
_TRAIN_SHARE = 0.8
#: Tables shorter than this are not split.
_SMALL = 30

#: Rows, the skeleton that was found for them, and how often it came first.
_Bag = tuple[NDArray[np.intp], Candidate, int]


@dataclass(frozen=True)
class Record:
    """One equation of the data set.

    Attributes
    ----------
    rows : int array of shape (r,)
        The bag.
    skeleton : Expression
        Its skeleton, as the decoder is to write it.
    outputs : float64 array of shape (r,)
        Its values on the bag, in the target's units.
    score : float
        R² on the bag, traded against length (section 3.5, equation 3).
    multiplicity : int
        Bags on which the network gave this skeleton.
    """

    rows: NDArray[np.intp]
    skeleton: Expression
    outputs: NDArray[np.float64]
    score: float
    multiplicity: int


def split(n_rows: int, rng: np.random.Generator) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows to draw bags from, and rows held out; short tables have all rows in both."""
    order = rng.permutation(n_rows)
    if n_rows < _SMALL:
        return order, order
    n_train = round(_TRAIN_SHARE * n_rows)
    return order[:n_train], order[n_train:]


def draw_bags(
    rows: NDArray[np.intp],
    n_bags: int,
    bag_size: int,
    rng: np.random.Generator,
    weight: NDArray[np.float64] | None = None,
) -> list[NDArray[np.intp]]:
    """Bags of equal size, drawn with replacement, smaller than the table so that they differ.

    Rows with more ``weight``, an array over the table's rows, are drawn more often.
    """
    size = max(2, min(bag_size, int(0.8 * len(rows))))
    chances = None if weight is None else weight[rows] / weight[rows].sum()
    return [rng.choice(rows, size, p=chances) for _ in range(n_bags)]


def score(r2: float, length: int, longest: int, simplicity: float) -> float:
    """Fitness of an equation: R², clipped to [-1, 1], plus a reward for being short."""
    return float(np.clip(r2, -1.0, 1.0)) + simplicity * float(np.exp(-length / longest))


def bag_inputs(table: Table, bags: Sequence[NDArray[np.intp]], targets: Sequence[NDArray[np.float64]]) -> Batch:
    """Network inputs of many bags of one size, each with its own target."""
    rng = np.random.default_rng(0)  # unused: no bag has more rows than are read
    parts = [
        table_to_batch(table.X[rows], y, max_points=len(rows), rng=rng) for rows, y in zip(bags, targets, strict=True)
    ]
    return Batch(*(np.concatenate(fields) for fields in zip(*parts, strict=True)))


def encode_batch(network: Network, batch: Batch) -> Tensor:
    """Memories [B, k, w] of a batch, with gradients where the network's parameters have them."""
    device = next(network.parameters()).device
    fields = [torch.from_numpy(np.ascontiguousarray(field)).to(device) for field in batch[:4]]
    memory: Tensor = network.encode(*fields)
    return memory


class Instances:
    """Candidates of the backbone on bags, and the records made of them.

    Parameters
    ----------
    network : Network
        The backbone; only read.
    table : Table
    grammar : Grammar
    config : EquateConfig
    rng : numpy.random.Generator
    generator : torch.Generator

    Attributes
    ----------
    train, held_out : int arrays
        Rows to draw bags from, and rows that decide when the search ends.
    """

    def __init__(
        self,
        network: Network,
        table: Table,
        grammar: Grammar,
        config: EquateConfig,
        rng: np.random.Generator,
        generator: torch.Generator,
    ) -> None:
        self._network = network
        self._table = table
        self._grammar = grammar
        self._config = config
        self._rng = rng
        self._generator = generator
        self.train, self.held_out = split(table.n_rows, rng)
        self._bags: list[_Bag] = []

    def candidates(self, deadline: Deadline) -> list[Candidate]:
        """One skeleton for each bag, none twice: the network's, and random ones for a part of them."""
        n_random = round(self._config.random_share * self._config.n_bags)
        n_network = self._config.n_bags - n_random
        bags = draw_bags(self.train, self._config.n_bags, self._config.bag_size, self._rng, self._table.weight)
        found = self._of_network(bags[:n_network], deadline) if n_network else {}
        prior = PriorProposer(self._table.X.shape[1], self._grammar.constraints, self._rng)
        pool = prior.propose(_RANDOM_POOL, deadline)
        chosen = self._rng.permutation(len(pool))[:n_random]
        for rows, index in zip(bags[n_network:], chosen.tolist(), strict=False):
            found.setdefault(identity(pool[index].skeleton), (rows, pool[index], 1))
        self._bags = list(found.values())
        return [candidate for _, candidate, _ in self._bags]

    def _of_network(self, bags: Sequence[NDArray[np.intp]], deadline: Deadline) -> dict[object, _Bag]:
        """The network's skeletons, none twice, with the bag that each was read from and how often it came first."""
        found: dict[object, _Bag] = {}
        with torch.no_grad():
            memory = encode_batch(self._network, bag_inputs(self._table, bags, [self._table.y[rows] for rows in bags]))
        for temperature in _TEMPERATURES:
            if len(found) >= len(bags) or deadline.passed:
                break
            sequences = decode_each(self._network, memory, self._grammar, temperature, deadline, self._generator)
            if len(sequences) < len(memory):
                break  # the deadline has passed: which sequence belongs to which bag is lost
            for rows, (tokens, log_prob) in zip(bags, sequences, strict=False):
                form = canonical(Expression.skeleton_of(tokens))
                if form is None or not form.variables:
                    continue
                key = identity(form)
                if key in found:
                    first, candidate, count = found[key]
                    found[key] = (first, candidate, count + (temperature == 0.0))
                elif len(found) < len(bags):
                    found[key] = (rows, Candidate(form, log_prob), 1)
        return found

    def records(self, deadline: Deadline) -> list[Record]:
        """The candidates fitted to their bags; those that are undefined there or too long are left out."""
        records = []
        for rows, candidate, multiplicity in self._bags:
            if deadline.passed:
                break
            record = self._record(rows, candidate.skeleton, multiplicity, deadline)
            if record is not None:
                records.append(record)
        return records

    def _record(
        self, rows: NDArray[np.intp], skeleton: Expression, multiplicity: int, deadline: Deadline
    ) -> Record | None:
        table = self._table
        try:
            closed = close(skeleton)
        except ValueError:
            return None
        longest = self._network.config.max_length
        label = next((form for form in (closed, skeleton) if form.complexity <= longest), None)
        if label is None:
            return None
        X, y = table.X[rows], table.y[rows]
        fit = fit_skeletons(
            [closed],
            X / table.x_scales,
            y / table.y_scale,
            n_restarts=_RESTARTS,
            deadline=deadline,
            rng=self._rng,
        )
        if not np.isfinite(fit.losses[0]):
            return None
        fitted = unscale(closed.with_constants(fit.constants[0]), table.x_scales, table.y_scale)
        if fitted is None:
            return None
        with np.errstate(all="ignore"):
            outputs = evaluate(fitted, X)
            if not np.isfinite(outputs).all():
                return None
            variance = float(np.var(y / table.y_scale))
            r2 = 1.0 - float(fit.losses[0]) / variance if variance > 0.0 else 1.0
        value = score(r2, label.complexity, longest, self._config.simplicity)
        return Record(rows, label, outputs, value, multiplicity)


def labels(records: Sequence[Record], longest: int) -> NDArray[np.int64]:
    """Tokens of the records' skeletons with start, end and padding, shape (records, longest + 2)."""
    tokens = np.full((len(records), longest + 2), v.PAD, dtype=np.int64)
    for row, record in zip(tokens, records, strict=True):
        length = len(record.skeleton.tokens)
        row[0] = v.START
        row[1 : length + 1] = record.skeleton.tokens
        row[length + 1] = v.END
    return tokens[:, : 2 + max((len(record.skeleton.tokens) for record in records), default=0)]
