"""``reproduce``: the paper's tables with our figures."""

from importlib import import_module
from typing import Any

import click

from larq_igp.cli.options import results_option
from larq_igp.cli.output import print_table, table_options


@click.command(short_help="Print a table of the paper with our figures.")
@click.argument(
    "which", metavar="TABLE", type=click.Choice(["table1", "table2", "table3", "table4"])
)
@click.argument("runs", metavar="[RUN...]", nargs=-1, type=click.Path())
@results_option
@table_options("text")
def reproduce(which: str, runs: tuple[str, ...], results: tuple[str, ...], **output: Any) -> None:
    """Print TABLE (table1 to table4): structure and costs computed now, next to the paper's
    figures.

    Accuracies are the paper's, and are marked as such. Those of run directories and of the CSV of
    an experiment (`--runs`) have their own column, as mean and standard deviation over seeds.
    """
    print_table(lambda: import_module(f"larq_igp.paper.{which}").compute(runs, results), **output)
