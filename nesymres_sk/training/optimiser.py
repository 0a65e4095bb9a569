"""Muon for the hidden matrices and AdamW for everything else, as one optimiser without a host synchronisation.

Muon (Jordan et al. 2024) replaces the momentum of a matrix by its nearest semi-orthogonal matrix, found with five
Newton-Schulz steps; scaled by ``0.2 * sqrt(max dimension)`` (Liu et al. 2025) its entries move as far as AdamW's do.
Matrices of one shape are stacked, so that a step costs a few batched products whatever the depth of the network.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nesymres_sk.training.distributed import Group

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
ADAM_BETAS = (0.9, 0.95)
ADAM_EPSILON = 1e-8


def orthogonalise(matrices: Tensor, steps: int = 5) -> Tensor:
    """Approximate orthogonal factors of a stack of matrices.

    Parameters
    ----------
    matrices : Tensor of shape (k, m, n)
    steps : int
        Newton-Schulz iterations.

    Returns
    -------
    Tensor of shape (k, m, n)
        ``U V^T`` of each matrix with singular values between about 0.7 and 1.2; bfloat16 on CUDA, else float32.
    """
    a, b, c = NEWTON_SCHULZ
    x = matrices.bfloat16() if matrices.is_cuda else matrices.float()
    wide = x.size(-2) <= x.size(-1)
    if not wide:
        x = x.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x if wide else x.mT


class Optimiser:
    """Muon and AdamW over one network, with clipping and skipping of non-finite gradients on the device.

    A step whose gradient norm is not finite changes neither weights nor state. The decision stays a tensor, so that
    no step waits for the device.

    Parameters
    ----------
    matrices : list of Parameter
        Matrices between hidden layers, for Muon.
    rest : list of Parameter
        All other parameters, for AdamW.
    muon_rate, adam_rate : float
        Peak learning rates.
    momentum, weight_decay, clip : float
        Nesterov momentum of Muon, decoupled decay of every matrix, bound on the norm of the whole gradient.
    group : Group or None
        Processes with equal gradients, among which Muon's work is shared.
    """

    def __init__(
        self,
        matrices: list[nn.Parameter],
        rest: list[nn.Parameter],
        *,
        muon_rate: float,
        adam_rate: float,
        momentum: float = 0.95,
        weight_decay: float = 0.01,
        clip: float = 1.0,
        group: Group | None = None,
    ) -> None:
        self.group = Group() if group is None else group
        self.parameters: list[Tensor] = [*matrices, *rest]
        self.rest: list[Tensor] = list(rest)
        self.rest_decayed: list[Tensor] = [parameter for parameter in rest if parameter.ndim >= 2]
        by_shape: dict[tuple[int, ...], list[Tensor]] = {}
        for matrix in matrices:
            by_shape.setdefault(tuple(matrix.shape), []).append(matrix)
        self.stacks: list[list[Tensor]] = list(by_shape.values())
        self.muon_rate, self.adam_rate = muon_rate, adam_rate
        self.momentum, self.weight_decay, self.clip = momentum, weight_decay, clip
        device = self.parameters[0].device
        size = sum(parameter.numel() for parameter in self.rest)
        self.momenta = [torch.zeros((len(stack), *stack[0].shape), device=device) for stack in self.stacks]
        self.first = torch.zeros(size, device=device)
        self.second = torch.zeros(size, device=device)
        self.steps = torch.zeros((), device=device)

    @torch.no_grad()
    def step(self, factor: float) -> tuple[Tensor, Tensor]:
        """Apply the gradients and clear them.

        Parameters
        ----------
        factor : float
            Schedule's multiplier of both learning rates.

        Returns
        -------
        norm, taken : Tensor of shape ()
            Norm of the gradient before clipping; 1.0 if the step was taken and 0.0 if it was skipped.
        """
        gradients = [
            torch.zeros_like(parameter) if parameter.grad is None else parameter.grad for parameter in self.parameters
        ]
        by_parameter = {id(parameter): gradient for parameter, gradient in zip(self.parameters, gradients, strict=True)}
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
        taken = norm.isfinite().float()
        scale = (self.clip / (norm + 1e-6)).clamp(max=1.0)
        for stack, momentum in zip(self.stacks, self.momenta, strict=True):
            gradient = self._finite(torch.stack([by_parameter[id(matrix)] for matrix in stack]), scale, taken)
            momentum.lerp_(gradient, (1.0 - self.momentum) * taken)
            update = self.group.share(orthogonalise, gradient.lerp_(momentum, self.momentum)).float()
            rate = factor * self.muon_rate * taken
            self._decay(stack, rate)
            update = update * (-0.2 * max(stack[0].shape) ** 0.5 * rate)
            torch._foreach_add_(stack, update.unbind(0))
        if self.rest:
            self._adam(by_parameter, scale, taken, factor * self.adam_rate * taken)
        for parameter in self.parameters:
            parameter.grad = None
        return norm, taken

    def _adam(self, gradients: dict[int, Tensor], scale: Tensor, taken: Tensor, rate: Tensor) -> None:
        gradient = torch.cat([gradients[id(parameter)].reshape(-1) for parameter in self.rest])
        gradient = self._finite(gradient, scale, taken)
        beta1, beta2 = ADAM_BETAS
        self.steps.add_(taken)
        self.first.lerp_(gradient, (1.0 - beta1) * taken)
        self.second.lerp_(gradient.square_(), (1.0 - beta2) * taken)
        # a first step that is skipped has no correction yet; its rate is zero
        count = self.steps.clamp(min=1.0)
        deviation = (self.second / (1.0 - beta2**count)).sqrt_().add_(ADAM_EPSILON)
        update = (self.first / deviation).mul_(-rate / (1.0 - beta1**count))
        self._decay(self.rest_decayed, rate)
        pieces = torch.split(update, [parameter.numel() for parameter in self.rest])
        torch._foreach_add_(
            self.rest, [piece.view_as(parameter) for piece, parameter in zip(pieces, self.rest, strict=True)]
        )

    @staticmethod
    def _finite(gradient: Tensor, scale: Tensor, taken: Tensor) -> Tensor:
        """Clipped gradient, or zeros where the whole step is skipped."""
        return torch.where(taken > 0.0, gradient * scale, torch.zeros_like(gradient))

    def _decay(self, parameters: list[Tensor], rate: Tensor) -> None:
        if parameters:
            torch._foreach_mul_(parameters, 1.0 - self.weight_decay * rate)

    def state(self) -> dict[str, Any]:
        """Everything :meth:`load_state` needs, as plain containers of tensors."""
        return {"momenta": self.momenta, "first": self.first, "second": self.second, "steps": self.steps}

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue from a state of the same network."""
        mine_all = [*self.momenta, self.first, self.second, self.steps]
        saved_all = [*state["momenta"], state["first"], state["second"], state["steps"]]
        for mine, saved in zip(mine_all, saved_all, strict=True):
            mine.copy_(saved)
