"""Tables for LaTeX: nothing that a cell holds is a command, and intervals are subscripts."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from legion_bench.reports import tables
from legion_bench.reports.frames import cost_frame, runs_frame, summary_frame
from legion_bench.reports.latex import escape, latex
from legion_bench.reports.measured import measure_all

from .conftest import MakeRun

HOSTILE = 'a_b & 50 % of $x$ {y} ~z^2 #1 \\input{/etc/passwd} | < > " [2pt]'


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("sac_small #1", r"sac\_small \#1"),
        ("\\end{tabular}", r"\textbackslash{}end\{tabular\}"),
        ("50 % & $1", r"50 \% \& \$1"),
        ("a~b^c", r"a\textasciitilde{}b\textasciicircum{}c"),
        ("−0.04", "$-$0.04"),
        ("–", "--"),
        ("two\nlines\tand\x00more", "two lines and more"),
        ("[2pt]", "{[}2pt{]}"),
    ],
)
def test_text_is_text(text: str, escaped: str) -> None:
    assert escape(text) == escaped


def test_the_whole_of_a_table() -> None:
    frame = pd.DataFrame(
        {
            "Agent": ["sac_small", "[1] b"],
            "Forgetting (CW)": ["−0.04 [−0.13, 0.00]", "0.63 [–]"],
            "Steps": ["1,200–3,000", "–"],
            "Seeds": ["2 of 3", "3"],
        }
    )
    assert latex(frame).splitlines()[1:] == [
        r"\begin{tabular}{llrr}",
        r"\toprule",
        r"Agent & Forgetting (CW) & Steps & Seeds \\",
        r"\midrule",
        r"sac\_small & $-$0.04\textsubscript{{[}$-$0.13, 0.00{]}} & 1,200--3,000 & 2 of 3 \\",
        r"{[}1{]} b & 0.63\textsubscript{{[}--{]}} & -- & 3 \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]


def test_no_cell_can_break_the_table() -> None:
    text = latex(pd.DataFrame({HOSTILE: [HOSTILE, "0.5"], "B": ["\\\\", "\\"]}))
    rows = [line for line in text.splitlines() if line.endswith(r" \\")]
    assert len(rows) == 3
    for row in rows:
        assert len(re.findall(r"(?<!\\)&", row)) == 1
        assert row.count("{") - row.count(r"\{") == row.count("}") - row.count(r"\}")
        assert len(re.findall(r"(?<!\\)\$", row)) % 2 == 0
    known = r"\\(text[a-z]+|begin|end|toprule|midrule|bottomrule|rightarrow|dots|times|[&%$#_{}\\])"
    assert "\\" not in re.sub(known, "", text.partition("\n")[2])


def test_tables_of_a_report_align_their_numbers(make_run: MakeRun) -> None:
    runs = [make_run(), make_run(seed=1), make_run(agent="a", stop_at=1400)]
    each = runs_frame(measure_all(runs))
    specs = [
        latex(table).splitlines()[1]
        for table in (
            tables.summary_table(summary_frame(each)),
            tables.cost_table(cost_frame(each)),
            tables.runs_table(each),
        )
    ]
    assert specs == [
        r"\begin{tabular}{llrlllrrl}",
        r"\begin{tabular}{llrrrrrrrr}",
        r"\begin{tabular}{llrrrrrrrll}",
    ]
