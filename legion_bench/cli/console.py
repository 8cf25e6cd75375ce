"""What all commands share: consoles, the kinds of arguments, and reading the runs that were asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from legion_bench.errors import RunError, printable

if TYPE_CHECKING:
    from legion_bench.results.store import Run

# Names may hold colons and brackets: they are no emoji, and plain() keeps them from being markup.
out = Console(emoji=False)
err = Console(stderr=True, emoji=False)
# A log has 80 columns for all it knows: lines that are too long are read more easily than folded words.
wide = Console(emoji=False, width=max(out.width, 160))

Runs = Annotated[list[Path], typer.Argument(help="Run folders, or folders that hold some.")]
References = Annotated[
    list[Path] | None,
    typer.Option(
        "--reference",
        help="Runs under a single-task protocol, that forward transfer is measured against; may be"
        " repeated. [default: the references that come with the package, where they fit]",
    ),
]


def plain(text: object) -> str:
    """Return text on one line, as it is: no markup, nothing that steers a terminal or that it cannot show."""
    return escape(printable(" ".join(str(text).splitlines())))


def example(*lines: str) -> str:
    """Return a command's epilogue: lines that a user could type."""
    return "**Examples**\n\n" + "\n\n".join(f"`{line}`" for line in lines)


def read_runs(paths: list[Path]) -> tuple[list[Run], list[str]]:
    """Return the runs that can be read, and why others cannot: one must not hide the others."""
    from legion_bench.results.store import find_runs, read_run

    read, broken = [], []
    for path in find_runs(paths) if paths else ():
        try:
            read.append(read_run(path))
        except (RunError, OSError) as error:
            broken.append(f"{printable(error)}; this run is left out")
            err.print(f"[red]left out:[/] {plain(error)}", soft_wrap=True)
    return read, broken
