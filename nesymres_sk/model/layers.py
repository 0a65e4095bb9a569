"""Attention and feed-forward blocks that encoder and decoder share."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


def project(x: Tensor, *layers: nn.Linear) -> tuple[Tensor, ...]:
    """Several linear layers on one input, as a single matrix product.

    The weights stay separate parameters because Muon orthogonalises each matrix by itself, but ``x`` is read once.

    Parameters
    ----------
    x : tensor [..., width]
    *layers : torch.nn.Linear
        Layers with equal output size.

    Returns
    -------
    tuple of tensor [..., out]
    """
    weight = torch.cat([layer.weight for layer in layers])
    bias = None if layers[0].bias is None else torch.cat([layer.bias for layer in layers])
    return functional.linear(x, weight, bias).chunk(len(layers), dim=-1)


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None, causal: bool = False) -> Tensor:
    """Scaled dot product attention of [B, h, t, d] heads, as [B, t, h * d]."""
    result = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=causal)
    return result.transpose(1, 2).flatten(2)


class Attention(nn.Module):
    """Multi-head attention with separate query, key, value and output matrices."""

    def __init__(self, width: int, n_heads: int, bias: bool) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.query = nn.Linear(width, width, bias=bias)
        self.key = nn.Linear(width, width, bias=bias)
        self.value = nn.Linear(width, width, bias=bias)
        self.out = nn.Linear(width, width, bias=bias)

    def heads(self, x: Tensor) -> Tensor:
        """[B, t, width] as [B, h, t, d]."""
        return x.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)

    def forward(self, x: Tensor, causal: bool = False) -> Tensor:
        """Self-attention over [B, t, width]."""
        query, key, value = project(x, self.query, self.key, self.value)
        return self.out(attend(self.heads(query), self.heads(key), self.heads(value), causal=causal))

    def cross(self, x: Tensor, context: Tensor, mask: Tensor | None = None) -> Tensor:
        """Attention of x [B, t, width] to a context [B, s, width]; ``mask`` [B, 1, 1, s] is true where it may look."""
        key, value = self.keys_values(context)
        return self.out(attend(self.heads(self.query(x)), key, value, mask=mask))

    def keys_values(self, context: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values [B, h, s, d] of a context [B, s, width]."""
        key, value = project(context, self.key, self.value)
        return self.heads(key), self.heads(value)


class FeedForward(nn.Module):
    """Two linear layers with GELU, or ReLU as in the 2021 paper, between them."""

    def __init__(self, width: int, hidden: int, bias: bool, relu: bool) -> None:
        super().__init__()
        self.up = nn.Linear(width, hidden, bias=bias)
        self.activation = nn.ReLU() if relu else nn.GELU()
        self.out = nn.Linear(hidden, width, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """[..., width] to [..., width]."""
        result: Tensor = self.out(self.activation(self.up(x)))
        return result
