import pytest

from nesymres_sk.drawing import picture


def test_pictures_are_small_and_leave_the_users_settings_alone(tmp_path):
    matplotlib = pytest.importorskip("matplotlib")
    image = pytest.importorskip("PIL.Image")
    before = dict(matplotlib.rcParams)
    with picture(tmp_path / "new" / "line.png", (3.0, 2.0)) as figure:
        figure.subplots().plot([0, 1], [0, 1])
    assert dict(matplotlib.rcParams) == before
    with image.open(tmp_path / "new" / "line.png") as drawn:
        assert drawn.mode == "P"
        assert drawn.size == (360, 240)


def test_nothing_is_written_if_the_drawing_fails(tmp_path):
    pytest.importorskip("matplotlib")
    with pytest.raises(KeyError), picture(tmp_path / "line.png", (3.0, 2.0)):
        raise KeyError
    assert not (tmp_path / "line.png").exists()
