"""The set encoder of Biggio et al. 2021: induced set attention blocks and pooling by attention.

Blocks after Lee et al. 2019, with the details of the published model: bits of raw half-precision numbers without a
projection, scores divided by the root of the whole width, the residual on the projected query.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from nesymres_sk.model.config import ModelConfig
from nesymres_sk.model.numbers import FEATURES, encode_numbers


class AttentionBlock(nn.Module):
    """Multi-head attention block: queries attend to a set, then a one-layer ReLU network."""

    def __init__(self, query_size: int, set_size: int, width: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.scale = 1.0 / math.sqrt(width)
        self.query = nn.Linear(query_size, width)
        self.key = nn.Linear(set_size, width)
        self.value = nn.Linear(set_size, width)
        self.attention_norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, queries: Tensor, items: Tensor, mask: Tensor | None = None) -> Tensor:
        """[B, q, query_size] and [B, s, set_size] to [B, q, width]; ``mask`` [B, 1, 1, s]."""
        query, key, value = (
            x.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)
            for x in (self.query(queries), self.key(items), self.value(items))
        )
        read = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=self.scale)
        x = self.attention_norm((query + read).transpose(1, 2).flatten(2))
        result: Tensor = self.norm(x + functional.relu(self.out(x)))
        return result


class InducedBlock(nn.Module):
    """Attention of a set to itself by way of a few learned inducing points."""

    def __init__(self, size: int, config: ModelConfig) -> None:
        super().__init__()
        self.inducing = nn.Parameter(torch.empty(config.n_inducing, config.width))
        nn.init.xavier_uniform_(self.inducing)
        self.gather = AttentionBlock(config.width, size, config.width, config.n_heads)
        self.spread = AttentionBlock(size, config.width, config.width, config.n_heads)

    def forward(self, items: Tensor, mask: Tensor) -> Tensor:
        """[B, N, size] to [B, N, width]; rows outside of the mask are undefined."""
        gathered = self.gather(self.inducing.expand(items.shape[0], -1, -1), items, mask)
        result: Tensor = self.spread(items, gathered)
        return result


class SetTransformerEncoder(nn.Module):
    """Induced set attention blocks on the bits of the points, pooled by learned seeds."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.encoding = config.number_encoding
        bits = (config.max_variables + 1) * FEATURES[config.number_encoding]
        sizes = [bits] + [config.width] * config.n_latent_layers
        self.blocks = nn.ModuleList(InducedBlock(size, config) for size in sizes)
        self.seeds = nn.Parameter(torch.empty(config.n_latents, config.width))
        nn.init.xavier_uniform_(self.seeds)
        self.pool = AttentionBlock(config.width, config.width, config.width, config.n_heads)

    def hidden_modules(self) -> list[nn.Module]:
        """Modules whose matrices map hidden to hidden vectors."""
        return [*self.blocks[1:], self.pool]

    def forward(self, points: Tensor, n_points: Tensor, present: Tensor, log_scales: Tensor) -> Tensor:
        """Memory [B, k, width]; shapes as in :meth:`nesymres_sk.model.network.Network.encode`."""
        # the original reads the user's own numbers, so the division by the scales is undone
        raw = points * torch.exp(log_scales)[:, None]
        features = encode_numbers(raw, present, self.encoding)
        x = features.flatten(2)
        mask = (torch.arange(points.shape[1], device=points.device) < n_points[:, None])[:, None, None, :]
        for block in self.blocks:
            x = block(x, mask)
        result: Tensor = self.pool(self.seeds.expand(points.shape[0], -1, -1), x, mask)
        return result
