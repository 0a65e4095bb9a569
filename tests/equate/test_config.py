import math

import pytest

from nesymres_sk.equate.config import EquateConfig


@pytest.mark.parametrize(
    "wrong",
    [
        {"tuning": "some"},
        {"epochs": 0},
        {"random_share": 1.5},
        {"radius": math.nan},
        {"start": "anywhere"},
        {"preference": -1.0},
    ],
)
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        EquateConfig(**wrong)


def test_the_recipe_of_the_paper_takes_changes():
    paper = EquateConfig.paper(epochs=3)
    assert (paper.preference, paper.start, paper.embedding_search, paper.epochs) == (0.0, "records", True, 3)
    assert EquateConfig.paper(embedding_search=False).embedding_search is False
