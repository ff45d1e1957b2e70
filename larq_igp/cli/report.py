"""``report``: one page with everything."""

from pathlib import Path

import click

from larq_igp.cli.options import SOURCE, complete_source, latency_option, results_option
from larq_igp.cli.output import emit, json_option, progress_on_stderr


@click.command(
    short_help="Write a page with charts of runs, costs and gradient paths.", epilog=SOURCE
)
@click.argument("sources", metavar="[SOURCE...]", nargs=-1, shell_complete=complete_source)
@click.option(
    "-o",
    "--output",
    default="report.html",
    show_default=True,
    type=click.Path(),
    help="The page to write.",
)
@latency_option
@results_option
@click.option(
    "--png", "png_dir", type=click.Path(), help="Also write every chart as .png into this folder."
)
@click.option("--title", default="larq-igp report", show_default=True, help="Of the page.")
@json_option
def report(sources, output: str, latencies, results, png_dir, title: str, as_json: bool) -> None:
    """Write one offline HTML file: error against cost, learning curves, gradient paths, layers and
    mistakes of each SOURCE.

    Without any it shows the paper's rows and the networks.
    """
    with progress_on_stderr(as_json):
        from larq_igp.report.write import write_report

        charts = write_report(
            output, sources, latencies=latencies, results=results, png_dir=png_dir, title=title
        )
    size = Path(output).stat().st_size
    document = {"output": output, "bytes": size, "charts": charts, "png": png_dir}
    text = f"{output}: {len(charts)} charts, {size / 1e6:.1f} MB" + (
        f"; PNGs in {png_dir}" if png_dir else ""
    )
    emit(as_json, document, text)
