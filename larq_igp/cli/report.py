"""``report``: one page with everything."""

from pathlib import Path

import click

from larq_igp.cli.options import SOURCE, complete_source, latency_option, results_option
from larq_igp.cli.output import emit, json_option, progress_on_stderr
from larq_igp.packages import require


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
    "--figures",
    type=click.Path(),
    help="Also write every chart as .svg, .pdf and .png into this folder, as wide as one column "
    "of a paper.",
)
@click.option("--title", default="larq-igp report", show_default=True, help="Title of the page.")
@json_option
def report(sources, output: str, latencies, results, figures, title: str, as_json: bool) -> None:
    """Write one offline HTML file about each SOURCE: a table of errors over seeds and costs, error
    against cost, learning curves, layers and mistakes; below them, folded, the paper's networks and
    the blocks of all families.
    """
    require("matplotlib")  # before TensorFlow starts
    with progress_on_stderr(as_json, "drawing charts"):
        from larq_igp.report.write import write_report

        charts = write_report(
            output, sources, latencies=latencies, results=results, figures=figures, title=title
        )
    size = Path(output).stat().st_size
    document = {"output": output, "bytes": size, "charts": charts, "figures": figures}
    text = f"{output}: {len(charts)} charts, {size / 1e6:.1f} MB" + (
        f"; figures in {figures}" if figures else ""
    )
    text += "; open it in a browser"
    words = ["table", *sources, *(word for path in results for word in ("--runs", path))]
    words += ["--latency", latencies] if latencies else []
    if not sources and not results:
        words = ["train", "igp_resnet_tiny"]
    emit(as_json, document, text, then=[words])
