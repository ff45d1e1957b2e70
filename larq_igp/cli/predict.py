"""``predict``."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack

import click

from larq_igp.cli.options import (
    SOURCE,
    engine_options,
    open_there,
    open_typed,
    remote_options,
    source_argument,
    weights_option,
)
from larq_igp.cli.output import (
    Refusal,
    emit,
    json_option,
    progress_on_stderr,
    warn_of_random_weights,
)
from larq_igp.terminal import printable

IN_FILES = 5
"""Classes of each image in a file."""


@click.command(short_help="Name what is on images.", epilog=SOURCE)
@source_argument
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True, type=click.Path())
@click.option(
    "--top", type=click.IntRange(1), default=3, show_default=True, help="How many classes to name."
)
@click.option(
    "-o",
    "--output",
    "outputs",
    type=click.Path(),
    multiple=True,
    help="Write a row for each image, with its five best classes, into this .csv or .json instead "
    "of printing lines; may be repeated.",
)
@remote_options
@weights_option
@engine_options
@json_option
def predict(
    source: str,
    images: tuple[str, ...],
    top: int,
    outputs: tuple[str, ...],
    on: str | None,
    wheel: str | None,
    remote_python: str,
    weights,
    engine,
    threads,
    unknown_operators: bool,
    as_json: bool,
) -> None:
    """Name what is on each IMAGE (JPEG, PNG, GIF, BMP, WebP, TIFF), one line for each. An IMAGE may
    be a folder with images, or a pattern in quotes: `'photos/*.jpg'`.

    An image that cannot be read gets a line with the reason, and the exit code is 2 at the end.
    With --on, a .tflite, its card and the images are copied to another machine and named there.
    """
    if wheel is not None and on is None:
        raise Refusal("--wheel is for another machine: name it with --on.")
    rows = Rows()
    with progress_on_stderr(as_json), ExitStack() as files:
        from larq_igp.inference.image_paths import image_paths
        from larq_igp.inference.predict import predict as predicted
        from larq_igp.inference.prediction_files import check_outputs, open_rows

        check_outputs(outputs)
        named = max(top, IN_FILES) if outputs else top
        if on is not None:
            if weights or engine or unknown_operators:
                raise Refusal("--on takes a .tflite file and, of its options, only --threads.")
            from larq_igp.deploy.remote.predict import predict_on

            there = open_there(on, [source], wheel, remote_python)
            found = predict_on(there, source, image_paths(images), top=named, threads=threads or 1)
        else:
            subject = open_typed(source, {"weights": weights}, for_images=True)
            found = predicted(
                subject,
                image_paths(images),
                top=named,
                engine=engine,
                threads=threads,
                unknown_operators=unknown_operators,
            )
            warn_of_random_weights(subject)
        writers = [files.enter_context(open_rows(path, IN_FILES)) for path in outputs]
        for row in rows.counted(found, shows_progress=bool(outputs or as_json)):
            for write in writers:
                write(row)
            if as_json:
                rows.document.append(row | {"classes": row["classes"][:top]})
            elif not outputs and not row["error"]:
                click.echo(printable(_text(row)))
    if as_json:
        emit(True, rows.document, "")
    elif outputs:
        click.echo(f"{rows.count:,} images in {' and '.join(outputs)}")
    if rows.failed:
        images_read = "image" if rows.count == 1 else "images"
        raise Refusal(f"{rows.failed:,} of {rows.count:,} {images_read} cannot be read.")


class Rows:
    """Counts rows, and says on standard error which images cannot be read.

    Attributes:
        count: rows so far.
        failed: those of images that cannot be read.
        document: what ``--json`` prints.
    """

    def __init__(self) -> None:
        self.count = self.failed = 0
        self.document: list[dict] = []

    def counted(self, rows: Iterable[dict], *, shows_progress: bool) -> Iterator[dict]:
        """Yield the rows."""
        from tqdm import tqdm

        bar = tqdm(unit=" images", disable=not (shows_progress and sys.stderr.isatty()))
        with bar:
            for row in rows:
                self.count += 1
                bar.update()
                if row["error"]:
                    self.failed += 1
                    tqdm.write(printable(f"error: {row['error']}"), file=sys.stderr)
                yield row


def _text(row: dict) -> str:
    guesses = ", ".join(
        f"{guess['class_name']} {guess['probability']:.1%}" for guess in row["classes"]
    )
    return f"{row['image']}: {guesses}"
