"""``predict``."""

import click

from larq_igp.cli.output import emit, json_option, progress_on_stderr


@click.command(short_help="Name what is on images.")
@click.argument("path", metavar="PATH", type=click.Path())
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True, type=click.Path())
@click.option(
    "--top", type=click.IntRange(1), default=3, show_default=True, help="How many classes to name."
)
@click.option(
    "--weights", type=click.Choice(["best", "last"]), help="Of a run directory.  [default: best]"
)
@click.option(
    "--engine", help="For a .tflite: what runs it.  [default: the fastest that is installed]"
)
@click.option("--threads", type=click.IntRange(1, 256), help="For a .tflite.  [default: 1]")
@json_option
def predict(path: str, images: tuple[str, ...], top: int, as_json: bool, **options) -> None:
    """Name what is on each IMAGE (PNG, JPEG, GIF, BMP) with PATH, a run directory or a .tflite
    file.
    """
    with progress_on_stderr(as_json):
        from larq_igp.inference.predict import predict_images
        from larq_igp.inference.predictor import open_predictor

        rows = predict_images(open_predictor(path, **options), images, top=top)
    lines = []
    for row in rows:
        guesses = ", ".join(
            f"{guess['class_name']} {guess['probability']:.1%}" for guess in row["classes"]
        )
        lines.append(f"{row['image']}: {guesses}")
    emit(as_json, rows, "\n".join(lines))
