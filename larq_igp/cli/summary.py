"""``summary``."""

from typing import Any

import click

from larq_igp.architectures.zoo import option_words
from larq_igp.cli.costs import cost_fields
from larq_igp.cli.options import (
    SOURCE,
    classes_option,
    network_options,
    open_typed,
    source_argument,
    typed,
)
from larq_igp.cli.output import emit, json_option, progress_on_stderr
from larq_igp.paper.table3 import TABLE3


@click.command(
    short_help="Count storage, multiply-accumulates and memory of a network.", epilog=SOURCE
)
@source_argument
@network_options
@classes_option
@click.option("--layers", is_flag=True, help="Also list every layer.")
@click.option("--larq", is_flag=True, help="Also print larq.models.summary.")
@json_option
def summary(source: str, layers: bool, larq: bool, as_json: bool, **options) -> None:
    """Count storage, multiply-accumulates and memory of SOURCE, from its graph and in closed
    form.
    """
    with progress_on_stderr(as_json, "counting"):
        from larq_igp.analysis.summary import summarise

        subject = open_typed(source, options)
        stem = subject.recipe.stem if subject.recipe else "auto"
        result = summarise(
            subject.name, subject.network(), subject.spec, bits=subject.bits, stem=stem
        )
    document = {
        "name": subject.name,
        "depth": subject.spec.depth if subject.spec else None,
        **cost_fields(result.counts),
        **result.larq_fields(),
    }
    if layers:
        document["layers"] = result.layer_rows()
    notes = (
        (f"  paper, Table 3: {TABLE3[subject.name].costs()}",)
        if subject.name in TABLE3 and result.has_paper_settings
        else ()
    )
    text = result.text(layers=layers, notes=notes)
    if larq:
        document["larq_summary"] = result.larq_table()
        text += "\n\n" + result.larq_table()
    emit(as_json, document, text, then=_then(subject, typed(options)))


def _then(subject: Any, options: dict[str, Any]) -> list[list[str]]:
    """Return the commands that make sense next."""
    source = subject.source
    match subject.kind:
        case "run":
            return [["convert", source]] if subject.accuracy is not None else []
        case "keras":
            return [["convert", source]]
        case "tflite":
            return [["benchmark", source]]
    commands = [["paths", source, *option_words(options)]]
    if subject.kind != "larq_zoo" and source not in TABLE3:  # those are for ImageNet
        options.pop("num_classes", None)  # a data set has its own
        commands.append(["train", source, *option_words(options)])
    return commands
