"""``train``, ``evaluate`` and ``predict``."""

from itertools import count
from pathlib import Path

import click

from larq_igp.cli.options import data_options, network_argument
from larq_igp.cli.output import Refusal, emit, json_option, progress_on_stderr
from larq_igp.cli.recipes import dataset_help, make_recipe, recipe_options, recipe_text, run_name


def free_run_dir(network: str, dataset: str) -> Path:
    """Return the first of ``runs/NETWORK-DATASET``, ``...-2``, ``...-3`` that does not exist."""
    base = Path("runs") / f"{network}-{dataset}"
    names = (base if number == 1 else base.with_name(f"{base.name}-{number}") for number in count(1))
    return next(path for path in names if not path.exists())


def metrics_text(metrics: dict) -> str:
    """Format accuracy for a terminal."""
    return (
        f"top-1 {metrics['top1']:.2%}, top-5 {metrics['top5']:.2%} of {metrics['examples']:,} {metrics['split']} images"
    )


@click.command(short_help="Train a network and measure it.")
@network_argument
@recipe_options
@data_options
@click.option("--run-dir", type=click.Path(), help="Where to write the run.  [default: runs/NAME-DATASET]")
@click.option("--quiet", is_flag=True, help="A line an epoch in place of the progress bar.")
@json_option
def train(network: str, run_dir: str | None, quiet: bool, download: bool, as_json: bool, **options) -> None:
    """Train network NAME, and measure the weights that were best on the validation split on the test split."""
    with progress_on_stderr(as_json):
        from larq_igp.training.train import train as train_network

        recipe = make_recipe(network, options)
        folder = Path(run_dir) if run_dir else free_run_dir(run_name(network), recipe.dataset)
        click.echo(recipe_text(recipe))
        metrics = train_network(recipe, folder, download=download, verbose=2 if quiet else 1)
    text = f"{metrics_text(metrics)} (weights of epoch {metrics['epoch']})\nrun directory: {folder}"
    emit(as_json, {"run_dir": str(folder), **metrics}, text)


@click.command(short_help="Measure the accuracy of a run or a .tflite.")
@click.argument("path", metavar="PATH", type=click.Path())
@click.option("--dataset", help=f"{dataset_help}  [default: the one it was trained on]")
@data_options
@click.option(
    "--split",
    type=click.Choice(["train", "validation", "test"]),
    default="test",
    show_default=True,
    help="Which images.",
)
@click.option("--weights", type=click.Choice(["best", "last"]), help="Of a run directory.  [default: best]")
@click.option("--engine", help="For a .tflite: what runs it.  [default: the fastest that is installed]")
@click.option("--threads", type=click.IntRange(1, 256), help="For a .tflite.  [default: 1]")
@json_option
def evaluate(
    path: str, dataset: str | None, data_dir: str | None, download: bool, split: str, as_json: bool, **options
) -> None:
    """Measure accuracy of PATH, a run directory or a .tflite file, through the same input pipeline."""
    with progress_on_stderr(as_json):
        from larq_igp.data import load_dataset
        from larq_igp.training.predictor import open_predictor

        predictor = open_predictor(path, **options)
        name = dataset or predictor.dataset
        if name is None:
            raise Refusal(f"{path} was not trained on any data set: name one with --dataset.")
        where = data_dir or (predictor.data_dir if name == predictor.dataset else None)
        metrics = predictor.evaluate(load_dataset(name, data_dir=where, download=download), split)
    emit(as_json, {"path": path, **metrics}, f"{path}: {metrics_text(metrics)}")


@click.command(short_help="Name what is on images.")
@click.argument("path", metavar="PATH", type=click.Path())
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True, type=click.Path())
@click.option("--top", type=click.IntRange(1), default=3, show_default=True, help="How many classes to name.")
@click.option("--weights", type=click.Choice(["best", "last"]), help="Of a run directory.  [default: best]")
@click.option("--engine", help="For a .tflite: what runs it.  [default: the fastest that is installed]")
@click.option("--threads", type=click.IntRange(1, 256), help="For a .tflite.  [default: 1]")
@json_option
def predict(path: str, images: tuple[str, ...], top: int, as_json: bool, **options) -> None:
    """Name what is on each IMAGE (PNG, JPEG, GIF, BMP) with PATH, a run directory or a .tflite file."""
    with progress_on_stderr(as_json):
        from larq_igp.training.predict import predict_images
        from larq_igp.training.predictor import open_predictor

        rows = predict_images(open_predictor(path, **options), images, top=top)
    lines = []
    for row in rows:
        guesses = ", ".join(f"{guess['class_name']} {guess['probability']:.1%}" for guess in row["classes"])
        lines.append(f"{row['image']}: {guesses}")
    emit(as_json, rows, "\n".join(lines))
