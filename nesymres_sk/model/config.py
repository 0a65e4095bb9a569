"""The shape of a network, and the presets that the recipes and weights are named after."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields

from nesymres_sk.expressions import vocabulary as v

PERCEIVER = "perceiver"
SET_TRANSFORMER = "set_transformer"
TOTAL = "total"
HALF = "half"
SCIENTIFIC = "scientific"
ENCODINGS = (TOTAL, HALF, SCIENTIFIC)
_MAY_BE_NONE = ("n_latent_layers", "n_inducing")


@dataclass(frozen=True)
class ModelConfig:
    """Everything that is needed to build a network; it travels in the header of every checkpoint.

    Attributes
    ----------
    architecture : {"perceiver", "set_transformer"}
        Encoder and style of the blocks: latents that cross-attend to the points and pre-norm blocks without
        biases, or the induced set attention and post-norm blocks of Biggio et al. 2021.
    width : int
        Size of every embedding.
    n_heads : int
        Attention heads; divides ``width``.
    n_latents : int
        Vectors in the memory that the decoder reads (the seeds of the pooling in the set transformer).
    n_cross : int
        Times that the latents attend to the points; the set transformer pools once, at its end.
    n_latent_layers : int
        Self-attention layers of the latents; in the set transformer, induced set attention blocks after the first.
    n_decoder_layers : int
        Layers of the decoder.
    ffn_multiple : int
        Hidden size of the feed-forward networks as a multiple of ``width``.
    n_inducing : int
        Inducing points of the set transformer.
    number_encoding : {"total", "half", "scientific"}
        Features of a number, see :mod:`nesymres_sk.model.numbers`.
    max_length : int
        Longest expression, in nodes, without the start and end tokens.
    n_positions : int
        Learned positions of the decoder, at least ``max_length + 1``.
    max_variables : int
        Columns ``x1`` … that are read; further ones are ignored.
    vocabulary_size : int
        Rows of the embedding and the output layer, at least ``len(tokens)``; surplus rows are never used.
    tokens : tuple of str
        Names of the tokens that the network was built for.
    """

    architecture: str = PERCEIVER
    width: int = 256
    n_heads: int = 8
    n_latents: int = 32
    n_cross: int = 2
    n_latent_layers: int = 6
    n_decoder_layers: int = 4
    ffn_multiple: int = 4
    n_inducing: int = 0
    number_encoding: str = TOTAL
    max_length: int = 40
    n_positions: int = 41
    max_variables: int = v.MAX_VARIABLES
    vocabulary_size: int = v.SIZE
    tokens: tuple[str, ...] = v.TOKENS

    def __post_init__(self) -> None:
        for name in (field.name for field in fields(self) if field.type == "int"):
            value, least = getattr(self, name), 0 if name in _MAY_BE_NONE else 1
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise ValueError(f"{name} is a whole number of at least {least}, got {value!r}")
        if self.architecture not in (PERCEIVER, SET_TRANSFORMER):
            raise ValueError(f"architecture is {PERCEIVER!r} or {SET_TRANSFORMER!r}, got {self.architecture!r}")
        if self.number_encoding not in ENCODINGS:
            raise ValueError(f"number_encoding is one of {', '.join(ENCODINGS)}, got {self.number_encoding!r}")
        if self.architecture == SET_TRANSFORMER and self.n_inducing == 0:
            raise ValueError(f"the architecture {SET_TRANSFORMER} needs inducing points: n_inducing of at least 1")
        if self.max_variables > v.MAX_VARIABLES:
            raise ValueError(f"max_variables is at most {v.MAX_VARIABLES}, got {self.max_variables}")
        if self.width % self.n_heads:
            raise ValueError(f"width {self.width} is not a multiple of n_heads {self.n_heads}")
        if self.n_positions <= self.max_length:
            raise ValueError(f"n_positions {self.n_positions} must exceed max_length {self.max_length}")
        if self.vocabulary_size < len(self.tokens):
            raise ValueError(f"vocabulary_size {self.vocabulary_size} is below the number of tokens {len(self.tokens)}")

    def to_json(self) -> str:
        """The configuration as one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> ModelConfig:
        """The configuration that :meth:`to_json` wrote.

        Raises
        ------
        ValueError
            If the text is no JSON object or has settings that this version does not know.
        """
        values = json.loads(text)
        if not isinstance(values, dict):
            raise ValueError("a model configuration is a JSON object")
        unknown = sorted(set(values) - {field.name for field in fields(cls)})
        if unknown:
            raise ValueError(f"unknown settings in the model configuration: {', '.join(unknown)}")
        if "tokens" in values:
            values["tokens"] = tuple(values["tokens"])
        return cls(**values)


#: The shapes that recipes, documentation and weights refer to by name.
PRESETS: dict[str, ModelConfig] = {
    # for the GPU, 10.7 M parameters
    "base": ModelConfig(),
    # for training on a few CPU cores in an hour or two
    "small": ModelConfig(width=128, n_latents=16, n_latent_layers=2, n_decoder_layers=3),
    # for tests and examples
    "tiny": ModelConfig(width=64, n_heads=4, n_latents=8, n_cross=1, n_latent_layers=1, n_decoder_layers=2),
    # Biggio et al. 2021, encoder 11.02 M and decoder 13.15 M parameters
    "paper": ModelConfig(
        architecture=SET_TRANSFORMER,
        width=512,
        n_latents=10,
        n_cross=1,
        n_latent_layers=4,
        n_decoder_layers=5,
        ffn_multiple=1,
        n_inducing=50,
        number_encoding=HALF,
        n_positions=60,
        max_variables=3,
        vocabulary_size=60,
    ),
}
