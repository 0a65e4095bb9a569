"""The decoder: tokens so far and the memory of a table to the logits of the next token."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from nesymres_sk.model.config import SET_TRANSFORMER, ModelConfig
from nesymres_sk.model.layers import Attention, FeedForward, attend


class DecoderCache:
    """Keys and values of the hypotheses of one decoding run.

    Parameters
    ----------
    cross : list of (tensor, tensor)
        Keys and values [B, h, k, d] of the memory, one pair per layer. With B = 1 all hypotheses belong to one problem
        and share them; otherwise there is one row per hypothesis.
    n_positions : int
        Longest sequence.

    Attributes
    ----------
    length : int
        Tokens read so far.
    own : tensor [n_positions, layers, 2, n, width]
        Keys and values of the tokens read so far. Positions come first, so that the part in use is contiguous.
    """

    def __init__(self, cross: list[tuple[Tensor, Tensor]], n_positions: int) -> None:
        self.cross = cross
        self.n_positions = n_positions
        self.length = 0
        # two flat buffers that change places: new memory in every step would cost more than the copy into it
        self._used = self._free = cross[0][0].new_empty(0)
        self.own = self._claim(0)

    def _claim(self, n: int) -> Tensor:
        """Room for n hypotheses in the free buffer, which becomes the used one."""
        _, heads, _, size = self.cross[0][0].shape
        shape = (self.n_positions, len(self.cross), 2, n, heads * size)
        needed = math.prod(shape)
        if len(self._free) < needed:
            self._free = self._free.new_empty(needed)
        self._used, self._free = self._free, self._used
        return self._used[:needed].view(shape)

    def advance(self, n: int) -> int:
        """Position of the next token of n hypotheses; the first call makes room for them."""
        if self.length == self.n_positions:
            raise ValueError(f"the network has {self.n_positions} positions, and all of them are in use")
        if self.length == 0:
            self.own = self._claim(n)
        self.length += 1
        return self.length - 1

    @torch.inference_mode()
    def reorder(self, index: Tensor) -> None:
        """Keep, drop or repeat hypotheses.

        Parameters
        ----------
        index : int tensor [m]
            Present row that each of the m hypotheses from now on continues.
        """
        if self.length > 0:
            old = self.own
            self.own = self._claim(len(index))
            torch.index_select(old[: self.length], 3, index, out=self.own[: self.length])
        if len(self.cross[0][0]) > 1:
            self.cross = [(key[index], value[index]) for key, value in self.cross]


class DecoderLayer(nn.Module):
    """Causal self-attention, attention to the memory and a feed-forward network.

    Pre-norm with GELU and without biases, or post-norm with ReLU and biases as in the 2021 paper.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.post_norm = config.architecture == SET_TRANSFORMER
        bias = self.post_norm
        self.attention_norm = nn.LayerNorm(config.width, bias=bias)
        self.attention = Attention(config.width, config.n_heads, bias)
        self.cross_norm = nn.LayerNorm(config.width, bias=bias)
        self.cross = Attention(config.width, config.n_heads, bias)
        self.ffn_norm = nn.LayerNorm(config.width, bias=bias)
        self.ffn = FeedForward(config.width, config.ffn_multiple * config.width, bias, relu=self.post_norm)

    def _add(self, x: Tensor, norm: nn.Module, block: Callable[[Tensor], Tensor]) -> Tensor:
        result: Tensor = norm(x + block(x)) if self.post_norm else x + block(norm(x))
        return result

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        """[B, t, width] to [B, t, width], with a memory [B, k, width]."""
        x = self._add(x, self.attention_norm, lambda h: self.attention(h, causal=True))
        x = self._add(x, self.cross_norm, lambda h: self.cross.cross(h, memory))
        return self._add(x, self.ffn_norm, self.ffn)

    def keys_values(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values [B, h, k, d] of a memory [B, k, width]."""
        return self.cross.keys_values(memory)

    def step(self, x: Tensor, own: Tensor, cross: tuple[Tensor, Tensor], position: int) -> Tensor:
        """One position of n hypotheses.

        Parameters
        ----------
        x : tensor [n, width]
        own : tensor [positions, 2, n, width]
            Keys and values of earlier positions; those of this one are written to it.
        cross : (tensor, tensor)
            Keys and values of the memory, [1 or n, h, k, d].
        position : int

        Returns
        -------
        tensor [n, width]
        """

        def read_own(h: Tensor) -> Tensor:
            layer = self.attention
            own[position, 0] = layer.key(h)
            own[position, 1] = layer.value(h)
            past = own[: position + 1].unflatten(-1, (layer.n_heads, -1))
            # a single query: products and sums take a third of the time of the fused attention, which is made for many
            query = layer.query(h).unflatten(-1, (layer.n_heads, -1))
            weights = ((past[:, 0] * query).sum(-1) / math.sqrt(query.shape[-1])).softmax(0)
            result: Tensor = layer.out((past[:, 1] * weights[..., None]).sum(0).flatten(1))
            return result

        def read_memory(h: Tensor) -> Tensor:
            layer = self.cross
            key, value = cross
            query = layer.query(h)
            # the hypotheses of one problem are the queries of one attention, so that its memory is never copied
            shared = key.shape[0] == 1
            read = attend(layer.heads(query[None] if shared else query[:, None]), key, value)
            result: Tensor = layer.out(read[0] if shared else read[:, 0])
            return result

        x = self._add(x, self.attention_norm, read_own)
        x = self._add(x, self.cross_norm, read_memory)
        return self._add(x, self.ffn_norm, self.ffn)


class Decoder(nn.Module):
    """Token and position embeddings, decoder layers and the output layer."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.n_tokens = len(config.tokens)
        self.embedding = nn.Embedding(config.vocabulary_size, config.width)
        self.positions = nn.Embedding(config.n_positions, config.width)
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.n_decoder_layers))
        post_norm = config.architecture == SET_TRANSFORMER
        self.norm = nn.Identity() if post_norm else nn.LayerNorm(config.width, bias=False)
        self.output = nn.Linear(config.width, config.vocabulary_size, bias=post_norm)

    def _layers(self) -> list[DecoderLayer]:
        return list(self.layers)  # type: ignore[arg-type]

    def _logits(self, x: Tensor) -> Tensor:
        result: Tensor = self.output(self.norm(x))[..., : self.n_tokens]
        return result

    def forward(self, memory: Tensor, tokens: Tensor) -> Tensor:
        """Logits [B, t, V] of the token after each of ``tokens`` [B, t], given a memory [B, k, width]."""
        x = self.embedding(tokens.long()) + self.positions.weight[: tokens.shape[1]]
        for layer in self.layers:
            x = layer(x, memory)
        return self._logits(x)

    def start_cache(self, memory: Tensor) -> DecoderCache:
        """Cache of a memory [B, k, width] before the first token."""
        cross = [layer.keys_values(memory) for layer in self._layers()]
        return DecoderCache(cross, self.positions.num_embeddings)

    def step(self, tokens: Tensor, cache: DecoderCache) -> Tensor:
        """Logits [n, V] after one more token [n] of every hypothesis; the cache moves on by one position."""
        position = cache.advance(len(tokens))
        x = self.embedding(tokens.long()) + self.positions.weight[position]
        for index, layer in enumerate(self._layers()):
            x = layer.step(x, cache.own[:, index], cache.cross[index], position)
        return self._logits(x)
