"""``summary``."""

import click

from larq_igp.architectures import get_spec
from larq_igp.cli.costs import cost_fields
from larq_igp.cli.options import classes_option, network_argument, network_options, pop_parameters
from larq_igp.cli.output import emit, json_option, progress_on_stderr
from larq_igp.paper.table3 import TABLE3


@click.command(short_help="Count storage, multiply-accumulates and memory of a network.")
@network_argument
@network_options
@classes_option
@click.option("--layers", is_flag=True, help="Also list every layer.")
@click.option("--larq", is_flag=True, help="Also print larq.models.summary.")
@json_option
def summary(network: str, layers: bool, larq: bool, as_json: bool, **options) -> None:
    """Count storage, multiply-accumulates and memory of network NAME, from its graph and in closed
    form.
    """
    parameters = pop_parameters(options)
    spec = get_spec(network, **parameters)
    with progress_on_stderr(as_json):
        from larq_igp.analysis.summary import summarise

        result = summarise(
            network, spec, **{name: value for name, value in options.items() if value is not None}
        )
    document = {
        "name": network,
        "depth": spec.depth,
        **cost_fields(result.counts),
        **result.larq_fields(),
    }
    if layers:
        document["layers"] = result.layer_rows()
    notes = (
        (f"  paper, Table 3: {TABLE3[network].costs()}",)
        if network in TABLE3 and result.has_paper_settings
        else ()
    )
    text = result.text(layers=layers, notes=notes)
    if larq:
        document["larq_summary"] = result.larq_table()
        text += "\n\n" + result.larq_table()
    emit(as_json, document, text)
