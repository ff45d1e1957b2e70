"""``list``."""

import click

from larq_igp.architectures import ZOO
from larq_igp.architectures.accounting import closed_form
from larq_igp.cli.costs import COST_COLUMNS, cost_cells, cost_fields
from larq_igp.cli.output import emit, json_option, markdown_table, table
from larq_igp.paper.table3 import TABLE3


@click.command("list", short_help="List the named networks and what they cost.")
@click.option(
    "--table3",
    is_flag=True,
    help="Only the paper's eleven networks on ImageNet, with their errors, as Markdown.",
)
@json_option
def list_networks(table3: bool, as_json: bool) -> None:
    """List the named networks with their costs at 224x224x3, 1000 classes, 1 bit."""
    names = list(TABLE3) if table3 else list(ZOO)
    counts = {name: closed_form(ZOO[name]) for name in names}
    document = [
        {
            "name": name,
            "family": ZOO[name].family,
            "depth": ZOO[name].depth,
            **cost_fields(counts[name]),
        }
        for name in names
    ]
    rows: list[tuple] = [(name, ZOO[name].depth, *cost_cells(counts[name])) for name in names]
    if table3:
        errors = {name: (row.top1_error, row.top5_error) for name, row in TABLE3.items()}
        rows = [(f"`{name}`", *cells, *errors[name]) for name, *cells in rows]
        text = markdown_table(
            rows,
            ("network", "depth", *COST_COLUMNS, "top-1 error, % (paper)", "top-5 error, % (paper)"),
        )
    else:
        text = table(rows, ("network", "depth", *COST_COLUMNS))
    emit(as_json, document, text)
