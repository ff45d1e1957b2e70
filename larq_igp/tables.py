"""Tables as data, in every form that people and programs read."""

import csv
import io
import math
import re
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import tabulate

tabulate.MIN_PADDING = 0  # a column is as wide as its widest cell, and no wider

NOTHING = "-"
CONFIDENCE = 0.95
NUMBER = re.compile(r"[+-]?[\d,]*\.?\d+(e[+-]?\d+)?( ± [\d.]+)?%?")


@dataclass(frozen=True)
class Sample:
    """A mean over seeds.

    Attributes:
        values: one for each seed.
    """

    values: tuple[float, ...]

    @property
    def n(self) -> int:
        """How many values there are."""
        return len(self.values)

    @property
    def mean(self) -> float:
        """The arithmetic mean."""
        return statistics.mean(self.values)

    @property
    def deviation(self) -> float | None:
        """The sample standard deviation; None of a single value."""
        return statistics.stdev(self.values) if self.n > 1 else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % confidence interval of the mean by Student's t; None of a single value."""
        if self.deviation is None:
            return None
        from scipy.stats import t as student

        quantile = student.ppf((1 + CONFIDENCE) / 2, self.n - 1)
        half = float(quantile) * self.deviation / math.sqrt(self.n)
        return self.mean - half, self.mean + half

    def __str__(self) -> str:
        """Return mean and standard deviation with two decimals."""
        return f"{self.mean:.2f}" + ("" if self.deviation is None else f" ± {self.deviation:.2f}")


@dataclass(frozen=True)
class Table:
    """A table for people and programs.

    Attributes:
        title: what it is.
        header: names of the columns.
        rows: cells, as many as the header has: texts, numbers, ``Sample`` or None.
        notes: what has to be known to read it.
        best: row and column of each cell that is printed in bold.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple, ...]
    notes: tuple[str, ...] = ()
    best: frozenset[tuple[int, int]] = frozenset()

    @property
    def cells(self) -> list[tuple[str, ...]]:
        """The rows as texts."""
        return [tuple(map(text_of, row)) for row in self.rows]

    @property
    def alignment(self) -> tuple[str, ...]:
        """Of each column: ``right`` if all of its cells are numbers, else ``left``."""
        columns = zip(*self.cells, strict=True) if self.rows else [()] * len(self.header)
        return tuple("right" if are_numbers(column) else "left" for column in columns)

    @property
    def filled(self) -> "Table":
        """The table without columns that have nothing in any row."""
        columns = list(zip(*self.cells, strict=True))
        kept = [j for j, column in enumerate(columns) if set(column) != {NOTHING}]
        if len(kept) == len(columns):
            return self
        return replace(
            self,
            header=tuple(self.header[j] for j in kept),
            rows=tuple(tuple(row[j] for j in kept) for row in self.rows),
            best=frozenset((i, kept.index(j)) for i, j in self.best if j in kept),
        )

    def to_json(self) -> dict[str, Any]:
        """Return a dict of plain values, one dict a row."""
        rows = [dict(zip(self.header, map(_plain, row), strict=True)) for row in self.rows]
        return {"title": self.title, "rows": rows, "notes": list(self.notes)}

    def to_csv(self) -> str:
        """Return comma-separated values, header first, without title and notes; a mean over seeds
        and its standard deviation are two columns.
        """
        samples = {i for row in self.rows for i, cell in enumerate(row) if isinstance(cell, Sample)}
        rows = [
            [part for i, cell in enumerate(row) for part in _parts(cell, i in samples)]
            for row in self.rows
        ]
        header = [
            part
            for i, name in enumerate(self.header)
            for part in ((name, f"{name}, standard deviation") if i in samples else (name,))
        ]
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([header, *rows])
        return text.getvalue().rstrip("\n")

    def to_text(self) -> str:
        """Return it for a terminal."""
        return "\n".join([self.title, "", self._aligned("plain", str, str), "", *self.notes])

    def to_markdown(self) -> str:
        """Return it in Markdown, the best cells in bold."""
        body = self._aligned("pipe", markdown_text, lambda cell: f"**{cell}**")
        notes = "\n".join(f"- {markdown_text(note)}" for note in self.notes)
        return f"**{markdown_text(self.title)}**\n\n{body}\n\n{notes}".rstrip()

    def to_latex(self) -> str:
        """Return a ``tabular`` for LaTeX with the package booktabs; title and notes are comments
        above it.
        """
        above = ["\\usepackage{booktabs}", self.title, *self.notes]
        rows = [
            [
                f"\\textbf{{{latex_text(cell)}}}" if (i, j) in self.best else latex_text(cell)
                for j, cell in enumerate(row)
            ]
            for i, row in enumerate(self.cells)
        ]
        lines = [" & ".join(row) + r" \\" for row in rows]
        return "\n".join(
            [
                *("% " + " ".join(line.split()) for line in above),
                rf"\begin{{tabular}}{{{''.join(side[0] for side in self.alignment)}}}",
                r"\toprule",
                " & ".join(map(latex_text, self.header)) + r" \\",
                r"\midrule",
                *lines,
                r"\bottomrule",
                r"\end{tabular}",
            ]
        )

    def to(self, form: str) -> str:
        """Return it in one of ``FORMS``; only CSV, for programs, keeps empty columns."""
        return FORMS[form](self if form == "csv" else self.filled)

    def _aligned(self, form: str, escape: Callable, embolden: Callable) -> str:
        rows = [
            [
                embolden(escape(cell)) if (i, j) in self.best else escape(cell)
                for j, cell in enumerate(row)
            ]
            for i, row in enumerate(self.cells)
        ]
        return aligned(rows, [escape(name) for name in self.header], form, self.alignment)


FORMS: dict[str, Callable[[Table], str]] = {
    "text": Table.to_text,
    "markdown": Table.to_markdown,
    "latex": Table.to_latex,
    "csv": Table.to_csv,
}


def aligned(
    rows: Sequence[Sequence], header: Sequence[str], form: str, alignment: Sequence[str]
) -> str:
    """Return cells, which are formatted already, as ``tabulate`` draws them."""
    return tabulate.tabulate(
        rows, header, tablefmt=form, disable_numparse=True, colalign=alignment if rows else None
    )


def figures(value: float) -> str:
    """Return a cost with two decimals, as the paper prints it; below 1 with three figures."""
    return f"{value:.2f}" if value >= 1 else f"{value:#.3g}"


def scientific(value: float) -> str:
    """Return a count in the paper's figures: ``1.64e8``."""
    mantissa, exponent = f"{value:.2e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def text_of(cell: Any) -> str:
    """Return a cell as text."""
    return NOTHING if cell is None else str(cell)


def are_numbers(cells: Sequence[str]) -> bool:
    """Return whether a column holds numbers alone; a cell may have nothing."""
    filled = [cell for cell in cells if cell != NOTHING]
    return all(NUMBER.fullmatch(cell) for cell in filled)


def _parts(cell: Any, is_sample: bool) -> tuple:
    """Return what stands in the columns of a cell."""
    if isinstance(cell, Sample):
        return f"{cell.mean:.4f}", "" if cell.deviation is None else f"{cell.deviation:.4f}"
    text = "" if cell is None else str(cell)
    text = text.replace(",", "") if NUMBER.fullmatch(text) else text
    return (text, "") if is_sample else (text,)


def _plain(cell: Any) -> Any:
    if isinstance(cell, Sample):
        return {"mean": cell.mean, "deviation": cell.deviation, "values": list(cell.values)}
    return cell


def markdown_text(text: str) -> str:
    """Return a text that Markdown shows as it is; an underline within a word needs no escape."""
    escaped = re.sub(r"([\\`*\[\]<>|~])|(?<!\w)_|_(?!\w)", lambda found: f"\\{found[0]}", text)
    return " ".join(escaped.split())


LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "%": r"\%", "&": r"\&", "_": r"\_",
    "#": r"\#", "$": r"\$", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "`": r"\textasciigrave{}",
    "[": "{[}", "]": "{]}", "*": "{*}", "±": r"$\pm$", "×": r"$\times$", "→": r"$\to$",
}  # fmt: skip
"""What LaTeX reads otherwise; a bracket or a star after a row's end, as its argument."""


def latex_text(text: str) -> str:
    """Return a text that LaTeX prints as it is, but for powers of ten and the paper's indices:
    ``1e8`` and ``N_2nd`` become formulas.
    """
    escaped = "".join(LATEX.get(letter, letter) for letter in " ".join(text.split()))
    escaped = re.sub(r"(?<![.\w])1e(\d+)\b", r"$10^{\1}$", escaped)
    escaped = re.sub(r"\b(\d+\.\d+)e(\d+)\b", r"$\1 \\times 10^{\2}$", escaped)
    return re.sub(r"\b([NL])\\_([123](?:st|nd|rd))\b", r"$\1_{\\mathrm{\2}}$", escaped)
