"""What goes into the page: first the networks that were given, then the paper's."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from larq_igp.inference.opening import open_subject
from larq_igp.paper.comparison import labels_of
from larq_igp.paper.results import read_results
from larq_igp.paper.runs import group
from larq_igp.report.blocks import family_blocks
from larq_igp.report.curves import binary_layers_section, curves_section
from larq_igp.report.facts import Network, read_network
from larq_igp.report.latencies import read_latencies
from larq_igp.report.layers import layers_section
from larq_igp.report.mistakes import mistakes_section
from larq_igp.report.page import Section
from larq_igp.report.palette import looks_of
from larq_igp.report.results import paper_section, results_section

BLOCKS = "Filled nodes are binary convolutions; a coloured line is one gradient path of its cost."


def collect(
    sources: Sequence[str | Path],
    *,
    latencies: str | Path | None = None,
    results: Sequence[str | Path] = (),
) -> list[Section]:
    """Return the sections of the page.

    Args:
        sources: what ``open_subject`` opens, or none.
        latencies: a file that ``larq-igp benchmark --json`` wrote.
        results: CSV files of experiments.

    Raises:
        UserError: if a source or the file cannot be read.
    """
    timed = read_latencies(latencies) if latencies else {}
    networks = read_networks(sources, results)
    sections = [results_section(networks, timed), curves_section(networks)]
    sections.append(binary_layers_section(networks))
    for each in networks:
        if each.runs:
            model = each.runs[0].network()
            sections.append(layers_section(each.label, model, timed.get(each.result.key)))
        if each.best is not None and each.result.seeds:
            sections.append(mistakes_section(each.label, each.best))
    sections.append(paper_section(timed))
    sections.append(
        Section("Gradient paths of a block", BLOCKS, tuple(family_blocks()), is_folded=True)
    )
    return told_apart(section for section in sections if section is not None)


def read_networks(
    sources: Sequence[str | Path], results: Sequence[str | Path] = ()
) -> list[Network]:
    """Return the networks of the page; arguments and errors are those of ``collect``."""
    named = {str(source): None for source in sources}
    subjects = {source: open_subject(source) for source in named}
    found = [*group(subjects.values()), *(each for path in results for each in read_results(path))]
    looks = looks_of([each.family for each in found])
    return [
        read_network(label, look, result, [subjects[source] for source in result.sources])
        for label, look, result in zip(labels_of(found), looks, found, strict=True)
    ]


def told_apart(sections: Iterable[Section]) -> list[Section]:
    """Return the sections with a name for each chart that no other has."""
    seen: Counter[str] = Counter()
    renamed = []
    for section in sections:
        charts = []
        for chart in section.charts:
            seen[chart.name] += 1
            count = seen[chart.name]
            charts.append(replace(chart, name=f"{chart.name}-{count}") if count > 1 else chart)
        renamed.append(replace(section, charts=tuple(charts)))
    return renamed
