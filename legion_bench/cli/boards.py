"""Commands of the leaderboard: `submit`, `leaderboard verify` and `leaderboard build`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from legion_bench.cli.console import Runs, err, example, out, plain

if TYPE_CHECKING:
    from legion_bench.leaderboard import Entry

app = typer.Typer()
leaderboard = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Verify bundles of runs, and show them as a page.",
    epilog=example(
        "legion-bench leaderboard verify my-agent.zip",
        "legion-bench leaderboard build bundles --out leaderboard",
    ),
)
app.add_typer(leaderboard, name="leaderboard")
Bundles = Annotated[list[Path], typer.Argument(help="Bundles, or folders that hold some (*.zip).")]


@app.command(
    epilog=example(
        "legion-bench submit runs/smoke/my-agent --out my-agent.zip",
        "legion-bench submit runs/smoke/my-agent/seed-0 runs/smoke/my-agent/seed-1 --out my-agent.zip",
    )
)
def submit(
    runs: Runs,
    out_: Annotated[Path, typer.Option("--out", help="The bundle, a .zip file.")] = Path("bundle.zip"),
) -> None:
    """Pack one agent's runs under one protocol into a bundle for the leaderboard, verified.

    Everything in run.json is in it, command line and hardware included.
    """
    from legion_bench import leaderboard as boards

    _show_entry(boards.submit(runs, out_))
    out.print(f"Bundle written to {plain(out_)}", soft_wrap=True)


@leaderboard.command(epilog=example("legion-bench leaderboard verify my-agent.zip"))
def verify(bundles: Bundles) -> None:
    """Check bundles of unknown origin, and compute their metrics from the raw episodes."""
    entries, refused = _verify(bundles)
    for entry in entries:
        _show_entry(entry)
    raise typer.Exit(1 if refused else 0)


@leaderboard.command(
    epilog=example(
        "legion-bench leaderboard build results/leaderboard/bundles --out results/leaderboard",
        "legion-bench leaderboard build one.zip other.zip --out leaderboard",
    )
)
def build(
    bundles: Bundles,
    out_: Annotated[Path, typer.Option("--out", help="Folder to write to.")] = Path("leaderboard"),
) -> None:
    """Verify bundles, and write index.html, leaderboard.csv and their cards."""
    from legion_bench import leaderboard as boards

    entries, refused = _verify(bundles)
    index = boards.build(entries, out_)
    out.print(f"Leaderboard written to {plain(index)}", soft_wrap=True)
    raise typer.Exit(1 if refused else 0)


def _verify(paths: list[Path]) -> tuple[list[Entry], bool]:
    """Return the bundles that are verified, and whether others were refused."""
    from legion_bench import leaderboard as boards
    from legion_bench.errors import BundleError

    found: list[Path] = []
    for given in paths:
        inside = sorted(given.glob("*.zip")) if given.is_dir() else [given]
        if not inside:  # or nothing at all would pass for verified
            raise BundleError(f"{given} holds no bundle (no .zip file)")
        found += inside
    entries, refused = [], False
    for path in found:
        try:
            entries.append(boards.verify(path))
        except BundleError as error:
            refused = True
            err.print(f"[red]refused:[/] {plain(error)}", soft_wrap=True)
    return entries, refused


def _show_entry(entry: Entry) -> None:
    from legion_bench.metrics import HEADLINES
    from legion_bench.reports import tables

    track, agent = entry.track, entry.manifest.agent.name
    seeds = ", ".join(str(run.seed) for run in entry.runs)
    out.print(
        f"{plain(entry.bundle)}: {plain(agent)}, seeds {seeds}, on {track.protocol}, {track.robot},"
        f" identity {track.identity}\nSHA-256 {entry.sha256}",
        soft_wrap=True,
        highlight=False,
    )
    table = Table(box=None, padding=(0, 2), show_header=False)
    for name, metric in HEADLINES.items():
        table.add_row(metric.title, plain(tables.estimate(entry.summary, name)))
    out.print(table, "")
