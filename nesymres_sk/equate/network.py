"""EQUATE's network: a pretrained one whose memory also knows an equation, and an evaluator of that memory.

Ying et al. 2025, sections 3.3 to 3.5, for a backbone whose memory has k vectors instead of one. The data embedding is
the encoder's memory of a bag and the equation's own outputs. The equation embedding is all states of an LSTM over the
equation's tokens: with its last state alone, attention would have one key and its softmax nothing to choose from. The
fusion starts at zero, so that before training the decoder does exactly what it was pretrained to do.
"""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrize

from nesymres_sk.equate.config import EquateConfig
from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.model.layers import Attention
from nesymres_sk.model.network import Network

_HIDDEN = 1024
_RANK = 8


class EquationEncoder(nn.Module):
    """One-layer LSTM over the prefix tokens of an equation (section 3.3)."""

    def __init__(self, n_tokens: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(n_tokens, width)
        self.lstm = nn.LSTM(width, width, batch_first=True)

    def forward(self, tokens: Tensor) -> Tensor:
        """States [B, t, w] after each of the tokens [B, t]."""
        states: Tensor = self.lstm(self.embedding(tokens.long()))[0]
        return states


class Fusion(nn.Module):
    """Attention of the data's vectors to the equation's states, added to them (section 3.4)."""

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, bias=False)
        self.attention = Attention(width, n_heads, bias=False)

    def forward(self, data: Tensor, states: Tensor, mask: Tensor) -> Tensor:
        """Embedding [B, k, w] of data [B, k, w] and states [B, t, w], of which ``mask`` [B, t] marks the real ones."""
        fused: Tensor = data + self.attention.cross(self.norm(data), states, mask[:, None, None, :])
        return fused


class Evaluator(nn.Module):
    """Score of an embedding (section 3.5): how well its equation describes the data, and how short it is.

    It compares the embedding with that of the data themselves, both pooled over their vectors.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * width)
        self.hidden = nn.Linear(4 * width, _HIDDEN)
        self.out = nn.Linear(_HIDDEN, 1)

    def forward(self, embedding: Tensor, gold: Tensor) -> Tensor:
        """Scores [B] of embeddings [B, k, w], given the memory [1, k, w] of the data."""
        pooled = [part for x in (embedding, gold.expand_as(embedding)) for part in (x.mean(dim=1), x.amax(dim=1))]
        hidden = functional.relu(self.hidden(self.norm(torch.cat(pooled, dim=-1))))
        score: Tensor = self.out(hidden)[:, 0]
        return score


class LowRankUpdate(nn.Module):
    """A trainable update of small rank to a frozen matrix (LoRA), zero at first."""

    def __init__(self, n_out: int, n_in: int) -> None:
        super().__init__()
        self.down = nn.Parameter(torch.empty(_RANK, n_in))
        self.up = nn.Parameter(torch.zeros(n_out, _RANK))

    def forward(self, weight: Tensor) -> Tensor:
        """The updated matrix."""
        return weight + self.up @ self.down


class EquateNetwork(nn.Module):
    """A copy of a pretrained network with an equation encoder, a fusion and an evaluator.

    Parameters
    ----------
    backbone : Network
        Copied, never changed.
    config : EquateConfig
    generator : torch.Generator
        Initial values of the new parts; torch's global generator is left alone.
    """

    def __init__(self, backbone: Network, config: EquateConfig, generator: torch.Generator) -> None:
        super().__init__()
        self.backbone = copy.deepcopy(backbone)
        width = backbone.config.width
        with torch.device("meta"):
            self.encoder = EquationEncoder(backbone.config.vocabulary_size, width)
            self.fusion = Fusion(width, backbone.config.n_heads)
            self.evaluator = Evaluator(width)
        device = next(backbone.parameters()).device
        for part in self._heads():
            part.to_empty(device=device)
            _initialise(part, generator)
        with torch.no_grad():
            self.encoder.embedding.weight.copy_(self.backbone.decoder.embedding.weight)
            self.fusion.attention.out.weight.zero_()
            self.evaluator.out.weight.zero_()
        self.uses_equation = config.equation_encoder
        self._select(config.tuning, generator)

    def _heads(self) -> tuple[nn.Module, ...]:
        return self.encoder, self.fusion, self.evaluator

    def _select(self, tuning: str, generator: torch.Generator) -> None:
        """Which of the pretrained parameters are trained."""
        self.backbone.requires_grad_(tuning == "full")
        decoder = self.backbone.decoder
        if tuning == "last_layer":
            decoder.layers[-1].requires_grad_(True)
            decoder.norm.requires_grad_(True)
        elif tuning == "lora":
            for block in decoder.modules():
                if isinstance(block, Attention):
                    for linear in (block.query, block.value):
                        update = LowRankUpdate(linear.out_features, linear.in_features).to(linear.weight.device)
                        _normal(update.down, 1.0 / math.sqrt(linear.in_features), generator)
                        parametrize.register_parametrization(linear, "weight", update)

    def trained(self) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
        """Parameters that are trained: pretrained ones, and those of the new parts."""
        pretrained = [parameter for parameter in self.backbone.parameters() if parameter.requires_grad]
        return pretrained, [parameter for part in self._heads() for parameter in part.parameters()]

    def embed(self, data: Tensor, tokens: Tensor) -> Tensor:
        """Embeddings [B, k, w] of memories [B, k, w] and the equations' tokens [B, t], with start, end and padding."""
        if not self.uses_equation:
            return data
        fused: Tensor = self.fusion(data, self.encoder(tokens), tokens != v.PAD)
        return fused


def _initialise(part: nn.Module, generator: torch.Generator) -> None:
    for name, parameter in part.named_parameters():
        if "norm" in name:
            nn.init.constant_(parameter, 0.0 if name.endswith("bias") else 1.0)
        elif parameter.dim() == 1:
            nn.init.zeros_(parameter)
        else:
            _normal(parameter, 1.0 / math.sqrt(parameter.shape[1]), generator)


def _normal(parameter: Tensor, std: float, generator: torch.Generator) -> None:
    """Normal values from a generator of the CPU, wherever the parameter is."""
    values = torch.empty(parameter.shape).normal_(0.0, std, generator=generator)
    with torch.no_grad():
        parameter.copy_(values)
