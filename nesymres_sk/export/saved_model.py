"""Fitted estimators as JSON files: equations that anyone can read, nothing that is executed.

::

    {
      "format": "nesymres_sk equations",
      "format_version": 1,
      "package_version": "0.1.0",
      "n_features_in": 2,
      "feature_names_in": ["mass", "speed"],
      "columns": [0, 1],
      "best_index": 1,
      "parameters": {"weights": "base", "beam_size": 32, ...},
      "equations": [
        {"equation": "...", "tokens": "mul C square x2", "constants": [0.5], "complexity": 4, "loss": ...},
        ...
      ],
      "history": [...],
      "n_fitted": 1234
    }

Tokens and constants are what is loaded (prefix form, variables stand for ``columns``); the text beside them is for
people. Numbers have all their digits, and those that JSON does not have are the strings ``"nan"``, ``"inf"`` and
``"-inf"``.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import sys
import tempfile
import warnings
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nesymres_sk import __version__
from nesymres_sk.equate.config import EquateConfig
from nesymres_sk.export.fitted import fitted_equation

if TYPE_CHECKING:
    from nesymres_sk.expressions.expression import Expression
    from nesymres_sk.regressor import NeuralSymbolicRegressor

FORMAT = "nesymres_sk equations"
FORMAT_VERSION = 1
#: Keys of an equation that are not numbers of the table; all others become columns of it.
_OWN_KEYS = ("equation", "tokens", "constants", "complexity")
#: Numbers that JSON does not have.
_WORDS = ("nan", "inf", "-inf")
#: Far more than any search makes; beyond this a file is damaged, or meant to do harm.
_LARGEST_FILE, _MOST_NODES = 50_000_000, 200


class ModelFileError(ValueError):
    """A file that is not a saved model, is damaged, or was written by a newer version."""


def save_model(estimator: NeuralSymbolicRegressor, path: str | os.PathLike[str]) -> None:
    """Write a fitted estimator to a JSON file.

    The file is written beside its place and then moved there: it is either the old one or the new one, never a part.

    Parameters
    ----------
    estimator : NeuralSymbolicRegressor
        Fitted.
    path : path
        An existing file is replaced.

    Raises
    ------
    NotFittedError
        If there is nothing to save.
    OSError
        If the file cannot be written.
    """
    text = json.dumps(to_dict(estimator), indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    path = Path(path)
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    except OSError as error:  # which names a file that nobody has asked for
        raise OSError(error.errno, error.strerror, str(path)) from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def load_model(path: str | os.PathLike[str]) -> NeuralSymbolicRegressor:
    """Read an estimator that :func:`save_model` has written; no weights are needed for it to predict.

    Parameters
    ----------
    path : path

    Returns
    -------
    NeuralSymbolicRegressor
        Fitted. A ``random_state`` that was a generator is ``None`` now.

    Raises
    ------
    OSError
        If the file cannot be read.
    ModelFileError
        If it is not a saved model, is damaged, or needs a newer version of this package.
    """
    path = Path(path)
    if path.stat().st_size > _LARGEST_FILE:
        raise ModelFileError(f"{path} is not a saved model: it is far too large")
    try:
        data = json.loads(path.read_bytes().decode("utf-8"))
    except (ValueError, RecursionError) as error:  # also of the encoding, and of absurdly long numbers
        raise ModelFileError(
            f"{path} is not a saved model, or was cut off ({error}); save the model again with save()"
        ) from error
    try:
        return from_dict(data)
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from None


def to_dict(estimator: NeuralSymbolicRegressor) -> dict[str, Any]:
    """What :func:`save_model` writes."""
    fitted = fitted_equation(estimator)
    table = estimator.equations_
    numbers = [name for name in table.columns if name not in _OWN_KEYS]
    equations = []
    for row, expression in enumerate(estimator.expressions_):
        entry: dict[str, Any] = {
            "equation": str(table["equation"].iloc[row]),
            "tokens": " ".join(expression.names()),
            "constants": [_to_json(value) for value in expression.constants],
            "complexity": expression.complexity,
        }
        entry |= {name: _to_json(float(table[name].iloc[row])) for name in numbers}
        equations.append(entry)
    data: dict[str, Any] = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "package_version": __version__,
        "n_features_in": fitted.n_features,
        "feature_names_in": None if fitted.names is None else list(fitted.names),
        "columns": list(fitted.columns),
        "best_index": int(estimator.best_index_),
        "parameters": {name: _parameter(value) for name, value in estimator.get_params(deep=False).items()},
        "equations": equations,
    }
    if hasattr(estimator, "history_"):
        data["history"] = [{key: _to_json(value) for key, value in step.items()} for step in estimator.history_]
    if hasattr(estimator, "n_fitted_"):
        data["n_fitted"] = int(estimator.n_fitted_)
    return data


def from_dict(data: Any) -> NeuralSymbolicRegressor:
    """Estimator of what :func:`to_dict` has made.

    Raises
    ------
    ModelFileError
        As :func:`load_model`.
    """
    import pandas as pd

    from nesymres_sk.regressor import NeuralSymbolicRegressor

    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise ModelFileError("not a saved model; load files that save() has written")
    version = _checked(data, "format_version", lambda value: _is_integer(value) and value >= 1)
    if version > FORMAT_VERSION:
        writer = data.get("package_version", "a newer version")
        raise ModelFileError(
            f"written by nesymres_sk {writer} in format {version}, and {__version__} reads formats up to "
            f"{FORMAT_VERSION}; upgrade with pip install --upgrade nesymres-sk"
        )
    n_features = _checked(data, "n_features_in", lambda value: _is_integer(value) and value >= 1)
    names = _checked(data, "feature_names_in", lambda value: value is None or _are_names(value, n_features))
    columns = _checked(data, "columns", lambda value: _are_columns(value, n_features))
    equations = _checked(data, "equations", lambda value: isinstance(value, list) and len(value) > 0)
    best = _checked(data, "best_index", lambda value: _is_integer(value) and 0 <= value < len(equations))
    parameters = dict(_checked(data, "parameters", lambda value: isinstance(value, dict)))
    history = data.get("history", [])
    if not isinstance(history, list) or not all(isinstance(step, dict) for step in history):
        raise _damaged("history")
    n_fitted = data.get("n_fitted")
    if n_fitted is not None and not (_is_integer(n_fitted) and n_fitted >= 0):
        raise _damaged("n_fitted")
    expressions = [_expression(entry, len(columns), row) for row, entry in enumerate(equations)]
    known = {name: parameters.pop(name) for name in NeuralSymbolicRegressor().get_params() if name in parameters}
    if parameters:  # they do not change what has been fitted
        unknown = ", ".join(map(repr, parameters))
        warnings.warn(f"parameters that this version does not have are left out: {unknown}", UserWarning, stacklevel=3)
    if isinstance(known.get("finetune"), dict):
        try:
            known["finetune"] = EquateConfig(**known["finetune"])
        except (TypeError, ValueError):
            raise _damaged("parameters.finetune") from None
    model = NeuralSymbolicRegressor(**known)
    model.n_features_in_ = n_features
    if names is not None:
        model.feature_names_in_ = np.array(names, dtype=object)
    model.columns_ = np.array(columns, dtype=np.intp)
    model.expressions_ = expressions
    model.best_index_ = best
    table: dict[str, list[Any]] = {"complexity": [expression.complexity for expression in expressions]}
    for name in (key for key in equations[0] if key not in _OWN_KEYS):
        table[name] = [_number(entry, name, f"equations[{row}]") for row, entry in enumerate(equations)]
    texts = [_text(model, row) for row in range(len(expressions))]
    model.equations_ = pd.DataFrame({**table, "equation": texts})
    model.equation_ = texts[best]
    if history:
        model.history_ = [{key: _from_json(value) for key, value in step.items()} for step in history]
    if n_fitted is not None:
        model.n_fitted_ = n_fitted
    return model


def _text(model: NeuralSymbolicRegressor, row: int) -> str:
    from nesymres_sk.expressions.infix import to_infix

    fitted = fitted_equation(model, row)
    return to_infix(fitted.expression, [*fitted.column_names, *(fitted.names or ())])


def _expression(entry: Any, n_columns: int, row: int) -> Expression:
    from nesymres_sk.expressions.expression import Expression

    if not isinstance(entry, dict) or not isinstance(entry.get("tokens"), str):
        raise _damaged(f"equations[{row}]")
    constants = entry.get("constants")
    if not isinstance(constants, list) or not all(_is_finite(value) for value in constants):
        raise _damaged(f"equations[{row}].constants")
    try:
        expression = Expression.from_names(entry["tokens"], [float(value) for value in constants])
    except ValueError as error:
        raise ModelFileError(f"damaged: equations[{row}].tokens ({error}); save the model again with save()") from None
    if expression.complexity > _MOST_NODES or any(variable >= n_columns for variable in expression.variables):
        raise _damaged(f"equations[{row}].tokens")
    return expression


def _checked(data: dict[str, Any], key: str, valid: Any) -> Any:
    if key not in data or not valid(data[key]):
        raise _damaged(key)
    return data[key]


def _damaged(where: str) -> ModelFileError:
    return ModelFileError(f"damaged: {where} is missing or not valid; save the model again with save()")


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_finite(value: Any) -> bool:
    return (_is_integer(value) or isinstance(value, float)) and abs(value) <= sys.float_info.max


def _is_number(value: Any) -> bool:
    return value in _WORDS if isinstance(value, str) else _is_finite(value)


def _are_names(value: Any, n: int) -> bool:
    return isinstance(value, list) and len(value) == n and all(isinstance(name, str) for name in value)


def _are_columns(value: Any, n: int) -> bool:
    return isinstance(value, list) and all(_is_integer(column) and 0 <= column < n for column in value)


def _number(entry: dict[str, Any], name: str, where: str) -> float:
    if not _is_number(entry.get(name)):
        raise _damaged(f"{where}.{name}")
    return float(entry[name])


def _to_json(value: Any) -> Any:
    """Number as JSON; those that JSON lacks become text that ``float`` reads."""
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value) if math.isfinite(value) else str(float(value))
    return value


def _from_json(value: Any) -> Any:
    return float(value) if isinstance(value, str) and value in _WORDS else value


def _parameter(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.bool_)):
        value = value.tolist()
    if isinstance(value, EquateConfig):
        value = dataclasses.asdict(value)
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(value, (list, tuple)):
        return [_parameter(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _parameter(item) for key, item in value.items()}
    if value is None or isinstance(value, (bool, str)):
        return value
    return _to_json(value) if isinstance(value, Real) else None  # a generator has no text


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
