"""The answer as a stream of events: extract first, then the model's draft, sentence by sentence.

Does not know where events go, nor how a model is reached.
"""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tutor.answering import coverage, evidence, extract, premise, prompt, suggest
from tutor.answering.conversation import Resolved, resolve
from tutor.answering.question import clean
from tutor.corpus.blocks import LIST_ITEM, Passage, sentence_spans, unlinked
from tutor.errors import LLMError
from tutor.llm.base import ChatModel
from tutor.retrieval.embedder import Vectors
from tutor.retrieval.retriever import Retriever
from tutor.schema import (
    Answer,
    Checked,
    Citation,
    Degraded,
    Drafted,
    Event,
    Extracted,
    ExtractSentence,
    Finished,
    Nearest,
    NotCovered,
    Reading,
    Retrieved,
    Rewritten,
    SectionHit,
    Sentence,
)
from tutor.verification.support import Aligner
from tutor.verification.verifier import Verifier

HITS = 8
MAX_TOKENS = 200
REPLACES = 0.6
"""Cosine from which the guide's own sentence takes the place of a claim that it does not carry."""
log = logging.getLogger(__name__)
Connect = Callable[[], ChatModel]
History = Sequence[tuple[str, str]]


def never() -> bool:
    """The default answer to "has the reader pressed stop?"."""
    return False


class Citations:
    """Numbers passages in the order they are first cited."""

    def __init__(self, retriever: Retriever) -> None:
        self._retriever = retriever
        self._numbers: dict[tuple[str, int, int], int] = {}
        self.all: list[Citation] = []

    def has(self, passage: Passage) -> bool:
        """Whether a passage was cited already."""
        return place(passage) in self._numbers

    def number(self, passage: Passage) -> int:
        """The citation number of a passage, given now if it is new."""
        key = place(passage)
        if key not in self._numbers:
            section = self._retriever.section(passage.section_id)
            title = section.title if section else passage.section_id
            self._numbers[key] = len(self.all) + 1
            self.all.append(Citation(len(self.all) + 1, passage.section_id, title, *key, passage.text))
        return self._numbers[key]


def place(passage: Passage) -> tuple[str, int, int]:
    """Where a passage stands: file, start and end in characters."""
    return passage.path, passage.start, passage.end


@dataclass
class Turn:
    """What one question has come to so far."""

    question: str
    began: float
    standalone: str
    hits: list[SectionHit]
    extract: tuple[ExtractSentence, ...] = ()
    sentences: tuple[Sentence, ...] = ()
    degraded: str | None = None
    model: str | None = None


class Answerer:
    """Answers questions over one index; holds nothing of any reader."""

    def __init__(self, retriever: Retriever, connect: Connect | None, verifier: Verifier) -> None:
        self.retriever = retriever
        self._verifier = verifier
        self._connect = connect

    def ask(
        self,
        question: str,
        *,
        history: History = (),
        standalone: str | None = None,
        use_llm: bool = True,
        cancelled: Callable[[], bool] = never,
    ) -> Iterator[Event]:
        """Answer one question; the last event is Finished.

        Raises:
            QuestionError: there is no question in the text.
            RetrievalError: the index cannot be searched.
        """
        began = time.perf_counter()
        timings: dict[str, float | None] = {"first_token_ms": None}
        asked = clean(question)
        resolved = self._resolved(asked, clean(standalone) if standalone else None, history)
        alone = resolved.question
        yield Rewritten(alone, alone != asked)
        searched = time.perf_counter()
        vector = self.retriever.embed(alone)
        hits = self.retriever.search(alone, HITS, resolved.order)
        timings["retrieve_ms"] = milliseconds(searched)
        yield Retrieved(tuple(hits), timings["retrieve_ms"] or 0.0)
        turn = Turn(asked, began, alone, hits)
        found = extract.candidates(self.retriever, hits)
        weights = extract.weighed(alone, vector, found, self.retriever)
        read = evidence.gather(alone, weights, found, self._verifier)
        decision = coverage.decide(alone, hits, self.retriever, found.vectors @ vector, read)
        nearest = nearest_sections(hits)
        cited = Citations(self.retriever)
        if decision.covered and (at := premise.denied(alone, found, self.retriever, self._verifier)) is not None:
            said = shown(found.passages[at].text)
            turn.extract = (ExtractSentence(said, cited.number(found.passages[at])),)
            reply = f"The guide does not say so. It says: “{said}”"
            decision = coverage.Coverage(False, decision.probability, reply)
        if not decision.covered:
            timings["extract_ms"] = milliseconds(began)
            yield NotCovered(decision.reply, nearest)
            yield Finished(self._answer(turn, cited, timings, decision.reply))
            return
        chosen = extract.choose(weights, found)
        turn.extract = tuple(
            ExtractSentence(shown(found.passages[i].text), cited.number(found.passages[i])) for i in chosen
        )
        timings["extract_ms"] = milliseconds(began)
        yield Extracted(turn.extract, tuple(cited.all))
        if use_llm and self._connect is not None and not cancelled():
            yield from self._draft(turn, found, vector, chosen, cited, timings, cancelled)
        elif use_llm and self._connect is None:
            turn.degraded = "No chat model is set up: this is the guide's own text."
            yield Degraded(turn.degraded)
        yield Finished(self._answer(turn, cited, timings))

    def _draft(
        self,
        turn: Turn,
        found: extract.Candidates,
        vector: Vectors,
        chosen: list[int],
        cited: Citations,
        timings: dict[str, float | None],
        cancelled: Callable[[], bool],
    ) -> Iterator[Event]:
        """The model's sentences, each checked as soon as it is complete."""
        section = turn.hits[0].section
        context = " ".join([turn.standalone, *(hit.section.text for hit in turn.hits[:4])])
        aligner = Aligner(
            found.passages, found.vectors, found.words, self.retriever.vocabulary, context, self._verifier
        )
        also = [found.passages[i].plain for i in chosen if found.passages[i].section_id != section.id]
        shares: list[float] = []
        kept: list[Sentence] = []
        asked_at = time.perf_counter()
        try:
            model = self._connect() if self._connect else None
            if model is None:
                return
            turn.model = model.name
            stream = model.stream(
                prompt.messages(section, turn.standalone, also[:1]),
                max_tokens=MAX_TOKENS,
                on_progress=shares.append,
                cancelled=cancelled,
            )
            buffer, reported = "", 0
            for delta in stream:
                if len(shares) > reported:
                    reported = len(shares)
                    yield Reading(shares[-1])
                if not delta:
                    continue
                if timings["first_token_ms"] is None:
                    timings["first_token_ms"] = milliseconds(asked_at)
                buffer += delta
                done, buffer = complete_sentences(buffer)
                for text in done:
                    for checked in self._check(text, aligner, cited):
                        kept.append(checked.sentence)
                        yield checked
                if buffer.strip():
                    yield Drafted(buffer.strip())
            if cancelled():
                turn.degraded = "Stopped: what the model had not finished is left out."
            elif buffer.strip() and re.search(r"[.!?:][\"')*`]*$", buffer.strip()):
                for checked in self._check(buffer.strip(), aligner, cited):
                    kept.append(checked.sentence)
                    yield checked
            if not kept and turn.degraded is None:
                turn.degraded = "Answered from the guide's own sentences: the model said nothing."
        except LLMError as error:
            log.warning("chat model: %s", error)
            turn.degraded = f"Answered from the guide's own sentences: {error.message.rstrip('.')}."
        turn.sentences = tuple(kept)
        if turn.degraded:
            yield Degraded(turn.degraded)

    def _check(self, text: str, aligner: Aligner, cited: Citations) -> Iterator[Checked]:
        """One finished sentence with its verdict; where the guide does not carry it, its own nearest sentence follows."""
        bare = LIST_ITEM.sub("", text).strip()
        support = aligner.align(bare, self.retriever.embed(bare))
        if not support.supported:
            yield Checked(Sentence(bare, "unsupported", ()), ())
        held = [aligner.passages[i] for i in support.passages]
        said = bare
        if not support.supported:
            held = held[:1]
            if support.similarity < REPLACES or not held or held[0].kind != "prose" or cited.has(held[0]):
                return
            said = shown(held[0].text)
        numbers = tuple(cited.number(passage) for passage in held)
        new = tuple(citation for citation in cited.all if citation.n in numbers)
        yield Checked(Sentence(said, "supported", numbers), new)

    def _resolved(self, question: str, standalone: str | None, history: History) -> Resolved:
        """The question as it stands alone; the last one counts only where this one leans on it."""
        if standalone or not history:
            return Resolved(standalone or question)
        return resolve(question, history[-1][0], self.retriever)

    def _answer(
        self, turn: Turn, cited: Citations, timings: dict[str, float | None], reply: str = ""
    ) -> Answer:
        """The whole answer, as it is kept."""
        timings["total_ms"] = milliseconds(turn.began)
        supported = [sentence.text for sentence in turn.sentences if sentence.verdict == "supported"]
        text = reply or " ".join(supported or [sentence.text for sentence in turn.extract])
        asked = {hit.section.id for hit in turn.hits[:1]}
        next_questions = (
            suggest.suggestions(turn.hits[0].section, self.retriever.index.sections, asked)
            if turn.hits and not reply
            else [suggest.question_for(hit.section) for hit in turn.hits[:3]]
        )
        return Answer(
            id=uuid.uuid4().hex[:12],
            question=turn.question,
            standalone_question=turn.standalone,
            status="not_covered" if reply else "answered",
            extract=turn.extract,
            sentences=turn.sentences,
            text=text,
            citations=tuple(cited.all),
            nearest=nearest_sections(turn.hits),
            suggestions=tuple(dict.fromkeys(next_questions)),
            degraded=turn.degraded,
            timings=timings,
            model=turn.model,
        )


def complete_sentences(buffer: str) -> tuple[list[str], str]:
    """Finished sentences of a growing text, and what is left over."""
    done: list[str] = []
    *lines, rest = buffer.split("\n")
    for line in lines:
        done += [line[a:b] for a, b in sentence_spans(line)]
    spans = list(sentence_spans(rest))
    for start, end in spans[:-1]:
        done.append(rest[start:end])
    return [text for text in done if re.search(r"\w", text)], rest[spans[-1][0] :] if spans else rest


def shown(text: str) -> str:
    """A guide sentence for display: Markdown kept, links reduced to their words, on one line."""
    if text.lstrip().startswith("|"):
        cells = [cell.strip() for cell in text.strip().strip("|").split("|")]
        text = ": ".join([cells[0], "; ".join(cell for cell in cells[1:] if cell)])
    return re.sub(r"\s+", " ", unlinked(text)).strip()


def nearest_sections(hits: Sequence[SectionHit]) -> tuple[Nearest, ...]:
    """The three sections that come closest."""
    return tuple(Nearest(hit.section.id, hit.section.title, round(hit.score, 4)) for hit in hits[:3])


def milliseconds(since: float) -> float:
    """Milliseconds since a `perf_counter` reading."""
    return round((time.perf_counter() - since) * 1000, 1)
