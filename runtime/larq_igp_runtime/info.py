"""What the engine does with a file: which operators it runs, why not others, and what it fused."""

import dataclasses
import mmap
import statistics
from dataclasses import dataclass

from larq_igp_runtime.check import CUSTOM_CODE
from larq_igp_runtime.flatbuffer import Reader
from larq_igp_runtime.operators import BY_CODE


@dataclass(frozen=True)
class OperatorInfo:
    """An operator of the file.

    Attributes:
        number: its place in the file, from 0.
        name: its name, such as `CONV_2D` or `LceBconv2d`.
        delegated: whether the engine runs it; the interpreter and XNNPACK run the others.
        steps: numbers of the steps that it is part of, usually one; empty if not delegated.
        reason: why it is not delegated, else empty.
    """

    number: int
    name: str
    delegated: bool
    steps: tuple[int, ...]
    reason: str


@dataclass(frozen=True)
class StepInfo:
    """One step of the engine: an operator with those that were fused with it.

    Attributes:
        number: its place among the engine's steps, from 0.
        partition: number of the node that the interpreter runs it in, from 0.
        kind: the operator that gives it its name.
        operators: numbers of all its operators.
        input_shape: shape of the tensor that it reads.
        runs: how often it ran with `profile=True`.
        median_ms: median of the last 1000 of these, in milliseconds; None without `profile=True`.
    """

    number: int
    partition: int
    kind: str
    operators: tuple[int, ...]
    input_shape: tuple[int, ...]
    runs: int
    median_ms: float | None


@dataclass(frozen=True)
class ModelInfo:
    """A file in the engine.

    Attributes:
        version: version of the engine's library.
        instruction_set: instruction set of the kernels.
        num_threads: largest number of threads that a call uses.
        fuse: whether operators are fused.
        pixels: whether the first convolution may run on bytes.
        partitions: number of nodes in which the interpreter runs the engine's operators.
        operators: all operators of the file, in its order.
        steps: steps of the engine, in the order in which they run.
    """

    version: str
    instruction_set: str
    num_threads: int
    fuse: bool
    pixels: bool
    partitions: int
    operators: tuple[OperatorInfo, ...]
    steps: tuple[StepInfo, ...]

    @property
    def delegated(self) -> int:
        """Number of operators that the engine runs."""
        return sum(operator.delegated for operator in self.operators)

    def as_dict(self) -> dict:
        """Return everything as numbers, texts, lists and dicts, for JSON."""
        return dataclasses.asdict(self)

    def as_text(self, total_ms: float | None = None) -> str:
        """Return a table of the steps, and one of the operators that are not delegated.

        Args:
            total_ms: time of a whole inference, to show the time outside the engine.
        """
        names = {operator.number: operator.name for operator in self.operators}
        rows = [
            (
                str(step.number),
                *_times(step.median_ms, self._milliseconds(total_ms)),
                "x".join(map(str, step.input_shape)),
                _joined(step, names),
            )
            for step in self.steps
        ]
        if total_ms is not None:
            other = max(0.0, total_ms - self._milliseconds(None))
            rows.append(("", *_times(other, total_ms), "", "all else: interpreter, XNNPACK"))
        threads = "1 thread" if self.num_threads == 1 else f"{self.num_threads} threads"
        lines = [
            f"{self.delegated} of {len(self.operators)} operators delegated in "
            f"{self.partitions} {'partition' if self.partitions == 1 else 'partitions'}, "
            f"{len(self.steps)} steps ({self.instruction_set}, {threads})"
        ]
        if rows:
            lines += _table(("step", "ms", "share", "input", "operators"), rows)
        left = [
            (str(operator.number), operator.name, operator.reason)
            for operator in self.operators
            if not operator.delegated
        ]
        if left:
            lines += ["left to the interpreter:", *_table(("", "operator", "why"), left)]
        return "\n".join(lines)

    def _milliseconds(self, total: float | None) -> float:
        return total or sum(step.median_ms or 0.0 for step in self.steps)


def model_info(content: bytes | mmap.mmap, described: dict, num_threads: int) -> ModelInfo:
    """Combine what the file and the engine say about the operators.

    Args:
        content: content of the file.
        described: result of `Delegate.describe`.
        num_threads: number of threads of the interpreter, for files without delegated operators.

    Raises:
        ValueError: they do not have the same operators.
    """
    names = operator_names(content)
    claims = described["operators"]
    if [claim["number"] for claim in claims] != list(range(len(names))):
        raise ValueError(
            f"The file has {len(names)} operators, but the interpreter showed the engine others: "
            "another delegate has replaced some."
        )
    steps = [
        StepInfo(
            number=0,
            partition=number,
            kind=step["kind"],
            operators=tuple(step["operators"]),
            input_shape=tuple(step["input_shape"]),
            runs=step["runs"],
            median_ms=statistics.median(step["milliseconds"]) if step["milliseconds"] else None,
        )
        for number, partition in enumerate(described["partitions"])
        for step in partition["steps"]
    ]
    steps = [dataclasses.replace(step, number=number) for number, step in enumerate(steps)]
    return ModelInfo(
        version=described["version"],
        instruction_set=described["instruction_set"],
        num_threads=max((p["threads"] for p in described["partitions"]), default=num_threads),
        fuse=described["fuse"],
        pixels=described["pixels"],
        partitions=len(described["partitions"]),
        operators=tuple(
            OperatorInfo(
                number,
                name,
                claim["delegated"],
                tuple(step.number for step in steps if number in step.operators),
                claim["reason"],
            )
            for number, (name, claim) in enumerate(zip(names, claims, strict=True))
        ),
        steps=tuple(steps),
    )


def operator_names(content: bytes | mmap.mmap) -> list[str]:
    """Return the names of a file's operators in its order; the number of an unknown code."""
    model = Reader(content).model()
    names = []
    for operator in model.subgraphs[0].operators:
        entry = model.operator_codes[operator.code]
        code = max(entry.code, entry.deprecated_code)
        if code == CUSTOM_CODE:
            names.append(entry.custom_code)
        else:
            names.append(BY_CODE[code].name if code in BY_CODE else f"builtin operator {code}")
    return names


def _times(milliseconds: float | None, total: float) -> tuple[str, str]:
    if milliseconds is None or not total:
        return "", ""
    return f"{milliseconds:.4f}", f"{100 * milliseconds / total:.1f} %"


def _joined(step: StepInfo, names: dict[int, str]) -> str:
    """Return the operators of a step with their numbers, like `LceBconv2d 3 + ADD 4`."""
    return " + ".join(f"{names[number]} {number}" for number in step.operators)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    """Return lines with aligned columns, without columns that have no values."""
    kept = [i for i in range(len(head)) if any(row[i] for row in rows)]
    widths = [max(len(row[i]) for row in [head, *rows]) for i in kept]
    return [
        "  "
        + "  ".join(
            cell.rjust(width) if head[i] in ("step", "ms", "share") else cell.ljust(width)
            for i, width, cell in ((i, w, row[i]) for i, w in zip(kept, widths, strict=True))
        ).rstrip()
        for row in [head, *rows]
    ]
