"""``data``: what of a data set is there."""

import sys

import click

from larq_igp.cli.options import data_options, dataset_help
from larq_igp.cli.output import Group, Refusal, emit, json_option, progress_on_stderr


@click.group(cls=Group, short_help="Check the files of a data set.")
def data() -> None:
    """Images and labels: what is there, and how to get what is not."""


@data.command(short_help="Say what is there, and find corrupt images.")
@click.argument("dataset")
@data_options
@click.option(
    "--corrupt",
    "choice",
    type=click.Choice(["refuse", "skip"]),
    default="refuse",
    show_default=True,
    help="What to do with corrupt images, now and in every later run on these files: refuse the "
    "data set, or leave them out.",
)
@json_option
def check(dataset: str, data_dir: str | None, download: bool, choice: str, as_json: bool) -> None:
    """Say what of DATASET is there, or what is missing and how to get it; decode every image file
    to find corrupt ones.

    What is found is kept beside the images, and `train` and `evaluate` heed it. Exit code 2: it
    cannot be used as it is.
    """
    with progress_on_stderr(as_json):
        from larq_igp.data.check import check_dataset

        report = check_dataset(
            dataset, data_dir=data_dir, download=download, choice=choice, progress=_progress
        )
    for each in report.corrupt:
        click.echo(f"corrupt: {each.name} ({each.split}): {each.reason}", err=True)
    if as_json:
        emit(True, report.to_dict(), "")
    elif report.is_usable:
        emit(False, None, report.sentence())
    if not report.is_usable:
        raise Refusal(report.refusal())


def _progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{done:,} of {total:,} images decoded", err=True, nl=done == total)


check.help = f"{check.help}\n\n{dataset_help}"
