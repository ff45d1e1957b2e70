"""One table of results: errors over seeds, costs, gradient paths, and the paper's figures."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from larq_igp.paper.results import Result
from larq_igp.paper.table1 import TABLE1
from larq_igp.paper.table3 import TABLE3
from larq_igp.tables import Sample, Table

MANY_CLASSES = ("imagenet2012", "cifar100")
"""Data sets for which the top-5 error is shown."""
COUNT = ((1, "{}"), (1e3, "{}, 1e3"), (1e6, "{}, 1e6"), (1e8, "{}, 1e8"))
BITS = ((1, "{}, bit"), (1e3, "{}, kbit"), (1e6, "{}, Mbit"))
BYTES = ((1, "{}, bytes"), (1e3, "{}, kB"), (1e6, "{}, MB"))
PAPER_UNITS = {"storage": 1e6, "FLOPs": 1e8, "memory": 1e6}
"""Units in which the paper prints costs, so that its row can be compared with ours."""
Column = tuple[str, list]


def compare(results: Sequence[Result], latency_ms: Mapping[str, float] | None = None) -> Table:
    """Return the table: a row for each result.

    What all results have in common is said once, in the notes. The lowest error on each data set is
    printed in bold, and so is the lowest latency.

    Args:
        results: of runs, files, networks or experiments.
        latency_ms: by the key of a result.
    """
    varying, common = _settings(results)
    papers = [_paper_row(result) for result in results]
    columns: list[Column] = [("network", [result.title for result in results])]
    if any(result.network != result.base for result in results):
        columns.append(("made from", [result.base for result in results]))
    columns += varying
    errors: list[Column] = [
        ("test error, %", [result.top1_error for result in results]),
        ("top-5 error, %", [_top5(result) for result in results]),
        ("validation error, %", [result.validation_error for result in results]),
    ]
    columns += [("seeds", [result.seeds or None for result in results]), *errors]
    columns += _costs(results, papers)
    times = [(latency_ms or {}).get(result.key) for result in results]
    columns.append(("latency, ms", [time and f"{time:.3f}" for time in times]))
    if any(papers):
        columns.append(("error, % (paper)", [row["error"] if row else None for row in papers]))
    shown = [each for each in columns if any(cell is not None for cell in each[1])]
    best = {
        (row, place)
        for place, (name, cells) in enumerate(shown)
        if "error, %" in name and "paper" not in name
        for row in _lowest(cells, [result.dataset for result in results])
    }
    timed = [(row, place) for place, (name, _) in enumerate(shown) if name == "latency, ms"
             for row in _lowest(times, [None] * len(times))]  # fmt: skip
    return Table(
        "Networks compared",
        tuple(name for name, _ in shown),
        tuple(zip(*(cells for _, cells in shown), strict=True)),
        tuple(_notes(results, common, papers)),
        frozenset(best) | frozenset(timed),
    )


def _settings(results: Sequence[Result]) -> tuple[list[Column], str]:
    """Return columns of what the results differ in, and a text of the usual that they share."""
    said: list[dict[str, Any]] = [{"dataset": r.dataset, **r.settings} for r in results]
    names = dict.fromkeys(name for each in said for name in each)
    having = {name: [each[name] for each in said if name in each] for name in names}
    varying = [
        (_spoken(name), [_plain(each.get(name)) for each in said])
        for name in names
        if any(value != having[name][0] for value in having[name])
    ]
    trained = sum(result.dataset is not None for result in results)
    common = [
        f"{having[name][0]} bit" if name == "bits" else f"{_spoken(name)} {having[name][0]}"
        for name in ("dataset", "bits", "epochs", "batch_size", "learning_rate")
        if len(having.get(name, ())) >= max(1, trained)
        and having[name][0] is not None
        and _spoken(name) not in [column for column, _ in varying]
    ]
    return varying, ", ".join(common)


def _spoken(name: str) -> str:
    return {"dataset": "data set"}.get(name, name.replace("_", " "))


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else value


def _top5(result: Result) -> Sample | None:
    return result.top5_error if result.dataset in MANY_CLASSES else None


def _costs(results: Sequence[Result], papers: Sequence[dict | None]) -> list[Column]:
    """Return columns of costs, each in one unit, together with those of the paper's rows."""
    columns: list[Column] = []
    for name, units, values in (
        ("storage", BITS, [result.storage_bits for result in results]),
        ("FLOPs", COUNT, [result.flops for result in results]),
        ("memory", BYTES, [result.runtime_memory_bytes for result in results]),
        ("N_2nd of a block", COUNT, [result.block_n_2nd for result in results]),
        ("gradient paths", (), [result.gradient_paths for result in results]),
        ("file", BYTES, [result.file_bytes for result in results]),
    ):
        if not units:
            columns.append((name, [value and _short(value) for value in values]))
            continue
        unit = PAPER_UNITS.get(name) if any(papers) else None
        columns.append(in_one_unit(name, units, values, unit))
        if name in PAPER_UNITS and any(papers):
            columns.append(
                (f"{columns[-1][0]} (paper)", [row[name] if row else None for row in papers])
            )
    return columns


def unit_of(
    units: Sequence[tuple[float, str]], values: Sequence[float | None]
) -> tuple[float, str]:
    """Return the largest unit in which no cost is below 1, as ``in_one_unit``."""
    least = min(filter(None, values), default=1)
    return next((each for each in reversed(units) if each[0] <= least), units[0])


def in_one_unit(
    name: str,
    units: Sequence[tuple[float, str]],
    values: Sequence[float | None],
    unit: float | None = None,
) -> Column:
    """Return a column of costs, each with three digits or more.

    Args:
        name: of the cost.
        units: factors and how they are named, the smallest first.
        values: in base units.
        unit: a factor to take; else it is the largest with which no cost is below 1.
    """
    factor, label = unit_of(units, values)
    if unit:
        factor, label = next(each for each in units if each[0] == unit)
    least = min(filter(None, values), default=1)
    digits = 2 - math.floor(math.log10(least / factor))
    digits = max(2, digits - 1) if unit else max(0, digits) if factor > 1 else 0
    cells = [None if value is None else f"{value / factor:,.{digits}f}" for value in values]
    return label.format(name), cells


def _short(count: int) -> str:
    """Return a count of any size, large ones with two digits: there may be more than atoms."""
    return f"{count:,}" if count < 1e6 else f"{count:.1e}".replace("e+0", "e").replace("e+", "e")


def _paper_row(result: Result) -> dict[str, str | None] | None:
    """Return what the paper has of a network, if it has it as it is."""
    if result.parameters or result.network != result.base:
        return None
    nothing: dict[str, str | None] = dict.fromkeys(PAPER_UNITS)
    if result.dataset == "cifar100":
        same = [r for r in TABLE1 if (r.network, r.bits) == (result.base, result.bits)]
        return {**nothing, "error": f"{same[0].top1_error} (CIFAR-100)"} if same else None
    if result.base not in TABLE3 or result.bits != 1:
        return None
    row = TABLE3[result.base]
    return {
        "storage": row.storage,
        "FLOPs": row.flops,
        "memory": row.runtime_memory,
        "error": f"{row.top1_error} (ImageNet)",
    }


def _lowest(cells: Sequence[Any], groups: Sequence[Any]) -> list[int]:
    """Return the rows with the lowest value of their group, as it is printed, if it has several."""
    found = []
    for each in dict.fromkeys(groups):
        rows = [i for i, cell in enumerate(cells) if cell is not None and groups[i] == each]
        printed = {i: round(getattr(cells[i], "mean", cells[i]), 2 if isinstance(cells[i], Sample)
                            else 3) for i in rows}  # fmt: skip
        if len(rows) > 1:
            found += [i for i in rows if printed[i] == min(printed.values())]
    return found


def _notes(results: Sequence[Result], common: str, papers: Sequence[dict | None]) -> list[str]:
    notes = [f"All: {common}."] if common else []
    if any(result.seeds > 1 for result in results):
        notes.append("Mean ± standard deviation over seeds.")
    unfinished = [source for result in results for source in result.unfinished]
    if unfinished:
        notes.append(f"Not finished: {', '.join(unfinished)}.")
    if any(papers):
        notes.append(
            "The paper's costs are at 224x224 px and 1000 classes; ours at the input and the "
            "classes in use."
        )
    return notes


def labels_of(results: Sequence[Result]) -> list[str]:
    """Return a unique name for each result: that of its network, with the differences of its recipe
    if several results share it.
    """
    titles = [result.title for result in results]
    varying, _ = _settings(results)
    labels: list[str] = []
    for place, title in enumerate(titles):
        same = [i for i, other in enumerate(titles) if other == title]
        different = [
            f"{name} {cells[place]}" for name, cells in varying if len({cells[i] for i in same}) > 1
        ]
        number = labels.count(label := ", ".join([title, *different]))
        labels.append(f"{label} ({number + 1})" if number else label)
    return labels
