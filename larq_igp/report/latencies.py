"""What ``larq-igp benchmark --json`` measured, by network."""

import math
from dataclasses import dataclass
from pathlib import Path

from larq_igp.errors import UserError
from larq_igp.files import read_json
from larq_igp.paper.runs import network_key


@dataclass(frozen=True)
class Timing:
    """The fastest timing of a converted network.

    Attributes:
        latency_ms: median of one image.
        engine: that ran it.
        cpu: of the host.
        operators: each operator by itself, with its milliseconds; empty if not measured.
    """

    latency_ms: float
    engine: str
    cpu: str
    operators: tuple[dict, ...]


def _milliseconds(row: dict) -> float:
    latency_ms = float(row["latency_ms_median"])
    if not 0 < latency_ms < math.inf:
        raise ValueError(f"a latency of {latency_ms} ms")
    return latency_ms


def _operator(row: dict) -> dict:
    names = {name: str(row[name]) for name in ("index", "operator", "tensor")}
    return {**names, "latency_ms_median": _milliseconds(row)}


def read_latencies(path: str | Path) -> dict[str, Timing]:
    """Read what ``larq-igp benchmark --json`` printed: key of a network -> its fastest timing.

    Raises:
        UserError: if the file is something else.
    """
    found: dict[str, Timing] = {}
    rows = read_json(path)
    try:
        if not isinstance(rows, list):
            raise TypeError("no list of timings")
        for row in rows:
            if row["role"] != "converted" or row["card"] is None:
                continue
            card = row["card"]
            key = network_key(
                card["variant"], card["parameters"], card["bits"], card["input_shape"]
            )
            operators = tuple(_operator(each) for each in row.get("operators", ()))
            timing = Timing(
                _milliseconds(row), str(row["engine"]), str(row["host"]["cpu"]), operators
            )
            if key not in found or timing.latency_ms < found[key].latency_ms:
                found[key] = timing
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise UserError(
            f"{path} is not what `larq-igp benchmark --json` prints: {error!r}."
        ) from error
    return found
