import math

import pytest

from nesymres_sk.equate.config import EquateConfig


@pytest.mark.parametrize("wrong", [{"tuning": "some"}, {"epochs": 0}, {"random_share": 1.5}, {"radius": math.nan}])
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        EquateConfig(**wrong)
