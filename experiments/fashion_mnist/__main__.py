"""The command line of the experiment."""

import sys
from pathlib import Path

import click

from experiments.fashion_mnist.plan import EPOCHS, runs_in_order
from experiments.fashion_mnist.rows import read_rows
from experiments.fashion_mnist.train import Trainer
from larq_igp.cli.output import Group
from larq_igp.errors import UserError
from larq_igp.files import write_atomically

RESULTS = Path(__file__).parents[1] / "results" / "fashion_mnist.csv"
RUNS = Path("runs") / "fashion_mnist"
FILES = Path(__file__).parents[2] / "tflite_models"

results_option = click.option(
    "--results",
    type=click.Path(path_type=Path, dir_okay=False),
    default=RESULTS,
    help="The CSV with a row for each finished run.  [default: experiments/results/...]",
)

runs_option = click.option(
    "--runs",
    type=click.Path(path_type=Path, file_okay=False),
    default=RUNS,
    show_default=True,
    help="The folder of the run directories.",
)


@click.group(cls=Group, help="Train and compare the networks of the experiment on Fashion-MNIST.")
def main() -> None:
    """Group the commands."""


@main.command()
@results_option
@runs_option
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="The folder of the data set's files.  [default: where Debian's package installs them]",
)
@click.option(
    "--epochs",
    type=click.IntRange(1),
    default=EPOCHS,
    show_default=True,
    help="Of a run; another number is a trial, with rows of its own.",
)
@click.option("--most", type=click.IntRange(1), help="How many runs to train.  [default: all]")
def train(results: Path, runs: Path, data_dir: Path | None, epochs: int, most: int | None) -> None:
    """Train what is missing, in the order of the plan. SIGTERM or Ctrl-C stops it safely."""
    sys.exit(Trainer(results, runs, epochs, data_dir).train_missing(most))


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


@main.command()
@results_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder to write to.  [default: that of the CSV]",
)
def report(results: Path, output: Path | None) -> None:
    """Write tables and charts from the CSV, however many of its runs are finished."""
    from experiments.fashion_mnist.charts import write_charts
    from experiments.fashion_mnist.report import report_text

    rows = read_rows(results)
    folder = output or results.parent
    folder.mkdir(parents=True, exist_ok=True)
    text = folder / f"{results.stem}.md"
    write_atomically(text, report_text(rows).encode())
    for path in (text, *write_charts(rows, folder, results.stem)):
        click.echo(path)


@main.command()
def latency() -> None:
    """Measure file size and latency at 1, 2 and 32 bits on this host: a minute, if it is idle."""
    from experiments.fashion_mnist.latency import LATENCIES, write

    write(LATENCIES)
    click.echo(LATENCIES)


@main.command()
@results_option
@runs_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=FILES,
    help="The folder to write to.  [default: tflite_models]",
)
def files(results: Path, runs: Path, output: Path) -> None:
    """Convert the best run of each family to a .tflite, and measure it on all test images."""
    from experiments.fashion_mnist.files import write_files

    rows = read_rows(results)
    if not rows:
        raise UserError(f"{results} has no finished run: train some, or name another --results.")
    for path in write_files(rows, runs, output):
        click.echo(path)


if __name__ == "__main__":
    main()
