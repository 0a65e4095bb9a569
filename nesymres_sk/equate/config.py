"""Settings of EQUATE, the fine-tuning of a pretrained network on one data set (Ying et al. 2025)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Tuning = Literal["last_layer", "full", "lora", "none"]
TUNINGS: tuple[str, ...] = ("last_layer", "full", "lora", "none")
Start = Literal["data", "records"]
STARTS: tuple[str, ...] = ("data", "records")


@dataclass(frozen=True)
class EquateConfig:
    """Settings of the fine-tuning; section numbers are those of Ying et al. 2025.

    Attributes
    ----------
    n_bags : int
        Bags of rows; each gives one record (section 3.2).
    bag_size : int
        Rows of a bag, drawn with replacement; at most four fifths of the rows.
    random_share : float
        Share of the records whose equation is a random one instead of the network's.
    simplicity : float
        Weight of the length in the score of an equation, lambda in the paper (section 3.5).
    equation_encoder : bool
        Whether the embedding sees the equation, too, or the data only (the paper's ablation).
    embedding_search : bool
        Whether the evaluator's gradient moves the embeddings (section 3.7), or they are decoded where they are. Off
        by default: with as many candidates no gain was measured (docs/equate.md).
    tuning : {"last_layer", "full", "lora", "none"}
        What is trained of the network: the last decoder layer, everything, or low-rank updates of the decoder's
        attention (table 2). ``"none"`` trains nothing and samples the network on the bags, the control that says what
        the number of candidates alone is worth.
    epochs : int
        Passes over the records.
    learning_rate : float
        Of AdamW, for what was pretrained.
    head_rate : float
        Of AdamW, for the equation encoder, the fusion and the evaluator, which start from nothing.
    batch_size : int
        Records in a step.
    preference : float
        How much more good records count than bad ones: logarithm of the ratio between the weights of the best and the
        worst, with those between by rank. 0 is the paper's, where the decoder learns good and bad ones alike.
    start : {"data", "records"}
        Where the search starts: at the embeddings of the table's own rows, fused with the best equations, or, as in
        the paper, at those of the best records, whose data are their equations' own outputs.
    n_starts : int
        Best records whose embeddings the search starts from.
    n_steps : int
        Steps of gradient ascent.
    step_size : float
        Length of a step, relative to the embedding's root mean square.
    radius : float
        Trust region: how far an embedding may move, relative to its norm.
    max_candidates : int
        Equations that the search decodes, at most.
    threshold : float
        Coefficient of determination on held-out rows at which the search ends.

    Raises
    ------
    ValueError
        If a setting is out of range.
    """

    n_bags: int = 100
    bag_size: int = 200
    random_share: float = 0.1
    simplicity: float = 0.1
    equation_encoder: bool = True
    embedding_search: bool = False
    tuning: Tuning = "last_layer"
    epochs: int = 10
    learning_rate: float = 1e-3
    head_rate: float = 3e-3
    batch_size: int = 25
    preference: float = 5.0
    start: Start = "data"
    n_starts: int = 10
    n_steps: int = 20
    step_size: float = 0.05
    radius: float = 0.5
    max_candidates: int = 100
    threshold: float = 0.9999

    def __post_init__(self) -> None:
        if self.tuning not in TUNINGS:
            raise ValueError(f"tuning must be one of {', '.join(TUNINGS)}, got {self.tuning!r}")
        if self.start not in STARTS:
            raise ValueError(f"start must be one of {', '.join(STARTS)}, got {self.start!r}")
        for name in ("n_bags", "bag_size", "epochs", "batch_size", "n_starts", "n_steps", "max_candidates"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("simplicity", "learning_rate", "head_rate", "preference", "step_size", "radius"):
            if not getattr(self, name) >= 0.0:
                raise ValueError(f"{name} must not be negative, got {getattr(self, name)}")
        if not 0.0 <= self.random_share <= 1.0:
            raise ValueError(f"random_share must be between 0 and 1, got {self.random_share}")

    @classmethod
    def paper(cls, **changes: Any) -> EquateConfig:
        """The recipe of Ying et al. 2025 where it differs from the defaults, with any further ``changes``."""
        recipe: dict[str, Any] = {"learning_rate": 1e-4, "head_rate": 1e-3, "preference": 0.0}
        recipe |= {"start": "records", "embedding_search": True}
        return cls(**{**recipe, **changes})
