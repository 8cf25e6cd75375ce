"""Files of a report."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from legion_bench.reports import tables
from legion_bench.reports.latex import latex


def write(path: Path, text: str) -> None:
    """Write text, the same bytes on every system."""
    path.write_text(text, encoding="utf-8", newline="\n")


def write_table(stem: Path, table: pd.DataFrame) -> None:
    """Write a table of text to read as Markdown and for LaTeX."""
    write(stem.with_name(f"{stem.name}.md"), tables.markdown(table))
    write(stem.with_name(f"{stem.name}.tex"), latex(table))
