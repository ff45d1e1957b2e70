"""``data``: what of a data set is there."""

import sys
from pathlib import Path

import click

from larq_igp.cli.options import data_dir_option, dataset_help, download_option
from larq_igp.cli.output import Group, Refusal, emit, json_option, progress_on_stderr, table
from larq_igp.terminal import printable

MOST_CLASSES = 100
"""Of which each has a line."""


@click.group(cls=Group, short_help="Check the files of a data set.")
def data() -> None:
    """Check the files of a data set."""


@data.command(short_help="Print what is there, and find corrupt images.")
@click.argument("dataset", required=False)
@data_dir_option
@download_option
@click.option(
    "--corrupt",
    "choice",
    type=click.Choice(["refuse", "skip"]),
    default="refuse",
    show_default=True,
    help="With corrupt images: refuse the data set, or skip them. `train` has the same option.",
)
@click.option(
    "--contact-sheet",
    "sheet",
    type=click.Path(),
    help="Draw samples of each class, as they are decoded, into this .png or .jpg.",
)
@json_option
def check(
    dataset: str | None,
    data_dir: str | None,
    download: bool,
    choice: str,
    sheet: str | None,
    as_json: bool,
) -> None:
    """Print what is there of DATASET, or what is missing and how to get it. Decode every image file
    to find corrupt ones. Without DATASET, recognise it by the files in --data-dir.

    The data folder is not changed: the result is kept in the user's cache, for `train` and
    `evaluate`. Exit code 2: the data set cannot be used as it is.
    """
    with progress_on_stderr(as_json):
        from larq_igp.data.check import check_dataset
        from larq_igp.data.contact_sheet import check_sheet_path, write_contact_sheet
        from larq_igp.data.detect import dataset_in

        if dataset is None:
            if data_dir is None:
                raise Refusal("name a data set, or its folder with --data-dir.")
            dataset = dataset_in(Path(data_dir))
        if sheet is not None:
            check_sheet_path(sheet)
        report = check_dataset(
            dataset, data_dir=data_dir, download=download, choice=choice, progress=_progress
        )
        if sheet is not None:
            write_contact_sheet(report.without_corrupt, sheet)
    for each in report.corrupt:
        found = f"corrupt: {each.name} ({each.split}): {each.reason}"
        click.echo(printable(found), err=True)
    text = "\n".join([*report.sentences(), *_classes_text(report)])
    then = [_training(dataset, data_dir, choice)] if report.is_usable else []
    emit(as_json, report.to_dict() if as_json else None, text, then=then)
    if not report.is_usable:
        raise Refusal(report.refusal())


def _training(dataset: str, data_dir: str | None, choice: str) -> list[str]:
    """Return the command that trains on a data set."""
    words = ["train", *([] if data_dir else ["igp_resnet_tiny"])]  # else: suggests one
    words += [] if dataset == "folder" else ["--dataset", dataset]
    words += ["--data-dir", data_dir] if data_dir else []
    return words + (["--corrupt", choice] if choice == "skip" else [])


def _classes_text(report) -> list[str]:
    """Return the counts of each class as a table, if there are not too many."""
    counts = report.class_examples()
    if not 0 < len(counts) <= MOST_CLASSES:
        return []
    header = ("class", *report.dataset.splits)
    rows = [(name, *(of_class[split] for split in header[1:])) for name, of_class in counts.items()]
    return ["", table(rows, header)]


def _progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{done:,} of {total:,} images decoded", err=True, nl=done == total)


check.help = f"{check.help}\n\n{dataset_help}"
