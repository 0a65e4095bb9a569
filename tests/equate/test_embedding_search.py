import torch

from nesymres_sk.equate.config import EquateConfig
from nesymres_sk.equate.embedding_search import ascend
from nesymres_sk.equate.network import Evaluator


class Towards(Evaluator):
    """The nearer to a target, the better."""

    def __init__(self, target):
        super().__init__(4)
        self.target = target

    def forward(self, embedding, gold):
        return -(embedding - self.target).square().sum(dim=(1, 2))


def test_ascent_rises_within_the_trust_region(generator):
    start = torch.randn(3, 2, 4, generator=generator)
    target = start + 10.0
    config = EquateConfig(radius=0.2, n_steps=20)
    places = list(ascend(Towards(target), start, start[:1], config))
    assert len(places) == 11
    norms = start.flatten(1).norm(dim=1)
    distances = [(place - start).flatten(1).norm(dim=1) / norms for place in places]
    assert torch.equal(places[0], start)
    assert all((distance <= 0.2 + 1e-5).all() for distance in distances)
    assert (distances[-1] > 0.19).all()
    away = [(place - target).norm().item() for place in places]
    assert away[-1] < away[0]


def test_ascents_that_fall_end():
    start = torch.ones(2, 2, 4)
    config = EquateConfig(step_size=0.3, radius=10.0, n_steps=50)
    places = list(ascend(Towards(start + 0.1), start, start[:1], config))
    assert len(places) < 10
