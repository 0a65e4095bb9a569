"""Command line of the trainer: ``python -m nesymres_sk.training --recipe base --time-limit 540 --out DIR``.

Under ``torchrun`` the processes train one network together.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType


def parser() -> argparse.ArgumentParser:
    """Options of the command line."""
    result = argparse.ArgumentParser(prog="python -m nesymres_sk.training", description="Train a network on a prior.")
    result.add_argument("--recipe", default="base", help="name of a recipe of the package, or path of a .toml file")
    result.add_argument("--out", type=Path, required=True, help="directory for the log, the state and the weights")
    result.add_argument("--time-limit", type=float, required=True, help="seconds for this command")
    result.add_argument("--total-time", type=float, help="seconds of the whole schedule, if several commands share it")
    result.add_argument("--resume", type=Path, help="directory with a state or weights, or name of known weights")
    result.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    result.add_argument(
        "--threads", type=int, help="threads of this process (default: its share of the cores; CUDA: 1)"
    )
    result.add_argument(
        "--workers", type=int, help="problem makers of each process (default: 1; CUDA: all other cores)"
    )
    result.add_argument("--seed", type=int, default=0)
    result.add_argument("--no-compile", action="store_true", help="do not compile the network on CUDA")
    return result


def mistake(error: Exception) -> int:
    """Tell what is wrong with the options; returns the exit status."""
    print(f"error: {error}", file=sys.stderr)
    return 2


def main(arguments: list[str] | None = None) -> int:
    """Run the trainer; returns the exit status."""
    started = time.monotonic()
    options = parser().parse_args(arguments)
    world = int(os.environ.get("WORLD_SIZE", "1"))
    local_rank = int(os.environ.get("LOCAL_RANK", "0"))

    import torch
    from joblib import cpu_count

    from nesymres_sk.benchmarks import out_of_sample
    from nesymres_sk.prior.held_out import held_out_batches
    from nesymres_sk.prior.stream import ProblemStream
    from nesymres_sk.training.device import find_device, prepare
    from nesymres_sk.training.distributed import Group
    from nesymres_sk.training.loop import HELD_OUT_SEED, Trainer
    from nesymres_sk.training.recipe import load_recipe
    from nesymres_sk.training.state import refuse_to_overwrite

    try:
        recipe = load_recipe(options.recipe)
        if recipe.batch_size < world:
            raise ValueError(f"a batch_size of {recipe.batch_size} is too small for {world} processes")
        device = find_device(options.device, local_rank)
        if options.resume is None:
            refuse_to_overwrite(options.out, recipe)
    except ValueError as error:
        return mistake(error)
    cuda = device.type == "cuda"
    cores = max(1, cpu_count() // world)
    torch.set_num_threads(options.threads or (1 if cuda else cores))
    prepare(device)
    if cuda:
        # compiled kernels stay with the run, so that the next command on its directory starts at once
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(options.out.absolute() / "compiled"))
    n_workers = options.workers if options.workers is not None else (max(1, cores - 1) if cuda else 1)
    group = Group.from_environment(device)
    try:
        trainer = Trainer(
            recipe,
            options.out,
            device=device,
            time_limit=options.time_limit,
            total_time=options.total_time,
            resume=options.resume,
            seed=options.seed,
            group=group,
            compiled=cuda and not options.no_compile,
            started=started,
        )
    except (OSError, ValueError) as error:
        return mistake(error)

    def stop(number: int, frame: FrameType | None) -> None:
        trainer.stop = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    prior = recipe.prior_config()
    seed = trainer.stream_seed()
    # processes wait for each other at every step, and a batch of many rows takes several times as long as one of few
    rows_seed = options.seed + trainer.progress.step if group.size > 1 else None
    exclude = out_of_sample.held_out()
    with ProblemStream(prior, recipe.batch_size // group.size, seed, n_workers, exclude, rows_seed) as stream:
        # its workers get ready meanwhile
        held_out = held_out_batches(prior, recipe.evaluation_problems, HELD_OUT_SEED, n_workers) if group.leads else []
        try:
            trainer.run(stream, held_out)
        except OSError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    group.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
