"""``reproduce``: the paper's tables, ours beside the paper's."""

import json
from importlib import import_module

import click

from larq_igp.cli.options import results_option
from larq_igp.cli.output import emit, json_option, markdown_table, progress_on_stderr, table
from larq_igp.errors import UserError

FORMATS = ("text", "markdown", "csv", "json")


@click.command(short_help="Print a table of the paper, ours beside the paper's.")
@click.argument(
    "which", metavar="TABLE", type=click.Choice(["table1", "table2", "table3", "table4"])
)
@click.argument("runs", metavar="[RUN...]", nargs=-1, type=click.Path())
@results_option
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="Of the table.",
)
@json_option
def reproduce(
    which: str, runs: tuple[str, ...], results: tuple[str, ...], form: str, as_json: bool
) -> None:
    """Print TABLE (table1 to table4): structure and costs computed now, the paper's figures beside
    them.

    Accuracies are the paper's and marked so; run directories and the CSV of an experiment
    (`--runs`) have theirs in a column of its own.
    """
    if as_json and form in ("markdown", "csv"):
        raise UserError(f"--json and --format {form} contradict each other: give one of them.")
    as_json = as_json or form == "json"
    with progress_on_stderr(True):
        result = import_module(f"larq_igp.paper.{which}").compute(runs, results)
    if as_json:
        click.echo(json.dumps(result.to_json(), indent=2, ensure_ascii=False))
    elif form == "csv":
        click.echo(result.to_csv())
    elif form == "markdown":
        notes = "\n".join(f"- {note}" for note in result.notes)
        click.echo(
            f"**{result.title}**\n\n{markdown_table(list(result.rows), result.header)}\n\n{notes}"
        )
    else:
        emit(
            False,
            None,
            "\n".join(
                [result.title, "", table(list(result.rows), result.header), "", *result.notes]
            ),
        )
