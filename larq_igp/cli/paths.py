"""``paths``: the gradient paths of a network."""

import click

from larq_igp.architectures.zoo import option_words
from larq_igp.cli.options import (
    SOURCE,
    classes_option,
    network_options,
    open_typed,
    source_argument,
    typed,
)
from larq_igp.cli.output import emit, json_option, progress_on_stderr, table

ORDINALS = {1: "1st", 2: "2nd", 3: "3rd"}


def ordinal(number: int) -> str:
    """Return ``1st``, ``2nd``, ``3rd``, ``4th``, ... as the paper's indices are written."""
    return ORDINALS.get(number, f"{number}th")


def paths_text(title: str, paths) -> str:
    """Format gradient paths for a terminal."""
    rows = [
        (
            f"N_{ordinal(i)}",
            f"{path.cost:,}",
            path.length,
            f"{path.count:,}",
            ", ".join(path.convolutions) or "(no binary convolution)",
        )
        for i, path in enumerate(paths.smallest, start=1)
    ]
    if not rows:
        return f"{title}: no path"
    longest, shortest = max(paths.lengths), min(paths.lengths)
    mean = sum(length * count for length, count in paths.lengths.items()) / paths.total
    return "\n".join(
        [
            f"{title}: {paths.total:,} gradient paths of {shortest} to {longest} binary "
            f"convolutions, {mean:.2f} on average",
            table(rows, ("", "operations", "length", "paths", "convolutions of one of them")),
        ]
    )


@click.command(short_help="Measure the gradient paths of a network exactly.", epilog=SOURCE)
@source_argument
@network_options
@classes_option
@click.option(
    "--source", "start", help="Layer whose output is the start of the paths.  [default: the input]"
)
@click.option("--target", help="Layer whose output is their end.  [default: the output]")
@click.option(
    "--smallest",
    "k",
    type=click.IntRange(1),
    default=3,
    show_default=True,
    help="How many distinct costs to show.",
)
@click.option(
    "--block",
    "by_block",
    is_flag=True,
    help="Measure each block separately, from its output back to its input.",
)
@click.option("--lengths", is_flag=True, help="Also count the paths of each length.")
@json_option
def paths(
    source: str, start, target, k: int, by_block: bool, lengths: bool, as_json: bool, **options
) -> None:
    """Measure the gradient paths of SOURCE: the smallest binary operation counts on a path, and how
    many paths have them.

    At 2 and 32 bits, the convolutions that are binary at 1 bit are counted.
    """
    if by_block and (start or target):
        raise click.UsageError(
            "--block sets source and target itself: leave --source and --target out."
        )
    with progress_on_stderr(as_json, "measuring"):
        from larq_igp.analysis.blocks import find_blocks
        from larq_igp.analysis.paths import gradient_paths
        from larq_igp.graph import read_graph

        subject = open_typed(source, options)
        graph, bits = read_graph(subject.network()), subject.bits
        if by_block:
            found = {
                block.name: gradient_paths(graph, block.source, block.target, k, bits=bits)
                for block in find_blocks(graph)
            }
        else:
            found = {source: gradient_paths(graph, start, target, k, bits=bits)}
    document = [{"name": name, **result.to_json()} for name, result in found.items()]
    texts = []
    for name, result in found.items():
        texts.append(paths_text(name, result))
        if lengths:
            rows = [(length, f"{count:,}") for length, count in result.lengths.items()]
            texts[-1] += f"\n{table(rows, ('length', 'paths'))}"
    then = []
    if subject.kind in ("network", "recipe", "run") and "num_classes" not in typed(options):
        then = [["gradients", source, *option_words(typed(options))]]
    emit(as_json, document if by_block else document[0], "\n\n".join(texts), then=then)
