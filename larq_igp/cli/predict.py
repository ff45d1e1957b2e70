"""``predict``."""

from collections.abc import Iterable

import click

from larq_igp.cli.options import SOURCE, engine_options, open_typed, source_argument, weights_option
from larq_igp.cli.output import emit, json_option, progress_on_stderr, warn_of_random_weights


@click.command(short_help="Name what is on images.", epilog=SOURCE)
@source_argument
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True, type=click.Path())
@click.option(
    "--top", type=click.IntRange(1), default=3, show_default=True, help="How many classes to name."
)
@weights_option
@engine_options
@json_option
def predict(
    source: str,
    images: tuple[str, ...],
    top: int,
    weights,
    engine,
    threads,
    unknown_operators: bool,
    as_json: bool,
) -> None:
    """Name what is on each IMAGE (JPEG, PNG, GIF, BMP, WebP, TIFF), one line after the other."""
    with progress_on_stderr(as_json):
        from larq_igp.inference.predict import check_there
        from larq_igp.inference.predict import predict as predicted

        subject = open_typed(source, {"weights": weights}, for_images=True)
        check_there(images)
        rows = predicted(
            subject,
            images,
            top=top,
            engine=engine,
            threads=threads,
            unknown_operators=unknown_operators,
        )
        warn_of_random_weights(subject)
        document = list(rows) if as_json else []
    if as_json:
        emit(True, document, "")
    else:
        _print(rows)


def _print(rows: Iterable[dict]) -> None:
    for row in rows:
        guesses = ", ".join(
            f"{guess['class_name']} {guess['probability']:.1%}" for guess in row["classes"]
        )
        click.echo(f"{row['image']}: {guesses}")
