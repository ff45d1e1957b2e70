"""The command line of the experiment."""

import sys
from pathlib import Path

import click

from experiments.fashion_mnist.plan import runs_in_order
from experiments.fashion_mnist.rows import read_rows
from experiments.fashion_mnist.train import Trainer

RESULTS = Path(__file__).parents[1] / "results" / "fashion_mnist.csv"
RUNS = Path("runs") / "fashion_mnist"

results_option = click.option(
    "--results",
    type=click.Path(path_type=Path, dir_okay=False),
    default=RESULTS,
    help="The CSV with a row for each finished run.  [default: experiments/results/...]",
)


@click.group(help="Train and compare the networks of the experiment on Fashion-MNIST.")
def main() -> None:
    """Group the commands."""


@main.command()
@results_option
@click.option(
    "--runs",
    type=click.Path(path_type=Path, file_okay=False),
    default=RUNS,
    show_default=True,
    help="The folder of the run directories.",
)
@click.option("--most", type=click.IntRange(1), help="How many runs to train.  [default: all]")
def train(results: Path, runs: Path, most: int | None) -> None:
    """Train what is missing, in the order of the plan. SIGTERM or Ctrl-C stops it safely."""
    sys.exit(Trainer(results, runs).train_missing(most))


@main.command()
@results_option
def plan(results: Path) -> None:
    """List all runs in their order, and say which are finished."""
    rows = read_rows(results)
    finished = {row["run"] for row in rows}
    planned = runs_in_order(rows)
    for run in planned:
        click.echo(f"{'finished' if run.name in finished else 'missing '}  {run.name}")
    missing = sum(run.name not in finished for run in planned)
    click.echo(f"{len(planned)} runs, {missing} of them missing")


if __name__ == "__main__":
    main()
