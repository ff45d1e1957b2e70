"""Results of run directories and files: runs that differ only in their seeds are one."""

import dataclasses
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from larq_igp.analysis.blocks import first_block
from larq_igp.analysis.count import CostAnalysis
from larq_igp.analysis.paths import gradient_paths
from larq_igp.architectures import ZOO
from larq_igp.architectures.accounting import Counts, closed_form
from larq_igp.graph import GraphError, read_graph
from larq_igp.inference.opening import open_subject
from larq_igp.inference.subject import Subject
from larq_igp.paper.results import Result, errors
from larq_igp.training.run.same_run import NOT_COMPARED

APART = ("network", "parameters", "dataset", "seed")
"""Fields of a recipe that a result has by themselves, or for each of its runs."""


def results_of(sources: Sequence[str | Path], *, with_paths: bool = True) -> list[Result]:
    """Return the results of what ``open_subject`` opens: see ``group``."""
    return group([open_subject(source) for source in sources], with_paths=with_paths)


def group(subjects: Iterable[Subject], *, with_paths: bool = True) -> list[Result]:
    """Return one result for all runs that differ only in their seeds, in the order given.

    A run that is given twice, or repeats a seed, counts once. A ``.tflite`` adds its size to the
    results of its network; if there is none, it is a separate result, with the accuracy of its
    card. A network that is not trained has only its costs.

    Args:
        subjects: what was opened.
        with_paths: whether networks are built to measure their gradient paths.

    Raises:
        UserError: if a file does not say which network it is, or the files of a run are damaged.
    """
    groups: dict[str, dict[Any, Subject]] = {}
    files: list[Subject] = []
    for subject in subjects:
        if subject.kind == "tflite":
            files.append(subject)
            continue
        seed = subject.recipe.seed if subject.recipe else None
        groups.setdefault(_said_by_all_seeds(subject), {}).setdefault(seed, subject)
    results = [
        _result([seeds[seed] for seed in sorted(seeds, key=lambda each: each or 0)], with_paths)
        for seeds in groups.values()
    ]
    for subject in files:
        size, key = len(subject.content), key_of(subject)
        if any(result.key == key for result in results):
            results = [
                dataclasses.replace(result, file_bytes=size) if result.key == key else result
                for result in results
            ]
        else:
            results.append(dataclasses.replace(_result([subject], with_paths), file_bytes=size))
    return results


def _said_by_all_seeds(subject: Subject) -> str:
    """Return what the runs of one result have in common."""
    recipe = subject.recipe.to_json() if subject.recipe else {"source": subject.source}
    left = {name: value for name, value in recipe.items() if name not in (*NOT_COMPARED, "seed")}
    data = subject.data.to_json() if subject.data else None
    return json.dumps([left, data, subject.kind, subject.weights], sort_keys=True)


def _result(subjects: Sequence[Subject], with_paths: bool) -> Result:
    """Return the result of subjects that differ in their seeds alone."""
    first = subjects[0]
    recipe = first.recipe.to_json() if first.recipe else {"bits": first.bits}
    is_named = first.spec is not None and first.spec == ZOO.get(first.name)
    counts = counts_of(first)
    measured = [each.run.metrics() if each.run else {"top1": each.accuracy} for each in subjects]
    finished = [each for each in measured if each]
    return Result(
        network=first.name,
        base=first.name,
        parameters={} if is_named or not first.recipe else first.recipe.parameters,
        dataset=first.data.dataset if first.data else None,
        settings={
            name: value for name, value in recipe.items() if name not in (*APART, *NOT_COMPARED)
        }
        if first.run is not None  # a card does not have the recipe
        else {"bits": first.bits},
        storage_bits=counts.storage_bits,
        flops=counts.flops,
        runtime_memory_bytes=counts.runtime_memory_bytes or None,
        **(_paths(first) if with_paths else {}),
        top1_error=errors([each["top1"] for each in finished]),
        top5_error=errors([each.get("top5") for each in finished]),
        validation_error=errors([each.get("validation_top1") for each in finished]),
        key=key_of(first),
        sources=tuple(each.source for each in subjects),
        unfinished=tuple(
            each.source for each, found in zip(subjects, measured, strict=True) if not found
        ),
    )


def counts_of(subject: Subject) -> Counts:
    """Return what a network costs at its input and its classes."""
    if subject.recipe is None or subject.spec is None:
        return CostAnalysis(subject.network()).total()
    return closed_form(
        subject.spec,
        input_shape=subject.input_shape,
        num_classes=subject.classes,
        bits=subject.bits,
        stem=subject.recipe.stem,
    )


def _paths(subject: Subject) -> dict[str, int | None]:
    """Return the gradient paths of a network, and the second smallest cost in its first block."""
    graph = read_graph(subject.network())
    total = gradient_paths(graph, bits=subject.bits).total
    try:
        block = first_block(graph, subject.spec)
    except GraphError:  # a network of none of the families
        return {"gradient_paths": total, "block_n_2nd": None}
    costs = gradient_paths(graph, block.source, block.target, 2, bits=subject.bits).costs
    return {"gradient_paths": total, "block_n_2nd": costs[1] if len(costs) > 1 else None}


def network_key(
    name: str, parameters: dict[str, Any] | None, bits: int, input_shape: Sequence[int]
) -> str:
    """Return what two networks share that take the same time.

    Args:
        name: of the network; it counts where there are no parameters.
        parameters: of its specification, or of a card; None for a model of larq-zoo.
        bits: width of weights and activations.
        input_shape: ``(H, W, C)``.
    """
    fields = {
        field: value
        for field, value in (parameters or {"name": name}).items()
        if field not in ("bits", "pad_values", "stem")
    }
    return json.dumps([fields, bits, input_shape], sort_keys=True)


def key_of(subject: Subject) -> str:
    """Return the ``network_key`` of a subject."""
    parameters = asdict(subject.spec) if subject.spec else None
    return network_key(subject.name, parameters, subject.bits, subject.input_shape)
