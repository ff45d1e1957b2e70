"""``evaluate``."""

import click

from larq_igp.cli.options import data_options, dataset_help
from larq_igp.cli.output import Refusal, emit, json_option, progress_on_stderr


def metrics_text(metrics: dict) -> str:
    """Format accuracy for a terminal."""
    return (
        f"top-1 {metrics['top1']:.2%}, top-5 {metrics['top5']:.2%} of {metrics['examples']:,} "
        f"{metrics['split']} images"
    )


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
@click.option(
    "--weights", type=click.Choice(["best", "last"]), help="Of a run directory.  [default: best]"
)
@click.option(
    "--engine", help="For a .tflite: what runs it.  [default: the fastest that is installed]"
)
@click.option("--threads", type=click.IntRange(1, 256), help="For a .tflite.  [default: 1]")
@json_option
def evaluate(
    path: str,
    dataset: str | None,
    data_dir: str | None,
    download: bool,
    split: str,
    as_json: bool,
    **options,
) -> None:
    """Measure the accuracy of PATH, a run directory or a .tflite, by one input pipeline."""
    with progress_on_stderr(as_json):
        from larq_igp.data import load_dataset
        from larq_igp.inference.predictor import open_predictor

        predictor = open_predictor(path, **options)
        name = dataset or predictor.dataset
        if name is None:
            raise Refusal(f"{path} was not trained on any data set: name one with --dataset.")
        where = data_dir or (predictor.data_dir if name == predictor.dataset else None)
        metrics = predictor.evaluate(load_dataset(name, data_dir=where, download=download), split)
    emit(as_json, {"path": path, **metrics}, f"{path}: {metrics_text(metrics)}")
