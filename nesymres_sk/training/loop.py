"""The training loop: streamed problems, one optimiser, averaged weights, and files that survive a kill."""

from __future__ import annotations

import copy
import dataclasses
import json
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from nesymres_sk.model.checkpoint import save_network
from nesymres_sk.model.inputs import Batch
from nesymres_sk.model.network import Network
from nesymres_sk.training import state as files
from nesymres_sk.training.batches import StepBatch, stream_steps, to_step
from nesymres_sk.training.device import allow_shapes, device_name
from nesymres_sk.training.distributed import Group
from nesymres_sk.training.evaluation import Evaluation, evaluate, predict, token_loss
from nesymres_sk.training.log import Log
from nesymres_sk.training.meter import Meter
from nesymres_sk.training.optimiser import Optimiser
from nesymres_sk.training.recipe import Recipe
from nesymres_sk.training.schedule import Schedule

PRINT_SECONDS = 20.0
HELD_OUT_SEED = 20_240_229
#: Steps of warm-up from weights that have been trained: by then the moments of the gradients, which decay by 0.95 a
#: step, are what they would have been, and nothing else has to settle.
RESTART_STEPS = 20


@dataclass
class Progress:
    """What a run has done so far; part of its checkpoint."""

    step: int = 0
    first_step: int = 0
    problems: int = 0
    elapsed: float = 0.0
    skipped: int = 0


class Trainer:
    """Trains one network for a time.

    Parameters
    ----------
    recipe : Recipe
    out : Path
        Directory of the log, the state and the exported weights.
    device : torch.device
    time_limit : float
        Seconds for this run, counted from ``started``.
    total_time : float or None
        Seconds of the whole schedule when several runs share it; by default this run's.
    resume : Path or None
        Directory to continue from: its full state, else its exported weights with a short warm-up; or the name
        of weights in the registry.
    seed : int
    group : Group
        Processes that train together.
    compiled : bool
        Compile the network; batches then keep their full shapes.
    started : float or None
        Moment on the clock that the time limit counts from; by default now.
    clock : callable
        What limits and schedule go by, in seconds: by default the time of day; the processor time of this process
        makes runs on a busy machine comparable.

    Raises
    ------
    ValueError
        If there is no time left to train, or nothing to resume that a network of this recipe can go on from.
    """

    def __init__(
        self,
        recipe: Recipe,
        out: Path,
        *,
        device: torch.device,
        time_limit: float,
        total_time: float | None = None,
        resume: Path | None = None,
        seed: int = 0,
        group: Group | None = None,
        compiled: bool = False,
        started: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not min(time_limit, time_limit if total_time is None else total_time) > 0.0:
            raise ValueError(f"time limits are positive seconds, got {time_limit} and {total_time} in all")
        self.recipe, self.out, self.device, self.seed = recipe, out, device, seed
        self.group = Group() if group is None else group
        self.clock = clock
        self.started = clock() if started is None else started
        self.stop = False
        self.unwritten: Exception | None = None
        out.mkdir(parents=True, exist_ok=True)
        self.log = Log(out if self.group.leads else None)
        torch.manual_seed(seed)
        self.progress = Progress()
        state = None if resume is None else files.load_state(resume)
        self.network = self._start_network(None if state is not None else resume)
        self.averaged = copy.deepcopy(self.network).requires_grad_(False).eval()
        matrices, rest = self.network.parameter_groups()
        self.optimiser = Optimiser(
            matrices if recipe.muon_rate > 0.0 else [],
            rest if recipe.muon_rate > 0.0 else [*matrices, *rest],
            muon_rate=recipe.muon_rate,
            adam_rate=recipe.adam_rate,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
            clip=recipe.clip,
            group=self.group,
        )
        if state is not None and resume is not None:
            self._load(state, resume / files.STATE_FILE)
        self.elapsed_before = self.progress.elapsed
        plan = time_limit + self.elapsed_before if total_time is None else total_time
        if self.elapsed_before >= plan:
            raise ValueError(
                f"the schedule of {plan:g} s is over, {self.elapsed_before:g} s have been trained; "
                "give a larger --total-time"
            )
        self.end = min(self.elapsed_before + time_limit, plan)
        # the final evaluation and export happen within the limit
        self.reserve = min(30.0, 0.05 * (self.end - self.elapsed_before))
        warmup_steps = recipe.warmup_steps
        if self.progress.first_step > 0:
            warmup_steps = min(warmup_steps, RESTART_STEPS)
        self.schedule = Schedule(warmup_steps, recipe.decay_fraction, plan - self.reserve)
        wrapped = self.group.wrap(self.network)
        self.compiled = compiled
        if compiled:
            allow_shapes(len(recipe.prior_config().point_buckets))
        self.model: nn.Module = torch.compile(wrapped, dynamic=False) if compiled else wrapped  # type: ignore[assignment]

    def _start_network(self, weights: Path | None) -> Network:
        """New network, or the one exported in a directory, with its place in the schedule."""
        if weights is None:
            return Network(self.recipe.model_config()).to(self.device)
        network, header = files.load_weights(weights, self.recipe)
        self.progress.problems = json.loads(header["problems"])
        self.progress.elapsed = json.loads(header["seconds"])
        self.progress.step = self.progress.first_step = json.loads(header["steps"])
        return network.to(self.device).train()

    def _load(self, state: dict[str, Any], path: Path) -> None:
        try:
            if state["model"] != self.recipe.model_config().to_json():
                raise ValueError("its network has other settings")
            self.network.load_state_dict(state["network"])
            self.averaged.load_state_dict(state["averaged"])
            self.optimiser.load_state(state["optimiser"])
            torch.set_rng_state(state["rng"])
            self.progress = Progress(**state["progress"])
        except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
            raise ValueError(
                f"{path} is not of a run of recipe {self.recipe.name} as it is now ({error}): resume with the recipe "
                "that it was trained with; or, if the network is the same, delete it, and --resume goes on from the "
                "weights beside it"
            ) from error

    def stream_seed(self) -> int:
        """Seed of this process's problems: another one for every process and after every resumption."""
        entropy = (self.seed, self.group.rank, self.progress.step)
        return int(np.random.SeedSequence(entropy).generate_state(1)[0])

    @property
    def elapsed(self) -> float:
        """Seconds of the schedule that have passed, over all runs that share it."""
        return self.elapsed_before + self.clock() - self.started

    def run(self, source: Iterable[Batch], held_out: Sequence[Batch] = ()) -> Evaluation | None:
        """Train until the time is up, :attr:`stop` is set or the source ends; returns the leader's last evaluation.

        ``source`` gives this process's share of each step: ``recipe.batch_size`` divided by the size of the group.

        Raises
        ------
        OSError
            If the weights could not be written at the end. Before, that is a warning in the log.

        Errors of the source, and of the step, are passed on after state and weights have been saved.
        """
        n_parts = 0 if self.compiled or self.device.type == "cuda" else self.recipe.length_parts
        tests = [to_step(batch, max(n_parts, 1)) for batch in held_out] if self.group.leads else []
        steps = stream_steps(source, self.device, n_parts)
        meter = Meter(self.device)
        result: Evaluation | None = None
        evaluated = -1  # the step that it is of
        self._announce()
        self.log.open_curves(self.progress.problems)
        last_print = last_save = last_evaluation = time.monotonic()
        timed_out = False
        self.network.train()
        try:
            for step in steps:
                meter.measure(self.network, step)
                timed_out = self.elapsed >= self.end - self.reserve
                elapsed, stop, n_tokens = self.group.agree(
                    self.elapsed, self.stop or timed_out, step.n_tokens, self.device
                )
                if stop:
                    break
                self.progress.elapsed = elapsed
                self._step(step, n_tokens, meter)
                now = time.monotonic()
                if not self.group.leads:
                    continue
                if now - last_print >= PRINT_SECONDS:
                    self._print(meter)
                    last_print = now
                if tests and now - last_evaluation >= self.recipe.evaluation_seconds:
                    result, evaluated = self._evaluate(tests), self.progress.step
                    last_evaluation = last_save = time.monotonic()
                    meter.restart()
                elif now - last_save >= self.recipe.checkpoint_seconds:
                    self._keep()
                    last_save = now
        except Exception:
            if self.group.leads:  # what has been learned does not go down with a worker
                self._keep()
                self._keep_weights(None)
            raise
        finally:
            steps.close()
        if not self.group.leads:
            return None
        self._print(meter)
        # the time kept back for the last evaluation belongs to this run's share of the schedule
        self.progress.elapsed = self.end if timed_out else self.elapsed
        if tests and not self.stop:
            result = self._evaluate(tests)
        else:
            self._keep()
            self._keep_weights(result if evaluated == self.progress.step else None)
        self.log.close_curves()
        self.log.write("end", **self._place())
        if self.unwritten is not None:
            raise OSError(f"the weights could not be written to {self.out}: {self.unwritten}") from self.unwritten
        return result

    def _step(self, step: StepBatch, n_tokens: int, meter: Meter) -> None:
        """Gradients of all parts, one step of the optimiser, and the average."""
        # gradients are averaged over the processes, so that each one's share is scaled up
        scale = self.group.size / n_tokens
        losses: list[Tensor] = []
        for index, part in enumerate(step.parts):
            last = index == len(step.parts) - 1
            with self._gradients_stay_local(not last):
                loss = token_loss(predict(self.model, part), part.tokens)
                losses.append(loss.detach())
                (loss * scale).backward()
        since_start = self.progress.step - self.progress.first_step
        factor = self.schedule.factor(since_start, self.progress.elapsed)
        norm, taken = self.optimiser.step(factor)
        decay = min(self.recipe.ema_decay, (since_start + 1) / (since_start + 10))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.averaged.parameters()), list(self.network.parameters()), 1.0 - decay)
        self.progress.step += 1
        self.progress.problems += step.n_problems * self.group.size
        meter.count(step, torch.stack(losses).sum(), norm, taken, factor)

    def _gradients_stay_local(self, local: bool) -> AbstractContextManager[None]:
        if local and isinstance(self.model, DistributedDataParallel):
            context: AbstractContextManager[None] = self.model.no_sync()
            return context
        return nullcontext()

    def _announce(self) -> None:
        n_parameters = sum(parameter.numel() for parameter in self.network.parameters())
        in_muon = sum(matrix.numel() for stack in self.optimiser.stacks for matrix in stack)
        self.log.write(
            "start",
            recipe=self.recipe.name,
            parameters=n_parameters,
            muon_parameters=in_muon,
            device=device_name(self.device),
            processes=self.group.size,
            threads=torch.get_num_threads(),
            step=self.progress.step,
            elapsed=self.progress.elapsed,
            plan=self.schedule.seconds,
        )

    def _print(self, meter: Meter) -> None:
        values = meter.read(self.group.size)
        if values is None:
            return
        self.progress.skipped += values.pop("skipped_now")
        self.log.write(
            "train",
            **self._place(),
            skipped=self.progress.skipped,
            **values,
        )

    def _evaluate(self, tests: Sequence[StepBatch]) -> Evaluation:
        begun = time.monotonic()
        result = evaluate(self.averaged, tests, self.device)
        self._keep()
        self._keep_weights(result)
        self.log.write(
            "evaluation",
            **self._place(),
            **result._asdict(),
            took=time.monotonic() - begun,
        )
        return result

    def _place(self) -> dict[str, float]:
        """What says where in the run a record was written."""
        progress = self.progress
        return {"step": progress.step, "problems": progress.problems, "seconds": progress.elapsed}

    def _keep(self) -> None:
        """Save the state; if that fails, on a full disk say, the next time is another chance."""
        try:
            self._save()
        except (OSError, RuntimeError) as error:  # torch has no class of its own for a file that it cannot write
            self.log.write("warning", **self._place(), what=f"the state was not saved: {error}")

    def _keep_weights(self, result: Evaluation | None) -> None:
        """Export the weights; if that fails, :attr:`unwritten` says why."""
        self.unwritten = None
        try:
            self._export(result)
        except (OSError, RuntimeError) as error:  # the second is that of a device that has failed
            self.unwritten = error
            self.log.write("warning", **self._place(), what=f"the weights were not written: {error}")

    def _save(self) -> None:
        files.save_state(
            self.out,
            {
                "model": self.recipe.model_config().to_json(),
                "network": self.network.state_dict(),
                "averaged": self.averaged.state_dict(),
                "optimiser": self.optimiser.state(),
                "rng": torch.get_rng_state(),
                "progress": dataclasses.asdict(self.progress),
            },
        )

    def _export(self, result: Evaluation | None) -> None:
        save_network(
            self.averaged,
            self.out,
            self.recipe.name,
            {
                "recipe": dataclasses.asdict(self.recipe),
                "problems": self.progress.problems,
                "steps": self.progress.step,
                "seconds": round(self.progress.elapsed, 1),
                "device": device_name(self.device),
                "held_out": None if result is None else result._asdict(),
            },
        )
