"""Tables for a paper: text in, a booktabs tabular out."""

from __future__ import annotations

import re

import pandas as pd

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
# An interval follows the number it belongs to, as legion_bench.reports.tables.estimate writes it.
_ESTIMATE = re.compile(r"(−?\d+\.\d+) (\[(?:–|−?\d+\.\d+, −?\d+\.\d+)\])")
_NUMBER = re.compile(r"(?:–|−?[\d,.:]+(?: of \d+| [GMk]?B|–[\d,]+)?)")


def latex(table: pd.DataFrame) -> str:
    r"""Return a table of text as a ``tabular`` to ``\input``, which needs the package booktabs.

    Intervals become subscripts; columns of other numbers are aligned right; whatever a cell holds is
    set as text. Letters that pdfLaTeX does not know need LuaLaTeX.
    """
    cells = [[_cell(str(cell)) for cell in row] for row in table.to_numpy().tolist()]
    columns = "".join("r" if _is_numbers(table[name]) else "l" for name in table.columns)
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
    estimate = _ESTIMATE.fullmatch(text)
    if estimate is None:
        return escape(text)
    return rf"{escape(estimate[1])}\textsubscript{{{escape(estimate[2])}}}"


def _is_numbers(column: pd.Series) -> bool:
    return all(_NUMBER.fullmatch(text) for text in map(str, column))


def _row(cells: list[str]) -> str:
    return rf"{' & '.join(cells)} \\"
