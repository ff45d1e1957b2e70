"""A network's costs as text: the paper's accounting and Larq's, and what each of them counts."""

from dataclasses import asdict, dataclass
from typing import Any

import larq as lq

from larq_igp.analysis.count import CostAnalysis
from larq_igp.architectures import Spec
from larq_igp.architectures.accounting import MEMORY_BATCH, Counts, closed_form
from larq_igp.architectures.zoo import ZOO
from larq_igp.errors import UserError
from larq_igp.keras2 import tf
from larq_igp.tables import figures, scientific


class AccountingError(UserError):
    """The graph and the closed form disagree: a fault of the family's accounting."""


@dataclass(frozen=True)
class Summary:
    """A built network and its counts."""

    name: str
    spec: Spec | None
    model: "tf.keras.Model"
    counts: Counts
    bits: int
    has_paper_settings: bool

    def larq_fields(self) -> dict[str, Any]:
        """Return what ``larq.models.summary`` totals, in base units."""
        profile = lq.models.ModelProfile(self.model)
        macs = {bits: profile.op_count("mac", bits) or 0 for bits in profile.unique_op_precisions}
        return {
            "larq_model_bits": profile.memory,
            "larq_macs": sum(macs.values()),
            "larq_binary_macs": macs.get(1, 0),
        }

    def larq_table(self) -> str:
        """Return what ``larq.models.summary`` prints."""
        lines: list[str] = []
        lq.models.summary(self.model, print_fn=lines.append)
        return "\n".join(lines)

    def layer_rows(self) -> list[dict[str, Any]]:
        """Return every layer's counts."""
        return [
            {**asdict(layer), "output_shape": list(layer.output_shape)}
            for layer in CostAnalysis(self.model).by_layer().values()
        ]

    def text(self, *, layers: bool, notes: tuple[str, ...] = ()) -> str:
        """Return the summary for a terminal, ``notes`` below the costs."""
        counts, larq, shape = self.counts, self.larq_fields(), self.model.input_shape[1:]
        where = (
            f"input {'x'.join(map(str, shape))}, {self.model.output_shape[-1]} classes, "
            f"{self.bits} bit"
        )
        has_memory = bool(counts.runtime_memory_bytes)
        of_family = (
            f"maps of stage 1 that live together, float32, batch {MEMORY_BATCH}"
            if has_memory
            else "defined only for the paper's families"
        )
        memory = figures(counts.runtime_memory_bytes / 1e6) if has_memory else "-"
        storage = figures(counts.storage_bits / 1e6)
        sources = (
            "counted twice, from the Keras graph and in closed form from the parameters: equal"
            if self.spec
            else "counted from the Keras graph"
        )
        depth = f"depth {self.spec.depth}, " if self.spec else ""
        lines = [
            f"{self.name}: {depth}{where}",
            f"  storage          {storage:>12} Mbit   kernels at their width; "
            "no BatchNorm, no biases",
            f"  FLOPs            {scientific(counts.flops):>12}        float multiply-adds + 1-bit "
            "ones / 64 + 2-bit ones / 16",
            f"  run-time memory  {memory:>12} {'MB' if has_memory else '  '}     {of_family}",
            f"  parameters       {counts.parameters:12,}        as Keras counts them: BatchNorm "
            "and biases included",
            *[
                f"  {bits:2}-bit MACs      {macs:12,}        "
                f"{'in full precision' if bits == 32 else f'both operands {bits}-bit'}"
                for bits, macs in sorted(counts.macs.items())
            ],
            f"  {sources}",
            f"  larq.models.summary says {larq['larq_model_bits'] / 8 / 1024:,.2f} KiB, with "
            "biases and two float32 values",
            f"  a channel for each BatchNorm, and {larq['larq_macs']:,} MACs, where a binary one "
            "counts as a whole",
            *notes,
        ]
        if layers:
            lines.append("")
            for row in CostAnalysis(self.model).by_layer().values():
                shape = "x".join(map(str, row.output_shape))
                kernel = f"{row.kernel_weights:>10,} x {row.kernel_bits:2}-bit"
                lines.append(f"  {row.name:45} {shape:>14} {kernel} {row.macs:>14,} MACs")
        return "\n".join(lines)


def summarise(
    name: str, model: "tf.keras.Model", spec: Spec | None, *, bits: int = 1, stem: str = "auto"
) -> Summary:
    """Count a network, twice if it has a specification.

    Args:
        name: name of the network.
        model: its Keras model.
        spec: its specification; None for a network that is not of this package.
        bits: bits that it was built with.
        stem: stem that it was built with.

    Raises:
        AccountingError: if the two counts differ.
        UserError: if it holds a layer that cannot be counted.
    """
    from_graph = CostAnalysis(model).total(spec)
    if spec is None:
        return Summary(name, None, model, from_graph, bits, has_paper_settings=False)
    shape, classes = tuple(model.input_shape[1:]), model.output_shape[-1]
    from_parameters = closed_form(
        spec, input_shape=shape, num_classes=classes, bits=bits, stem=stem
    )
    if from_graph != from_parameters:
        raise AccountingError(_difference(name, from_graph, from_parameters))
    is_paper = (
        (shape, classes, bits) == ((224, 224, 3), 1000, 1)
        and ZOO.get(name) == spec
        and stem in ("auto", "imagenet")
    )
    return Summary(name, spec, model, from_graph, bits, is_paper)


def _difference(name: str, from_graph: Counts, from_parameters: Counts) -> str:
    graph, closed = asdict(from_graph), asdict(from_parameters)
    field = next(each for each, value in graph.items() if value != closed[each])
    return (
        f"the accounting of {name} is wrong: its {field} are {graph[field]} in the graph, and "
        f"{closed[field]} in closed form, as its family counts."
    )
