"""The network: a table of points to the logits of a prefix skeleton."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from nesymres_sk.model.config import SET_TRANSFORMER, ModelConfig
from nesymres_sk.model.decoder import Decoder, DecoderCache
from nesymres_sk.model.encoder import PerceiverEncoder
from nesymres_sk.model.layers import Attention, FeedForward
from nesymres_sk.model.set_transformer import SetTransformerEncoder


class Network(nn.Module):
    """Set encoder and causal decoder (Biggio et al. 2021, section 3).

    Parameters
    ----------
    config : ModelConfig

    Notes
    -----
    In the shapes below B is the number of problems, N of rows of points, k of latents, w the width, T the length of
    the token sequences with start, end and padding, and V the number of tokens.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        paper = config.architecture == SET_TRANSFORMER
        self.encoder = SetTransformerEncoder(config) if paper else PerceiverEncoder(config)
        self.decoder = Decoder(config)
        if not paper:
            self._initialise()

    def _initialise(self) -> None:
        """Small embeddings, and residual branches that shrink with the depth of their stack."""
        config = self.config
        depth = {
            self.encoder: 2 * (config.n_cross + config.n_latent_layers),
            self.decoder: 3 * config.n_decoder_layers,
        }
        for stack, branches in depth.items():
            for module in stack.modules():
                if isinstance(module, nn.Embedding):
                    nn.init.normal_(module.weight, std=0.1)
                elif isinstance(module, (Attention, FeedForward)):
                    with torch.no_grad():
                        module.out.weight.mul_(1.0 / math.sqrt(branches))

    def encode(
        self,
        points: Tensor,
        n_points: Tensor,
        present: Tensor,
        log_scales: Tensor,
        condition: Tensor | None = None,
    ) -> Tensor:
        """Read tables.

        Parameters
        ----------
        points : float32 tensor [B, N, 11]
            Columns x1 … x10 and y, each divided by its scale; absent columns and rows past ``n_points`` are 0.
        n_points : int tensor [B]
            Rows that count, at least 1.
        present : bool tensor [B, 11]
            Columns that exist.
        log_scales : float32 tensor [B, 11]
            Natural logarithms of the scales.
        condition : tensor [B, k, w], optional
            What is known beforehand, added to the memory; nothing is the same as zeros.

        Returns
        -------
        tensor [B, k, w]
            The memory that the decoder reads.
        """
        variables = self.config.max_variables
        if variables + 1 < points.shape[-1]:
            points, present, log_scales = (
                torch.cat([x[..., :variables], x[..., -1:]], dim=-1) for x in (points, present, log_scales)
            )
        memory: Tensor = self.encoder(points, n_points, present, log_scales)
        return memory if condition is None else memory + condition

    def decode(self, memory: Tensor, tokens: Tensor) -> Tensor:
        """Logits [B, t, V] of the token after each of the int tokens [B, t], given a memory [B, k, w]."""
        logits: Tensor = self.decoder(memory, tokens)
        return logits

    def forward(
        self,
        points: Tensor,
        n_points: Tensor,
        present: Tensor,
        log_scales: Tensor,
        tokens: Tensor,
        condition: Tensor | None = None,
    ) -> Tensor:
        """Teacher forcing: logits [B, T - 1, V] of ``tokens[:, 1:]``; parameters as in :meth:`encode`."""
        return self.decode(self.encode(points, n_points, present, log_scales, condition), tokens[:, :-1])

    @torch.inference_mode()
    def start_cache(self, memory: Tensor) -> DecoderCache:
        """Prepare decoding.

        Parameters
        ----------
        memory : tensor [B, k, w]
            Memory of one problem (B = 1), which any number of hypotheses then share, or one row per hypothesis.

        Returns
        -------
        DecoderCache
        """
        return self.decoder.start_cache(memory)

    def step(self, tokens: Tensor, cache: DecoderCache) -> Tensor:
        """Read one more token of every hypothesis.

        Parameters
        ----------
        tokens : int tensor [n]
            The start token at first. The first step fixes n, later ones follow :meth:`DecoderCache.reorder`.
        cache : DecoderCache

        Returns
        -------
        tensor [n, V]
            Logits of the next token.
        """
        with torch.inference_mode():
            logits = self.decoder.step(tokens, cache)
        # a copy made outside of inference mode may be changed in place by a caller outside of it
        return logits.clone()

    def parameter_groups(self) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
        """Matrices between hidden layers, for Muon, and all other parameters, for AdamW."""
        blocks = [*self.encoder.hidden_modules(), self.decoder.layers]
        chosen = {id(module.weight) for block in blocks for module in block.modules() if isinstance(module, nn.Linear)}
        matrices: list[nn.Parameter] = []
        others: list[nn.Parameter] = []
        for parameter in self.parameters():
            (matrices if id(parameter) in chosen else others).append(parameter)
        return matrices, others
