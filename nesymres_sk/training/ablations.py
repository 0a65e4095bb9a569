"""Which choices matter: short trainings that differ in one setting, at equal processor time.

``python -m nesymres_sk.training.ablations --arms natural rescaled mixed --seconds 200 --out runs/ablations``

Every arm trains on one core and is measured on the same held-out problems. Time is the trainer's own processor time,
so that other work on the machine hardly counts; problems are made by a process of their own, as for a GPU. With
``--device cuda`` it is the time of day, all other cores make problems, and nothing is compiled. Finished arms stay in
``--out``: the same command goes on where it was stopped. One with other settings is refused there.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import multiprocessing
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from nesymres_sk.prior.reading import read_toml
from nesymres_sk.training.recipe import DIRECTORY, Recipe, recipe_from, recipe_path

CHANGES = DIRECTORY.parent / "ablations.toml"
_SEED = 20_250_101
_HELD_OUT = 1024
_CANDIDATES = 32


class Arm(NamedTuple):
    """One training: a recipe, a seed, how long, in how many parts, where to, and on what.

    Every part but the first continues from the weights of the one before alone, with a new optimiser and warm-up.
    """

    recipe: Recipe
    seed: int
    seconds: float
    parts: int
    questions: int
    out: Path
    device: str = "cpu"

    @property
    def file(self) -> Path:
        """Where its result is kept."""
        return self.out / "result.json"

    def settings(self) -> dict[str, Any]:
        """What its result depends on, as JSON gives it back."""
        settings = {**self._asdict(), "recipe": dataclasses.asdict(self.recipe)}
        del settings["out"]
        return dict(json.loads(json.dumps(settings)))


def finished(arm: Arm) -> dict[str, Any] | None:
    """Result of an arm that an earlier command has trained and measured, or None.

    Raises
    ------
    ValueError
        If its settings were others.
    """
    if not arm.file.is_file():
        return None
    result: dict[str, Any] = json.loads(arm.file.read_text(encoding="utf-8"))
    before, now = result.get("settings", {}), arm.settings()
    if before != now:
        changed = ", ".join(key for key, value in now.items() if before.get(key) != value)
        raise ValueError(
            f"{arm.file} is the result of other settings ({changed}): choose another --out, or delete {arm.out}"
        )
    return result


def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A recipe's keys and tables with those of an arm in their place; a prior given by name becomes a table."""
    result = dict(base)
    for key, value in changes.items():
        if isinstance(value, dict):
            table = result.get(key, {})
            value = {**({"preset": table} if isinstance(table, str) else table), **value}
        result[key] = value
    return result


def load_arms(names: Sequence[str], recipe: str, changes: Path = CHANGES) -> dict[str, Recipe]:
    """Recipes of arms by name.

    Parameters
    ----------
    names : sequence of str
        Tables of the file of changes; all of them if empty.
    recipe : str
        The recipe that they change: a name of the package, or a path.
    changes : Path
        TOML file with a table of changes for each arm.

    Raises
    ------
    ValueError
        If an arm, or a setting that it changes, is unknown, or its recipe cannot be trained.
    """
    arms, base = read_toml(changes), read_toml(recipe_path(recipe))
    loose = [name for name, value in arms.items() if not isinstance(value, dict)]
    if loose:
        raise ValueError(f"{changes}: every arm is a table of changes; {', '.join(loose)} is in none")
    unknown = sorted(set(names) - set(arms))
    if unknown:
        raise ValueError(f"no arms {', '.join(unknown)}; known ones are {', '.join(arms)}")
    return {name: recipe_from(name, merged(base, arms[name]), f"{name} in {changes}") for name in names or arms}


def run_arm(arm: Arm) -> dict[str, Any]:
    """Train and measure in this process, or read what an earlier call has measured."""
    if (before := finished(arm)) is not None:
        return before
    import torch
    from joblib import cpu_count

    from nesymres_sk.benchmarks import out_of_sample
    from nesymres_sk.model.network import Network
    from nesymres_sk.prior.stream import ProblemStream
    from nesymres_sk.training.device import find_device, prepare
    from nesymres_sk.training.loop import Trainer
    from nesymres_sk.training.state import STATE_FILE

    recipe, device = arm.recipe, find_device(arm.device)
    torch.set_num_threads(1)
    prepare(device)
    cuda = device.type == "cuda"
    n_workers = max(1, cpu_count() - 1) if cuda else 1
    exclude = out_of_sample.held_out()
    for part in range(arm.parts):
        trainer = Trainer(
            recipe,
            arm.out,
            device=device,
            time_limit=arm.seconds / arm.parts,
            total_time=arm.seconds,
            resume=None if part == 0 else arm.out,
            seed=arm.seed,
            clock=time.monotonic if cuda else time.process_time,
        )
        seed = trainer.stream_seed()
        with ProblemStream(recipe.prior_config(), recipe.batch_size, seed, n_workers, exclude) as stream:
            trainer.run(stream)
        (arm.out / STATE_FILE).unlink()  # only the weights go on to the next part
    network: Network = trainer.averaged
    result = {
        "arm": recipe.name,
        "seed": arm.seed,
        "parts": arm.parts,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "problems": trainer.progress.problems,
        "steps": trainer.progress.step,
        **measure(network, arm.questions),
        "settings": arm.settings(),
    }
    arm.file.write_text(json.dumps(result) + "\n", encoding="utf-8")
    return result


def measure(network: Any, n_questions: int) -> dict[str, float]:
    """The same numbers for every arm, on problems of the prior ``base`` in natural and in arbitrary units.

    Cross-entropy and recovery compare arms with the same labels; what is solved, with ``n_questions``, compares all.
    """
    from nesymres_sk.prior.problems import held_out_batch
    from nesymres_sk.prior.recipes import RECIPES
    from nesymres_sk.training.batches import to_step
    from nesymres_sk.training.evaluation import evaluate
    from nesymres_sk.training.exam import examine, questions

    base = RECIPES["base"]
    result: dict[str, float] = {}
    for name, share in (("natural", 0.0), ("rescaled", 1.0)):
        prior = dataclasses.replace(base, rescaled=share)
        steps = [to_step(held_out_batch(prior, _HELD_OUT // 4, _SEED + i), 4) for i in range(4)]
        taught = evaluate(network, steps, next(network.parameters()).device)
        result |= {f"{name}_loss": taught.loss, f"{name}_recovery": taught.recovery}
        if n_questions == 0:
            continue
        score = examine(network, questions(base, n_questions, _SEED, rescaled=share > 0.0), _CANDIDATES)
        noisy = questions(base, n_questions, _SEED, rescaled=share > 0.0, noisy=True)
        found = examine(network, noisy, _CANDIDATES, fit=False).found
        result |= {f"{name}_{key}": value for key, value in score._asdict().items()}
        result[f"{name}_found_noisy"] = found
    return result


def table(results: Sequence[dict[str, Any]]) -> str:
    """Markdown: cross-entropy and, in per cent, recovery and problems solved, each in natural / arbitrary units."""
    kinds = {"exact": "exact", "accurate": "R² > 0.99", "found": "found", "found_noisy": "found, 1 % noise"}
    kinds = {key: title for key, title in kinds.items() if any(f"natural_{key}" in row for row in results)}
    titles = ["arm", "parameters", "problems", "steps", "cross-entropy", "recovery", *kinds.values()]
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for row in results:
        name = f"{row['arm']}, {row['seed']}" + (f", {row['parts']} parts" if row["parts"] > 1 else "")
        cells = [name, f"{row['parameters'] / 1e6:.2f} M", f"{row['problems'] / 1000:.0f} k", str(row["steps"])]
        cells.append(f"{row['natural_loss']:.3f} / {row['rescaled_loss']:.3f}")
        for key in ("recovery", *kinds):
            shares = [row.get(f"{kind}_{key}") for kind in ("natural", "rescaled")]
            cells.append(" / ".join("–" if share is None else f"{100 * share:.1f}" for share in shares))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m nesymres_sk.training.ablations", description=__doc__)
    parser.add_argument("--arms", nargs="*", default=[], help="names of arms (default: all)")
    parser.add_argument("--seeds", nargs="*", type=int, default=[0], help="every arm once with each seed")
    parser.add_argument("--changes", type=Path, default=CHANGES, help="TOML file with the arms")
    parser.add_argument("--recipe", default="ablation", help="the recipe that the arms change, name or .toml file")
    parser.add_argument(
        "--seconds", type=float, default=200.0, help="of each training: processor time, or time of day on CUDA"
    )
    parser.add_argument("--parts", type=int, default=1, help="so many commands, each from the last one's weights alone")
    parser.add_argument("--questions", type=int, default=128, help="problems to solve, of each kind (0: none)")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--jobs", type=int, default=1, help="arms at once")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    try:
        if not (options.seconds > 0.0 and min(options.parts, options.jobs) > 0 and options.questions >= 0):
            raise ValueError("--seconds, --parts and --jobs are positive, --questions is not negative")
        if options.device == "cuda":
            from nesymres_sk.training.device import find_device

            find_device(options.device)
        arms = [
            Arm(
                recipe,
                seed,
                options.seconds,
                options.parts,
                options.questions,
                options.out / f"{name}-{seed}-{options.parts}",
                options.device,
            )
            for name, recipe in load_arms(options.arms, options.recipe, options.changes).items()
            for seed in options.seeds
        ]
        for arm in arms:
            finished(arm)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.jobs, mp_context=context, max_tasks_per_child=1) as pool:
        results = list(pool.map(run_arm, arms))
    print(table(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
