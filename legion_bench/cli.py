"""The command line: wires everything, holds no logic."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from legion_bench import __version__, threads
from legion_bench.errors import LegionBenchError, RunError
from legion_bench.seeding import parse_seeds

if TYPE_CHECKING:
    from legion_bench.leaderboard import Entry
    from legion_bench.protocols.runner import Watch
    from legion_bench.results.store import Run
    from legion_bench.types import TaskInfo

threads.pin()  # before torch loads and reads its environment

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="Continual reinforcement learning on KUKA Meta-World streams.",
)
# Names may hold colons and brackets: they are no emoji, and escape() keeps them from being markup.
out = Console(emoji=False)
err = Console(stderr=True, emoji=False)

Runs = Annotated[list[Path], typer.Argument(help="Run folders, or folders that hold some.")]
References = Annotated[
    list[Path] | None,
    typer.Option(
        "--reference",
        help="Runs under a single-task protocol, that forward transfer is measured against; may be"
        " repeated. [default: the references that come with the package, where they fit]",
    ),
]


def _example(*lines: str) -> str:
    return "**Examples**\n\n" + "\n\n".join(f"`{line}`" for line in lines)


@app.command("list", epilog=_example("legion-bench list", "legion-bench list agents"))
def list_(
    kind: Annotated[str, typer.Argument(help="tasks, streams, agents, protocols or all.")] = "all",
) -> None:
    """List the tasks, streams, agents and protocols there are."""
    from legion_bench import listing

    for title, rows in listing.tables(kind).items():
        table = Table(title=title, title_justify="left", box=None, padding=(0, 2))
        *short, long = rows[0]
        for column in short:
            table.add_column(column, no_wrap=True)
        table.add_column(long, overflow="fold")
        for row in rows:
            table.add_row(*row.values())
        out.print(table, "")


@app.command(
    epilog=_example(
        "legion-bench run --protocol smoke --agent sac-finetune",
        "legion-bench run --protocol smoke --agent my_package.agents:MyAgent --seed 3",
        "legion-bench run --protocol ./mine.toml --agent ./my-agent.toml --out runs/try",
        "legion-bench run --protocol smoke --agent legion-small --seeds 0-4 --stack",
        "legion-bench run --protocol smoke --agent legion-small --stop-after 3000",
    )
)
def run(
    protocol: Annotated[str, typer.Option(help="Protocol card: a name or a path.")],
    agent: Annotated[str, typer.Option(help="Agent card, entry point, or package.module:Class.")],
    seed: Annotated[int | None, typer.Option(help="Seed of placements and agent.", show_default="0")] = None,
    seeds: Annotated[
        str | None,
        typer.Option(help="With --stack: several, as 0-4 or 0,2,5. --out then holds a folder for each."),
    ] = None,
    stack: Annotated[
        bool, typer.Option("--stack", help="Train --seeds together in one process, updates in one batch.")
    ] = False,
    out_: Annotated[
        Path | None, typer.Option("--out", help="Run folder. [default: runs/PROTOCOL/AGENT/seed-SEED]")
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Delete a run that is already there.")] = False,
    checkpoint_minutes: Annotated[
        float, typer.Option(help="Least time between checkpoints; 0: at every evaluation.", min=0)
    ] = 10.0,
    stop_after: Annotated[
        int | None,
        typer.Option(
            metavar="STEPS",
            help="Leave the run unfinished after the first evaluation at so many environment steps or more;"
            " the same command without this goes on.",
            min=0,
        ),
    ] = None,
) -> None:
    """Train one agent under one protocol.

    A run that was stopped goes on from its last checkpoint when the same command is given again; those
    of a stack, one by one.
    """
    from legion_bench import launch
    from legion_bench.progress import Progress

    if stack != (seeds is not None) or (stack and seed is not None):
        raise LegionBenchError("--seeds and --stack go together, and without --seed")
    if stack and stop_after is not None:
        raise LegionBenchError("--stop-after is for single runs: leave it or --stack out")
    if overwrite:
        err.print("[yellow]--overwrite: a run that is already in the folder will be deleted[/]")
    try:
        with Progress(err, protocol) as progress, _stoppable(progress) as watch:
            if seeds is None:
                say = lambda text: err.print(f"[yellow]{escape(text)}[/]", soft_wrap=True)  # noqa: E731
                paths = [
                    launch.run(
                        protocol,
                        agent,
                        seed or 0,
                        out_,
                        overwrite=overwrite,
                        checkpoint_minutes=checkpoint_minutes,
                        stop_after=stop_after,
                        watch=watch,
                        say=say,
                    )
                ]
            else:
                paths = launch.run_stack(
                    protocol,
                    agent,
                    parse_seeds(seeds),
                    out_,
                    overwrite=overwrite,
                    checkpoint_minutes=checkpoint_minutes,
                    watch=watch,
                )
    except KeyboardInterrupt:
        how = "each seed alone, with --seed and --out," if stack else "the same command"
        err.print(
            "[yellow]interrupted; whatever was measured is in the run folder,"
            f" and {how} goes on from its last checkpoint, if there is one[/]"
        )
        raise typer.Exit(130) from None
    for path in paths:
        out.print(f"Run written to {escape(str(path))}", soft_wrap=True)
    shown = escape(" ".join(map(str, paths)))
    out.print(f"See it with: legion-bench report {shown} --out report", soft_wrap=True)


@app.command(
    epilog=_example(
        "legion-bench sweep --protocol smoke --agents legion-small,sac-packnet-small --seeds 0-4 --jobs 2",
        "legion-bench sweep --protocol smoke --protocol ./mine.toml --agents ./my-agent.toml --seeds 0,1",
        "legion-bench sweep --protocol smoke --agents legion --seeds 0-9 --executor ray --address auto",
    )
)
def sweep(
    protocol: Annotated[list[str], typer.Option(help="Protocol card: a name or a path; may be repeated.")],
    agents: Annotated[str, typer.Option(help="Agent cards, entry points or classes: a,b,c.")],
    seeds: Annotated[str, typer.Option(help="As 0-4 or 0,2,5.")],
    jobs: Annotated[int, typer.Option(help="Runs at once; one per idle core.", min=1)] = 1,
    out_: Annotated[
        Path, typer.Option("--out", help="Holds the run folders PROTOCOL/AGENT/seed-SEED.")
    ] = Path("runs"),
    executor: Annotated[Literal["local", "ray"], typer.Option(help="This machine, or a cluster.")] = "local",
    address: Annotated[
        str | None, typer.Option(help="Of the Ray cluster, or auto. [default: a new one, here]")
    ] = None,
    cpus: Annotated[float, typer.Option(help="Of the Ray cluster, for each run.", min=0)] = 1,
    gpus: Annotated[float, typer.Option(help="Of the Ray cluster, for each run.", min=0)] = 0,
    retries: Annotated[int, typer.Option(help="Nodes of the Ray cluster that a run may lose.", min=0)] = 3,
    checkpoint_minutes: Annotated[
        float, typer.Option(help="Least time between checkpoints; 0: at every evaluation.", min=0)
    ] = 10.0,
) -> None:
    """Train every agent with every seed under every protocol.

    Runs that are finished are skipped, those that were stopped go on. A run that fails leaves the others
    alone and is named at the end, with exit code 1.
    """
    from legion_bench import sweeps
    from legion_bench.sweeps.board import Board, summary
    from legion_bench.sweeps.cluster import Cluster
    from legion_bench.sweeps.local import Local

    cells = sweeps.grid(protocol, agents.split(","), parse_seeds(seeds), out_)
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # as from a scheduler
    place: sweeps.Executor = (
        Local(jobs, checkpoint_minutes)
        if executor == "local"
        else Cluster(address, cpus, gpus, retries, checkpoint_minutes)
    )
    try:
        with Board(err) as board:
            rows = sweeps.sweep(cells, place, board)
    finally:
        signal.signal(signal.SIGTERM, before)
    for row in rows:
        if row.error is not None:
            err.print(f"[red]failed:[/] {escape(str(row.cell.path))}: {escape(row.error)}", soft_wrap=True)
    out.print(f"{summary(rows)}; run folders are in {escape(str(out_))}", soft_wrap=True)
    states = {row.state for row in rows}
    raise typer.Exit(130 if "interrupted" in states else 1 if "failed" in states else 0)


@contextmanager
def _stoppable(watch: Watch) -> Iterator[Watch]:
    """Let Ctrl-C, and SIGTERM, with which schedulers end a job, stop a run between two steps.

    A second signal stops it at once.
    """
    asked = False

    def ask(number: int, frame: object) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        err.print("[yellow]stopping after this step or evaluation; again to stop at once[/]")

    def watched(step: int, visit: TaskInfo | None, success: float | None) -> None:
        watch(step, visit, success)
        if asked:
            raise KeyboardInterrupt

    # Whoever ignores a signal, as nohup does, goes on doing so.
    numbers = [n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) is not signal.SIG_IGN]
    before = {number: signal.signal(number, ask) for number in numbers}
    try:
        yield watched
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@app.command(
    epilog=_example(
        "legion-bench report runs --out report",
        "legion-bench report runs/smoke/sac-finetune runs/smoke/sac-reset --out report",
        "legion-bench report runs/smoke --reference runs/smoke-single-task --out report",
        "legion-bench report runs/lifelong-curriculum --paper --out report",
    )
)
def report(
    runs: Runs,
    out_: Annotated[Path, typer.Option("--out", help="Folder to write to.")] = Path("report"),
    reference: References = None,
    paper: Annotated[
        bool, typer.Option("--paper", help="Put LEGION's published results beside the runs they fit.")
    ] = False,
) -> None:
    """Write tables, figures and one self-contained index.html."""
    from legion_bench.reports.build import build_report

    read, broken = _read(runs)
    references, lost = _read(reference or [])
    index = build_report(
        read, out_, references if reference else None, left_out=broken + lost, published=paper
    )
    out.print(f"Report written to {escape(str(index))}", soft_wrap=True)
    raise typer.Exit(1 if broken + lost else 0)


@app.command(epilog=_example("legion-bench paper --out paper"))
def paper(out_: Annotated[Path, typer.Option("--out", help="Folder to write to.")] = Path("paper")) -> None:
    """Write tables and figures of LEGION's published results; nothing is trained."""
    from legion_bench.reports.paper import build_paper

    out.print(f"Written to {escape(str(build_paper(out_)))}", soft_wrap=True)


@app.command(
    epilog=_example(
        "legion-bench metrics runs/smoke/sac-finetune/seed-0",
        "legion-bench metrics runs/smoke --reference runs/smoke-single-task --json",
    )
)
def metrics(
    runs: Runs,
    reference: References = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="All metrics: one JSON object per run and line.")
    ] = False,
) -> None:
    """Print metrics and cost of every run."""
    from legion_bench.reports import numbers
    from legion_bench.reports.measured import measure_all

    read, broken = _read(runs)
    references, lost = _read(reference or [])
    for run in measure_all(read, references if reference else None):
        for warning in run.warnings:
            err.print(f"[yellow]warning:[/] {escape(warning)}", soft_wrap=True)
        if as_json:
            typer.echo(json.dumps(numbers.everything(run), allow_nan=False))
            continue
        title = escape(str(run.run.path))
        table = Table(title=title, title_justify="left", box=None, padding=(0, 2), show_header=False)
        for row in numbers.headlines(run):
            table.add_row(*map(escape, row))
        out.print(table, "")
    if not as_json:
        err.print("All metrics, and what they are the means of: --json")
    raise typer.Exit(1 if broken + lost else 0)


@app.command(
    epilog=_example(
        "legion-bench references runs/smoke-single-task",
        "legion-bench references runs/smoke-single-task/sac-finetune --out my-references",
    )
)
def references(
    runs: Runs,
    out_: Annotated[Path, typer.Option("--out", help="Folder to write to.")] = Path("results/references"),
) -> None:
    """Make references for forward transfer: a file per single-task protocol and agent, of all its seeds."""
    from legion_bench.reports.references import collect
    from legion_bench.results.references import write

    read, broken = _read(runs)
    if broken:
        raise RunError("nothing was written: a reference must not lack runs by accident")
    for made in collect(read):
        path, seeds = write(made, out_), ", ".join(str(one.seed) for one in made.seeds)
        out.print(f"Written to {escape(str(path))}: seeds {seeds}", soft_wrap=True)


reference_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Reference numbers: what the code measured, to notice when that changes."
    " (Not what forward transfer is measured against: that is `references`.)",
    epilog=_example(
        "legion-bench reference make results/smoke/runs --out results/reference/smoke.json",
        "legion-bench reference check runs/smoke --reference results/reference/smoke.json",
    ),
)
app.add_typer(reference_app, name="reference")


@reference_app.command(
    "make",
    epilog=_example("legion-bench reference make results/smoke/runs --out results/reference/smoke.json"),
)
def reference_make(
    runs: Runs,
    out_: Annotated[Path, typer.Option("--out", help="File to write.")],
    agent: Annotated[
        list[str] | None, typer.Option(help="Leave the others out; may be repeated. [default: all]")
    ] = None,
) -> None:
    """Write reference numbers of finished runs of one protocol."""
    from legion_bench.reports.regression import collect
    from legion_bench.results.regression import write

    read, broken = _read(runs)
    if broken:
        raise RunError("nothing was written: reference numbers must not lack runs by accident")
    numbers = collect(read, agent or None)
    out.print(f"Written to {escape(str(write(numbers, out_)))}", soft_wrap=True)
    for traces in numbers.agents:
        seeds = ", ".join(str(run.seed) for run in traces.runs)
        out.print(f"{escape(traces.agent.name)}: seeds {seeds}", soft_wrap=True)


@reference_app.command(
    "check",
    epilog=_example("legion-bench reference check runs/smoke --reference results/reference/smoke.json"),
)
def reference_check(
    runs: Runs,
    reference: Annotated[Path, typer.Option(help="File that `reference make` wrote.")],
) -> None:
    """Compare runs, finished or not, with reference numbers; exit code 1 if any leaves its band."""
    from legion_bench.reports import regression
    from legion_bench.results.regression import read as read_numbers

    numbers = read_numbers(reference)
    read, broken = _read(runs)
    rows = regression.check(read, numbers)
    for note in regression.other_versions(read, numbers):
        err.print(f"[yellow]another version, so hardly identical:[/] {escape(note)}", soft_wrap=True)
    table = Table(box=None, padding=(0, 2))
    for heading in ("agent", "quantity", "measured", "reference", "band", "verdict", "of"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*map(escape, regression.cells(row)))
    # A log has 80 columns for all it knows: lines that are too long are read more easily than folded words.
    Console(emoji=False, width=max(out.width, 150)).print(table)
    out.print(
        f"Meant so that without any change at most {2 * regression.FALSE_ALARMS:.0%} of such checks fail."
    )
    raise typer.Exit(1 if broken or any(row.verdict == "OUTSIDE" for row in rows) else 0)


def _read(paths: list[Path]) -> tuple[list[Run], list[str]]:
    """Return the runs that can be read, and why others cannot: one must not hide the others."""
    from legion_bench.results.store import find_runs, read_run

    read, broken = [], []
    for path in find_runs(paths) if paths else ():
        try:
            read.append(read_run(path))
        except (RunError, OSError) as error:
            broken.append(f"{error}; this run is left out")
            err.print(f"[red]left out:[/] {escape(str(error))}", soft_wrap=True)
    return read, broken


@app.command(
    epilog=_example(
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
    out.print(f"Bundle written to {escape(str(out_))}", soft_wrap=True)


leaderboard = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Verify bundles of runs, and show them as a page.",
    epilog=_example(
        "legion-bench leaderboard verify my-agent.zip",
        "legion-bench leaderboard build bundles --out leaderboard",
    ),
)
app.add_typer(leaderboard, name="leaderboard")
Bundles = Annotated[list[Path], typer.Argument(help="Bundles, or folders that hold some (*.zip).")]


@leaderboard.command(epilog=_example("legion-bench leaderboard verify my-agent.zip"))
def verify(bundles: Bundles) -> None:
    """Check bundles of unknown origin, and compute their metrics from the raw episodes."""
    entries, refused = _verify(bundles)
    for entry in entries:
        _show_entry(entry)
    raise typer.Exit(1 if refused else 0)


@leaderboard.command(
    epilog=_example(
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
    out.print(f"Leaderboard written to {escape(str(index))}", soft_wrap=True)
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
            err.print(f"[red]refused:[/] {escape(str(error))}", soft_wrap=True)
    return entries, refused


def _show_entry(entry: Entry) -> None:
    from legion_bench.metrics import HEADLINES
    from legion_bench.reports import tables

    track, agent = entry.track, entry.manifest.agent.name
    seeds = ", ".join(str(run.seed) for run in entry.runs)
    out.print(
        f"{escape(str(entry.bundle))}: {escape(agent)}, seeds {seeds}, on {track.protocol}, {track.robot},"
        f" identity {track.identity}\nSHA-256 {entry.sha256}",
        soft_wrap=True,
        highlight=False,
    )
    table = Table(box=None, padding=(0, 2), show_header=False)
    for name, metric in HEADLINES.items():
        table.add_row(metric.title, escape(tables.estimate(entry.summary, name)))
    out.print(table, "")


@app.command(
    epilog=_example(
        "legion-bench render --agent scripted --task pick-place --out pick-place.gif",
        "legion-bench render --task door-open --out door.png --size 1024",
    )
)
def render(
    out_: Annotated[Path, typer.Option("--out", help="A .gif or .mp4 of one episode, or a .png frame.")],
    task: Annotated[str, typer.Option(help="Task card.")] = "reach",
    agent: Annotated[str, typer.Option(help="Agent, as it is before training.")] = "scripted",
    seed: Annotated[int, typer.Option(help="Seed of placement and agent.")] = 0,
    size: Annotated[int, typer.Option(help="Height and width in pixels.", min=16, max=4096)] = 480,
) -> None:
    """Make a picture or a film of an episode."""
    from legion_bench.render import render as make

    out.print(f"Written to {escape(str(make(agent, task, out_, seed, size)))}", soft_wrap=True)


@app.command(
    epilog=_example(
        "legion-bench export runs/smoke/legion-small/seed-0",
        "legion-bench export runs/smoke/legion-small/seed-0 --out policies/small.pt2",
    )
)
def export(
    run_: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder of a LEGION agent.")],
    out_: Annotated[Path, typer.Option("--out", help="A .pt2 file.")] = Path("policy.pt2"),
    checkpoint: Annotated[
        Path | None, typer.Option(help="One of the run's checkpoints. [default: the newest]")
    ] = None,
) -> None:
    """Write a run's policy as one file that torch alone can load."""
    from legion_bench.export import export as make

    card = make(run_, out_, checkpoint)
    out.print(f"Written to {escape(str(out_))}: the policy at step {card.step:,}", soft_wrap=True)


@app.command(epilog=_example("legion-bench gallery", "legion-bench gallery --out pictures --size 480"))
def gallery(
    out_: Annotated[Path, typer.Option("--out", help="Folder to write to.")] = Path("docs/tasks"),
    size: Annotated[int, typer.Option(help="Height and width in pixels.", min=16, max=2048)] = 240,
) -> None:
    """Draw every task's start on KUKA, and write the page that shows them."""
    from rich.progress import track

    from legion_bench import catalogue
    from legion_bench import gallery as galleries

    tasks = catalogue.names("envs/tasks")
    written = galleries.write(out_, tasks, size)
    *_, page = track(written, description="drawing", total=len(tasks) + 1, console=err)
    out.print(f"Written to {escape(str(page))}", soft_wrap=True)


@app.command(
    epilog=_example(
        "legion-bench audit --task peg-unplug-side --placements 20",
        "legion-bench audit --out results/environments --jobs 2",
    )
)
def audit(
    out_: Annotated[
        Path | None, typer.Option("--out", help="Folder for tables; else they are printed.")
    ] = None,
    task: Annotated[list[str] | None, typer.Option(help="Task card; may be repeated. [default: all]")] = None,
    placements: Annotated[int, typer.Option(help="Episodes per task and robot.", min=1)] = 100,
    seed: Annotated[int, typer.Option(help="Seed of the first placement.", min=0)] = 0,
    jobs: Annotated[int, typer.Option(help="Processes.", min=1)] = 1,
) -> None:
    """Play the scripted policy of every task on KUKA and Sawyer; report success and joint use."""
    from rich.progress import track

    from legion_bench import audit as audits
    from legion_bench import catalogue

    tasks = task or catalogue.names("envs/tasks")
    rows = list(
        track(
            audits.audit(tasks, ("sawyer", "kuka"), placements, seed, jobs),
            description="playing",
            total=2 * len(tasks),
            console=err,
        )
    )
    if out_ is None:
        out.print(audits.as_text(audits.table(rows)).to_string(index=False), soft_wrap=True)
    else:
        audits.write(rows, out_, seed)
        out.print(f"Written to {escape(str(out_))}", soft_wrap=True)


@app.command(epilog=_example("legion-bench doctor"))
def doctor() -> None:
    """Check dependencies, physics, rendering, bnpy and threads; say how to fix them."""
    from legion_bench.doctor import check_all

    broken = False
    for check in check_all():
        mark = "[green]ok  [/]" if check.ok else "[yellow]miss[/]" if check.optional else "[red]FAIL[/]"
        out.print(f"{mark} {check.name}: {escape(check.found)}", soft_wrap=True, highlight=False)
        if not check.ok:
            out.print(f"     fix: {check.fix}", soft_wrap=True, highlight=False, markup=False)
        broken = broken or not (check.ok or check.optional)
    raise typer.Exit(1 if broken else 0)


@app.command(
    epilog=_example("legion-bench embed", "legion-bench embed --check", "legion-bench embed --table")
)
def embed(
    check: Annotated[bool, typer.Option(help="Compare with the shipped table; write nothing.")] = False,
    table: Annotated[bool, typer.Option(help="Print docs/language.md's tables; write nothing.")] = False,
) -> None:
    """Embed the sentences of all task cards anew."""
    from legion_bench import language

    if table:
        typer.echo(language.markdown())
    if check:
        found = language.differences(language.read(), language.build())
        for line in found or ["The shipped table is what the encoder makes."]:
            out.print(escape(line), soft_wrap=True)
        raise typer.Exit(1 if found else 0)
    if not table:
        language.write(language.build())
        out.print(f"Written to {escape(str(language.path()))}", soft_wrap=True)


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


def main() -> Any:
    """Run the command line; a user's mistake is one line on standard error."""
    try:
        app()
    except LegionBenchError as error:
        err.print(f"[red]error:[/] {escape(str(error))}", soft_wrap=True)
        sys.exit(2)
    except OSError as error:  # no space, no permission, a file where a folder should be
        err.print(f"[red]error:[/] {escape(str(error))}", soft_wrap=True)
        sys.exit(1)
