"""Tables for a paper: text in, a booktabs tabular out."""

from __future__ import annotations

import pandas as pd

from legion_bench.reports.tables import ESTIMATE, NUMBER

_ESCAPES = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "_": r"\_",
    "%": r"\%",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "−": "$-$",
    "–": "--",
    "…": r"\dots{}",
    "→": r"$\rightarrow$",
    "×": r"$\times$",
    "[": "{[}",  # at the start of a row, \\ before it would take it for a length
    "]": "{]}",
}


def latex(table: pd.DataFrame) -> str:
    r"""Return a table of text as a ``tabular`` to ``\input``, which needs the package booktabs.

    Intervals become subscripts; columns of other numbers are aligned right; whatever a cell holds is
    set as text. Letters that pdfLaTeX does not know need LuaLaTeX.
    """
    table = table.astype(str)
    cells = [[_cell(cell) for cell in row] for row in table.to_numpy().tolist()]
    columns = "".join("r" if all(map(NUMBER.fullmatch, table[name])) else "l" for name in table.columns)
    lines = [
        r"% \usepackage[T1]{fontenc} \usepackage{booktabs}",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        _row([escape(str(name)) for name in table.columns]),
        r"\midrule",
        *map(_row, cells),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """Return text on one line, none of which LaTeX takes for a command."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return "".join(_ESCAPES.get(letter, letter) for letter in " ".join(printable.split()))


def _cell(text: str) -> str:
    estimate = ESTIMATE.fullmatch(text)
    if estimate is None:
        return escape(text)
    return rf"{escape(estimate[1])}\textsubscript{{{escape(estimate[2])}}}"


def _row(cells: list[str]) -> str:
    return rf"{' & '.join(cells)} \\"
