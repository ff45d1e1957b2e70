"""``table``: results of runs in one table, for a paper."""

from typing import Any

import click

from larq_igp.cli.options import SOURCE, complete_source, latency_option, results_option
from larq_igp.cli.output import print_table, table_options
from larq_igp.errors import UserError


@click.command(short_help="Print one table of runs: errors over seeds, and costs.", epilog=SOURCE)
@click.argument("sources", metavar="[SOURCE...]", nargs=-1, shell_complete=complete_source)
@results_option
@latency_option
@table_options("markdown")
def table(
    sources: tuple[str, ...], results: tuple[str, ...], latencies: str | None, **output: Any
) -> None:
    """Print a row for each network: mean and standard deviation of its errors over the seeds of its
    runs, its costs, its gradient paths, and the paper's figures.

    Runs that differ only in their seeds share a row. A .tflite adds its size. Without a SOURCE
    there is a row for each network in the CSV of `--runs`.
    """
    if not sources and not results:
        raise UserError("nothing to show: name runs, or the CSV of an experiment by --runs.")

    def make():
        from larq_igp.paper.comparison import compare
        from larq_igp.paper.results import read_results
        from larq_igp.paper.runs import results_of
        from larq_igp.report.latencies import read_latencies

        timed = read_latencies(latencies) if latencies else {}
        rows = [*results_of(sources), *(each for path in results for each in read_results(path))]
        return compare(rows, {key: timing.latency_ms for key, timing in timed.items()})

    print_table(make, **output)
