"""Agents side by side: what they keep, what their cards change, what it costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from legion_bench.metrics import METRICS, Undefined
from legion_bench.reports import figures
from legion_bench.reports.comparisons import (
    after_switch_frame,
    changes,
    metrics_frame,
    trade_off_frame,
    variants,
)
from legion_bench.reports.figures import Style
from legion_bench.reports.frames import bands_frame
from legion_bench.reports.measured import Measured
from legion_bench.reports.pictures.captions import Picture, bars, seeds, setting

_WORDS = {"forgetting_cw": "forgetting", "forward_transfer_cw": "forward transfer"}
_TRANSFER = tuple(_WORDS)
_VARIANTS = ("average_performance", "forgetting_cw", "retention")
_STABILITY = ("min_accuracy", "worst_case_accuracy")


def transfer(runs: Sequence[Measured], styles: Mapping[str, Style]) -> Iterator[Picture]:
    """Yield forgetting and forward transfer per agent; nothing where no run defines either."""
    rows = metrics_frame(runs, _TRANSFER)
    if rows.empty:
        return
    protocol = runs[0].protocol
    names = list(dict.fromkeys(rows["metric"]))
    shown = [run for run in runs if run.complete]
    references = {run.reference.agent for run in shown if not isinstance(run.reference, Undefined)}
    against = f" Forward transfer is against single-task runs of {', '.join(sorted(references))}."
    yield Picture(
        words=("transfer", protocol),
        figure=figures.metric_bars(
            rows, names, styles, f"{protocol}: {' and '.join(_WORDS[name] for name in names)}"
        ),
        caption=f"{_definitions(names)}{against if _TRANSFER[1] in names else ''} {bars(shown)}",
        alt=f"{' and '.join(map(_title, names))} per agent on {protocol}",
    )


def built_on(runs: Sequence[Measured], styles: Mapping[str, Style]) -> Iterator[Picture]:
    """Yield, for each agent that others extend, it and them: an ablation, or what methods add."""
    for agent, members in variants([run for run in runs if run.complete]).items():
        rows = metrics_frame(members, _VARIANTS)
        if rows["agent"].nunique() < 2:
            continue
        protocol, names = runs[0].protocol, list(dict.fromkeys(rows["metric"]))
        order = {name: styles[name] for name in dict.fromkeys(run.agent for run in members)}
        yield Picture(
            words=("variants", protocol, agent),
            figure=figures.metric_bars(
                rows, names, order, f"{protocol}: {agent} and what extends it", baseline=agent
            ),
            caption=f"{agent} (dashed: its mean) beside the agents whose cards extend it."
            f" {_differences(members)} {_definitions(names)} {bars(members)}",
            alt=f"{', '.join(map(_title, names))} of {agent} and its variants on {protocol}",
        )


def stability(runs: Sequence[Measured], styles: Mapping[str, Style]) -> Iterator[Picture]:
    """Yield success on earlier tasks after a switch, where tasks are trained one after another."""
    shown = [run for run in runs if run.complete and run.run.manifest.protocol.regime == "lifelong"]
    after = after_switch_frame(shown)
    if after["step"].nunique() < 3:  # the two ends of a visit show no gap
        return
    protocol, rows = runs[0].protocol, metrics_frame(shown, _STABILITY)
    switches = len(shown[0].spans) - 1
    yield Picture(
        words=("stability-gap", protocol),
        figure=figures.stability_gap(
            bands_frame(after, ["agent"]),
            rows,
            list(dict.fromkeys(rows["metric"])),
            styles,
            f"{protocol}: earlier tasks after a switch",
        ),
        caption="Stability gap (De Lange et al. 2023). Left: success rate on the tasks trained before, from"
        f" the moment when training switches to the next task, mean over {switches} switch"
        f"{'es' if switches > 1 else ''}. Right: {_definitions(_STABILITY)} Lines and bars are means over"
        f" seeds ({seeds(shown)}), bands and whiskers 95 % bootstrap intervals (none for one seed), dots"
        f" single runs. {setting(shown[0])}",
        alt=f"Success on earlier tasks after a task switch on {protocol}",
    )


def cost(runs: Sequence[Measured], styles: Mapping[str, Style]) -> Iterator[Picture]:
    """Yield average performance over what it cost; nothing for a single agent."""
    rows = trade_off_frame(runs)
    if rows["agent"].nunique() < 2:
        return
    protocol, shown = runs[0].protocol, [run for run in runs if run.complete]
    yield Picture(
        words=("cost", protocol),
        figure=figures.trade_off(rows, styles, f"{protocol}: performance and its cost"),
        caption=f"Average performance ({METRICS['average_performance'].convention}) over cost, means over"
        f" seeds ({seeds(shown)}); vertical lines are 95 % bootstrap intervals (none for one seed). Dashed:"
        " the Pareto front, the learning agents that no other beats without costing more. Hollow: agents that"
        " tell of no gradient updates, as those that do not learn; they are left out of the front. Wall clock"
        " includes evaluation and depends on machine and load (see Provenance); an update is what the agent"
        f" counts as one, of whatever size. {setting(shown[0])}",
        alt=f"Average performance over wall clock and gradient updates on {protocol}",
    )


def _title(name: str) -> str:
    return METRICS[name].title


def _definitions(names: Sequence[str]) -> str:
    """Say what metrics are, and by whose convention."""
    found = [METRICS[name] for name in names]
    return " ".join(f"{one.title}: {one.definition} ({one.convention})." for one in found).replace(
        ". (", " ("
    )


def _differences(members: Sequence[Measured]) -> str:
    """Return “legion-no-language: identity = "none".” for each agent beside the first."""
    cards = {run.agent: run.run.manifest.agent for run in members}
    (_, base), *others = cards.items()
    said = []
    for agent, card in others:
        changed = [f"{key} = {now!r}" for key, (_, now) in changes(base, card).items()]
        said.append(f"{agent}: {', '.join(changed) or 'the same parameters'}.")
    return " ".join(said)
