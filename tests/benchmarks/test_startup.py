from nesymres_sk.benchmarks.startup import _import_time


def test_import_times_are_those_of_a_fresh_process():
    assert 0.0 < _import_time("import json") < _import_time("import numpy") + 1.0
