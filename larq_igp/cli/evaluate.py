"""``evaluate``."""

import click

from larq_igp.cli.answers import answers_text, metrics_text
from larq_igp.cli.options import (
    SOURCE,
    data_options,
    dataset_option,
    engine_options,
    open_typed,
    source_argument,
    weights_option,
)
from larq_igp.cli.output import emit, json_option, progress_on_stderr, warn_of_random_weights


@click.command(short_help="Measure the accuracy of a run or a .tflite.", epilog=SOURCE)
@source_argument
@dataset_option
@data_options
@click.option(
    "--split",
    type=click.Choice(["train", "validation", "test"]),
    default="test",
    show_default=True,
    help="Split to measure on.",
)
@weights_option
@engine_options
@json_option
def evaluate(
    source: str,
    dataset,
    data_dir,
    corrupt,
    download,
    split,
    weights,
    engine,
    threads,
    unknown_operators,
    as_json: bool,
) -> None:
    """Measure the accuracy of SOURCE with the input pipeline of its training: overall, by class,
    and the most confident mistakes.
    """
    with progress_on_stderr(as_json, "evaluating"):
        from larq_igp.inference.evaluate import evaluate as measured

        options = {"dataset": dataset, "data_dir": data_dir, "corrupt": corrupt, "weights": weights}
        subject = open_typed(source, options, for_images=True)
        metrics = measured(
            subject,
            dataset=dataset,
            data_dir=data_dir,
            corrupt=corrupt,
            download=download,
            split=split,
            engine=engine,
            threads=threads,
            unknown_operators=unknown_operators,
        )
        warn_of_random_weights(subject)
    text = f"{source}: {metrics_text(metrics)}\n{answers_text(metrics)}"
    then = {"run": ("convert", source), "tflite": ("predict", source, "PHOTO")}
    commands = [then[subject.kind]] if subject.kind in then else []
    emit(as_json, {"source": source, **metrics}, text, then=commands)
