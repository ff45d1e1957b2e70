"""``list``."""

import click

from larq_igp.architectures import ZOO
from larq_igp.architectures.accounting import closed_form
from larq_igp.architectures.zoo import option_words
from larq_igp.cli.costs import (
    COST_COLUMNS,
    IMAGENET,
    Use,
    cost_cells,
    cost_fields,
    images_options,
    use_of,
)
from larq_igp.cli.options import typed
from larq_igp.cli.output import emit, json_option, markdown_table, table
from larq_igp.paper.table3 import TABLE3

DIGITS = Use((32, 32, 3), 10)
"""What the small networks are for."""


@click.command("list", short_help="List the named networks and what they cost.")
@click.option(
    "--table3",
    is_flag=True,
    help="Only the paper's eleven networks on ImageNet, with their errors, as Markdown.",
)
@images_options
@json_option
def list_networks(table3: bool, as_json: bool, **images) -> None:
    """List the named networks with their costs at 1 bit.

    Costs are for ImageNet (224x224x3, 1000 classes), those of the small networks for the digits
    (32x32x3, 10 classes), unless an option names other images.
    """
    if table3:
        if typed(images):
            raise click.UsageError("--table3 is for ImageNet: leave out the options of images.")
        _list_table3(as_json)
        return
    if typed(images):
        groups = {use_of(**images): list(ZOO)}
    else:
        small = [name for name in ZOO if name.endswith("_tiny")]
        groups = {Use(*IMAGENET): [name for name in ZOO if name not in small], DIGITS: small}
    document, texts = [], []
    for use, names in groups.items():
        counts = {name: closed_form(ZOO[name], **use._asdict()) for name in names}
        document += [_fields(name, each) | use._asdict() for name, each in counts.items()]
        rows = [(name, ZOO[name].depth, *cost_cells(each)) for name, each in counts.items()]
        texts.append(f"For {use}:\n{table(rows, ('network', 'depth', *COST_COLUMNS))}")
    images.pop("num_classes")  # a data set has its own
    then = ["train", "igp_resnet_tiny", *option_words(typed(images))]
    emit(as_json, document, "\n\n".join(texts), then=[then])


def _list_table3(as_json: bool) -> None:
    counts = {name: closed_form(ZOO[name]) for name in TABLE3}
    rows = [
        (f"`{name}`", ZOO[name].depth, *cost_cells(counts[name]), row.top1_error, row.top5_error)
        for name, row in TABLE3.items()
    ]
    errors = ("top-1 error, % (paper)", "top-5 error, % (paper)")
    text = markdown_table(rows, ("network", "depth", *COST_COLUMNS, *errors))
    emit(as_json, [_fields(name, each) for name, each in counts.items()], text)


def _fields(name: str, counts) -> dict:
    spec = ZOO[name]
    return {"name": name, "family": spec.family, "depth": spec.depth, **cost_fields(counts)}
