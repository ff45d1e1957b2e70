"""Tables as text: what each form reads otherwise is escaped."""

import csv
import io
import shutil
import subprocess
from statistics import stdev

import pytest

from larq_igp.tables import Sample, Table, latex_text, markdown_text
from tests.conftest import missing

NASTY = r"a_b 50% R&D #1 $x$ {y} ^z ~ \end <b> | * ` [0] 'q'"
TABLE = Table(
    "All of them",
    ("network", "error, %", "FLOPs, 1e8", "of", "N_2nd"),
    (
        (NASTY, Sample((10.0, 12.0)), "1,024", "digits", 7),
        ("[rest] *", Sample((9.5,)), None, "-", None),
    ),
    ("A note of 100 %.",),
    frozenset({(1, 1)}),
)


def test_numbers_stand_right_and_texts_left():
    assert TABLE.alignment == ("left", "right", "right", "left", "right")
    first, _, header, *_, last = TABLE.to_text().splitlines()
    assert (first, last) == ("All of them", "A note of 100 %.")
    assert header.startswith("network ")


def test_columns_with_nothing_in_them_are_left_out_where_people_read():
    table = Table("T", ("a", "none", "b"), ((1, None, "x"), (2, "-", None)), (), {(1, 2)})
    assert table.to("text").splitlines()[2].split() == ["a", "b"]
    assert "**-**" in table.to("markdown") and "none" not in table.to("latex")
    assert table.to("csv").splitlines()[0] == "a,none,b"
    assert set(table.to_json()["rows"][0]) == {"a", "none", "b"}
    assert "none" in Table("T", ("none",), ()).to("text")


def test_mean_and_deviation_are_columns_of_csv():
    header, *rows = csv.reader(io.StringIO(TABLE.to_csv()))
    assert header[1:3] == ["error, %", "error, %, standard deviation"]
    assert [row[1:4] for row in rows] == [
        ["11.0000", f"{stdev((10, 12)):.4f}", "1024"],
        ["9.5000", "", ""],
    ]
    assert rows[0][0] == NASTY


def test_json_has_the_values():
    (row, _) = TABLE.to_json()["rows"]
    assert row["error, %"] == {"mean": 11.0, "deviation": stdev((10, 12)), "values": [10.0, 12.0]}


def test_markdown_escapes_what_it_would_read():
    assert markdown_text("igp_resnet_tiny") == "igp_resnet_tiny"
    assert markdown_text("_a_ a|b *c* <d> [e] `f`") == r"\_a\_ a\|b \*c\* \<d\> \[e\] \`f\`"
    assert "| **9.50**" in " ".join(TABLE.to_markdown().split())


@pytest.mark.parametrize(
    "text, expected",
    [
        ("a_b 5% R&D #1", r"a\_b 5\% R\&D \#1"),
        ("FLOPs, 1e8", "FLOPs, $10^{8}$"),
        ("2.1e25", r"$2.1 \times 10^{25}$"),
        ("N_2nd of a block", r"$N_{\mathrm{2nd}}$ of a block"),
        ("11.00 ± 1.41", r"11.00 $\pm$ 1.41"),
        ("\\x{y}", r"\textbackslash{}x\{y\}"),
        ("a\nb", "a b"),
    ],
)
def test_latex_escapes_what_it_would_read(text, expected):
    assert latex_text(text) == expected


def test_latex_compiles_and_prints_what_was_meant(tmp_path):
    latex, reader = shutil.which("pdflatex"), shutil.which("pdftotext")
    if not latex or not reader:
        missing("Debian's texlive-latex-recommended and poppler-utils")
    body = TABLE.to_latex()
    assert r"\textbf{9.50}" in body
    (tmp_path / "a.tex").write_text(
        "\\documentclass{article}\\usepackage[T1]{fontenc}\\usepackage{booktabs}\n"
        f"\\begin{{document}}\n{body}\n\\end{{document}}\n"
    )
    made = subprocess.run(
        [latex, "-interaction=nonstopmode", "-halt-on-error", "a.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stdout[-2000:]
    read = subprocess.run(
        [reader, "-layout", "a.pdf", "-"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    printed = " ".join(read.stdout.split())
    for word in (
        "a_b",
        "50%",
        "R&D",
        "#1",
        "$x$",
        "{y}",
        r"\end",
        "<b>",
        "11.00 ± 1.41",
        "[rest] *",
        "[0]",
    ):
        assert word in printed
