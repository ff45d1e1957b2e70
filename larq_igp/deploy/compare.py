"""Time one file in every engine that can run it, and its float twin beside it."""

from pathlib import Path
from typing import Any

from larq_igp.deploy.benchmark import benchmark, benchmark_operators
from larq_igp.deploy.card import card_path, read_card
from larq_igp.deploy.engines import engines_for
from larq_igp.deploy.twin import float_twin

CARD_FIELDS = ("variant", "parameters", "bits", "input_shape", "dataset", "accuracy")
"""What a row repeats of the file's card, so that a timing says of which network it is."""


def compare(
    file: str | Path,
    *,
    engines: tuple[str, ...],
    twin: bool,
    operators: bool,
    threads: int,
    runs: int,
    warmup: int,
) -> list[dict[str, Any]]:
    """Return one row for each engine, and one for the float twin of a 1-bit file that has a card.

    Args:
        file: the ``.tflite``.
        engines: names; empty takes all that are installed and can run the file.
        twin: whether the float twin is timed.
        operators: whether every operator is timed as well.
        threads: of the engines.
        runs: timed invocations.
        warmup: invocations before them.

    Raises:
        UserError: if the file, its card or an engine cannot be used.
    """
    card = read_card(file) if card_path(file).is_file() else None
    said = None if card is None else {name: getattr(card, name) for name in CARD_FIELDS}
    counts = {"threads": threads, "runs": runs, "warmup": warmup}
    rows = []
    for engine in engines or engines_for(file):
        if operators:
            breakdown = benchmark_operators(file, engine=engine, **counts).to_dict()
            latency = breakdown.pop("whole") | breakdown
        else:
            latency = benchmark(file, engine=engine, **counts).to_dict()
        rows.append({"role": "converted", "card": said, **latency})
    if twin and card and card.bits < 32:
        latency = benchmark(float_twin(card), engine="tflite", **counts).to_dict()
        rows.append({"role": "float twin", "card": said, **latency, "file": str(file)})
    return rows
