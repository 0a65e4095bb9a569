"""Latents that read a set of points: the encoder of the ``perceiver`` architecture."""

from __future__ import annotations

from contextlib import nullcontext
from itertools import pairwise

import torch
from torch import Tensor, nn

from nesymres_sk.model.config import SCIENTIFIC, ModelConfig
from nesymres_sk.model.layers import Attention, FeedForward
from nesymres_sk.model.numbers import FEATURES, LOG_SCALE_FEATURES, encode_log_scales, encode_numbers


class PointEmbedding(nn.Module):
    """Number features of the points, and the scales that they were divided by, to one vector per point.

    The scales belong to the whole problem; their share of the hidden layer is computed once and added to all points,
    which equals appending them to every point.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        columns = config.max_variables + 1
        self.encoding = config.number_encoding
        self.columns = columns
        self.numbers = nn.Linear(columns * FEATURES[config.number_encoding], config.width)
        self.scales = nn.Linear(columns * LOG_SCALE_FEATURES, config.width, bias=False)
        self.activation = nn.GELU()
        self.hidden = nn.Linear(config.width, config.width, bias=False)
        self.norm = nn.LayerNorm(config.width, bias=False)

    def forward(self, points: Tensor, present: Tensor, log_scales: Tensor) -> Tensor:
        """[B, N, columns] to [B, N, width]."""
        features = encode_numbers(points, present, self.encoding)
        scales = self.scales(encode_log_scales(log_scales, present).flatten(1))
        # bits are exact in bfloat16, of a mantissa it would leave eight bits
        exact = torch.autocast(points.device.type, enabled=False) if self.encoding == SCIENTIFIC else nullcontext()
        with exact:
            numbers = self.numbers(features.flatten(2))
        hidden = numbers + scales[:, None]
        result: Tensor = self.norm(self.hidden(self.activation(hidden)))
        return result


class EncoderLayer(nn.Module):
    """Pre-norm layer of the latents: attention, to the points or among themselves, and a feed-forward network."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(config.width, bias=False)
        self.attention = Attention(config.width, config.n_heads, bias=False)
        self.ffn_norm = nn.LayerNorm(config.width, bias=False)
        self.ffn = FeedForward(config.width, config.ffn_multiple * config.width, bias=False, relu=False)

    def forward(self, latents: Tensor, points: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """New latents [B, k, width]; with ``points`` [B, N, width] they read them, else each other."""
        x = self.attention_norm(latents)
        attended = self.attention(x) if points is None else self.attention.cross(x, points, mask)
        latents = latents + attended
        result: Tensor = latents + self.ffn(self.ffn_norm(latents))
        return result


class PerceiverEncoder(nn.Module):
    """Learned latents that read the points ``n_cross`` times, with self-attention layers in between."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.embedding = PointEmbedding(config)
        self.latents = nn.Parameter(torch.randn(config.n_latents, config.width) * 0.1)
        self.cross_layers = nn.ModuleList(EncoderLayer(config) for _ in range(config.n_cross))
        self.latent_layers = nn.ModuleList(EncoderLayer(config) for _ in range(config.n_latent_layers))
        self.norm = nn.LayerNorm(config.width, bias=False)
        # latent layers that follow each look at the points, as even as can be with the surplus at the end
        bounds = [config.n_latent_layers * i // config.n_cross for i in range(config.n_cross + 1)]
        self.spans = list(pairwise(bounds))

    def hidden_modules(self) -> list[nn.Module]:
        """Modules whose matrices map hidden to hidden vectors."""
        return [self.embedding.hidden, self.cross_layers, self.latent_layers]

    def forward(self, points: Tensor, n_points: Tensor, present: Tensor, log_scales: Tensor) -> Tensor:
        """Memory [B, k, width]; shapes as in :meth:`nesymres_sk.model.network.Network.encode`."""
        embedded = self.embedding(points, present, log_scales)
        mask = (torch.arange(points.shape[1], device=points.device) < n_points[:, None])[:, None, None, :]
        latents = self.latents.expand(points.shape[0], -1, -1)
        for cross, (begin, end) in zip(self.cross_layers, self.spans, strict=True):
            latents = cross(latents, embedded, mask)
            for layer in self.latent_layers[begin:end]:
                latents = layer(latents)
        result: Tensor = self.norm(latents)
        return result
