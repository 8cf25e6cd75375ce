"""The command line: wires everything, holds no logic. A module for each kind of command."""

from __future__ import annotations

import sys
import warnings
from io import TextIOWrapper
from typing import Annotated, Any

import typer

from legion_bench import __version__, threads
from legion_bench.cli import boards, catalogue, regression, reporting, training
from legion_bench.cli.console import err, out, plain
from legion_bench.errors import LOCKED, LegionBenchError, LegionBenchWarning, LockedError

threads.pin()  # before torch loads and reads its environment

_show_others = warnings.showwarning
app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="Continual reinforcement learning on KUKA Meta-World streams.",
)
for commands in (training, reporting, regression, boards, catalogue):
    app.add_typer(commands.app)


def _version(asked: bool) -> None:
    if asked:
        out.print(f"legion-bench {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def _show_warning(message: Warning | str, category: type[Warning], *where: Any) -> None:
    """Print a warning of ours as a line for users; others with the place in the code."""
    if issubclass(category, LegionBenchWarning):
        err.print(f"[yellow]warning:[/] {plain(message)}", soft_wrap=True)
    else:
        _show_others(message, category, *where)


def main() -> None:
    """Run the command line; a user's mistake is one line on standard error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal that lacks a letter shows another
            stream.reconfigure(errors="replace")
    warnings.showwarning = _show_warning  # type: ignore[assignment]  # takes whatever Python hands on
    try:
        app()
    except LegionBenchError as error:
        err.print(f"[red]error:[/] {plain(error)}", soft_wrap=True)
        sys.exit(LOCKED if isinstance(error, LockedError) else 2)
    except OSError as error:  # no space, no permission, a file where a folder should be
        err.print(f"[red]error:[/] {plain(error)}", soft_wrap=True)
        sys.exit(1)
