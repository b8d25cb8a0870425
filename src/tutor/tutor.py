"""The wiring: one object that puts corpus, index, answers and model together.

The only place that knows which class serves which role. Does not render anything.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from tutor import models
from tutor.answering import prompt, suggest
from tutor.answering.answer import Answerer, never
from tutor.errors import (
    ConfigError,
    IndexMissing,
    IndexStale,
    LLMError,
    RetrievalError,
    SetupError,
    TutorError,
)
from tutor.interview.debrief import Debrief, debrief
from tutor.interview.grading import Grader
from tutor.interview.problem import Problem, load_problems
from tutor.interview.reading import Reader
from tutor.interview.room import Room, new_state
from tutor.interview.state import State
from tutor.interview.wording import Voice, foreseen
from tutor.llm.base import ChatModel
from tutor.llm.connect import connect
from tutor.retrieval import index as indexing
from tutor.retrieval import shipped
from tutor.retrieval.embedder import SentenceEmbedder
from tutor.retrieval.kept import KeptVectors
from tutor.retrieval.retriever import Retriever
from tutor.schema import Event, Section, SectionHit
from tutor.settings import PROJECT, Settings
from tutor.verification.cross_encoder import CrossEncoder
from tutor.verification.verifier import Calibration, Verifier

SHIPPED_VECTORS = PROJECT / "corpus" / "vectors.npz"
log = logging.getLogger(__name__)


class Tutor:
    """A tutor over one corpus; safe to use from several threads.

    With `build_missing`, an index that is missing or stale is built at first use.
    """

    def __init__(self, settings: Settings, *, build_missing: bool = False) -> None:
        self.settings = settings
        self._build_missing = build_missing
        self._lock = threading.RLock()
        self._model_lock = threading.Lock()
        self._model: ChatModel | None = None
        self._retriever: Retriever | None = None
        self._folder: Path | None = None
        self._verifier: Verifier | None = None
        self._problems: dict[str, Problem] | None = None
        self._readers: dict[str, Reader] = {}
        self._wordings: dict[str, str] = {}
        self._wording: set[str] = set()
        self._closed = False
        self._encoder = CrossEncoder(
            lambda: models.resolve("embedding", settings), threads=settings.threads
        )
        self._status: str | None = "Loading the guide…"
        self._typed = ""
        self._preparing = threading.Lock()
        self.embedder = SentenceEmbedder(
            lambda: models.resolve("embedding", settings), models.MODELS["embedding"].sha256, settings.threads
        )
        self._shipped = lru_cache(1)(lambda: shipped.read(SHIPPED_VECTORS, self.embedder))
        self._kept = KeptVectors(settings.home / "vectors", self.embedder, self._shipped)

    @property
    def index_dir(self) -> Path:
        """Where this corpus's index lives; each corpus folder has its own."""
        corpus = str(self.settings.corpus.resolve())
        return self.settings.index_dir / hashlib.sha256(corpus.encode()).hexdigest()[:12]

    def index(
        self, *, rebuild: bool = False, progress: indexing.Progress | None = None
    ) -> indexing.IndexReport:
        """Bring the index up to date (see `retrieval.index.build`)."""
        if not self.settings.corpus.is_dir():
            raise SetupError(f"There is no folder {self.settings.corpus}.", "Name the corpus with --corpus.")
        return indexing.build(
            self.settings.corpus, self.index_dir, self.embedder,
            chroma_url=self.settings.chroma_url, rebuild=rebuild, known=self._shipped(), progress=progress,
        )  # fmt: skip

    def retriever(self) -> Retriever:
        """The retriever over the current index; follows the index when it is rebuilt."""
        folder = indexing.current_folder(self.index_dir)
        retriever = self._retriever
        if retriever is not None and folder == self._folder:
            return retriever
        with self._lock:
            if self._retriever is None or indexing.current_folder(self.index_dir) != self._folder:
                self._open()
            assert self._retriever is not None
            return self._retriever

    def _open(self) -> None:
        """Open the current index, building it first where that is wanted."""
        try:
            opened = self._opened()
        except (IndexMissing, IndexStale, RetrievalError) as error:
            if not self._build_missing:
                raise
            log.info("%s Building the index.", error.message)
            self.index(rebuild=not isinstance(error, IndexMissing), progress=self._note)
            opened = self._opened()
        self._retriever = Retriever(opened, self.embedder)
        self._folder = indexing.current_folder(self.index_dir)

    def _opened(self) -> indexing.Index:
        return indexing.open_index(self.index_dir, self.embedder, chroma_url=self.settings.chroma_url)

    def _note(self, label: str, done: int, total: int) -> None:
        self._status = f"{label}: {done} of {total} passages…"

    def load(self) -> None:
        """Load everything a question needs; afterwards `ready()` is None or says what is wrong."""
        try:
            self.embedder.load()
            self.retriever().search("load the index", 1)
            self._status = None
            self.verifier().load()
        except TutorError as error:
            self._status = str(error)
            raise

    def ready(self) -> str | None:
        """None when questions can be answered, else a message for the reader."""
        return self._status

    def search(self, query: str, k: int = 10) -> list[SectionHit]:
        """Ranked sections for a query."""
        return self.retriever().search(query, k)

    def ask(
        self,
        question: str,
        *,
        history: Sequence[tuple[str, str]] = (),
        standalone: str | None = None,
        use_llm: bool = True,
        cancelled: Callable[[], bool] = never,
    ) -> Iterator[Event]:
        """Answer a question as a stream of events (see `answering.answer.Answerer.ask`)."""
        answerer = Answerer(self.retriever(), self.model, self.verifier())
        return answerer.ask(
            question, history=history, standalone=standalone, use_llm=use_llm, cancelled=cancelled
        )

    def model(self) -> ChatModel:
        """The chat model, connected at first use.

        Raises:
            LLMError: there is none, or it cannot be started.
        """
        with self._model_lock:
            if self._model is None:
                try:
                    self._model = connect(self.settings)
                except SetupError as error:
                    raise LLMError(error.message, error.hint) from error
            return self._model

    def verifier(self) -> Verifier:
        """The verifier; its weights are loaded at first use.

        Raises:
            ModelCorrupt: its calibration cannot be read.
        """
        with self._lock:
            if self._verifier is None:
                self._verifier = Verifier(self._encoder, self.embedder, Calibration())
            return self._verifier

    def grader(self) -> Grader:
        """Grades single answers."""
        return Grader(self.embedder, self._encoder)

    def problems(self) -> dict[str, Problem]:
        """The interview problems by id, easiest first.

        Raises:
            CorpusError: a problem file is wrong.
        """
        with self._lock:
            if self._problems is None:
                self._problems = load_problems(self._own_problems() or PROJECT / "corpus" / "problems")
            return self._problems

    def _own_problems(self) -> Path | None:
        """The folder of problems in or beside the corpus; None where the guide's are used."""
        corpus = self.settings.corpus
        return next((f for f in (corpus / "problems", corpus.parent / "problems") if f.is_dir()), None)

    def problem(self, key: str) -> Problem:
        """One problem.

        Raises:
            ConfigError: there is none of that name.
        """
        held = self.problems()
        if key not in held:
            raise ConfigError(f"There is no problem `{key}`.", f"There are {', '.join(held)}.")
        return held[key]

    def interview(
        self,
        key: str,
        *,
        level: str = "mid",
        minutes: int = 45,
        use_llm: bool = True,
        state: State | None = None,
    ) -> Room:
        """A room for a problem: a new interview, or the one that `state` holds.

        What the reader compares with is prepared in the background while the opening is read.
        """
        problem, reader = self.problem(key), self.reader(self.problem(key))
        threading.Thread(target=self._prepare_reader, args=(reader,)).start()
        voice = Voice(self.model if use_llm else None, self._wordings)
        if use_llm:
            threading.Thread(target=self._word_ahead, args=(voice, problem), daemon=True).start()
        return Room(problem, state or new_state(problem, level, minutes), reader, voice)

    def _word_ahead(self, voice: Voice, problem: Problem) -> None:
        """Have the model word what can be foreseen, once for each problem however many rooms are opened."""
        with self._lock:
            if problem.id in self._wording:
                return
            self._wording.add(problem.id)
        try:
            voice.prepare(foreseen(problem), lambda: self._closed)
        finally:
            with self._lock:
                self._wording.discard(problem.id)

    def reader(self, problem: Problem) -> Reader:
        """Reads the turns of a problem's interviews; made once per problem."""
        with self._lock:
            if problem.id not in self._readers:
                self._readers[problem.id] = Reader(problem, self.embedder, self._encoder, self._kept)
            return self._readers[problem.id]

    def prepare_interviews(self, progress: Callable[[int, int], None] | None = None) -> int:
        """Embed what every problem's interviews are read by, where that is not kept yet; returns the number of problems.

        A corpus without problems of its own is left to the first interview.

        Raises:
            TutorError: a problem file is wrong, or the embedding model is missing.
        """
        problems = self.problems() if self._own_problems() else {}
        for done, problem in enumerate(problems.values(), 1):
            if self._closed:
                break
            self.reader(problem).prepare()
            if progress:
                progress(done, len(problems))
        return len(problems)

    def _prepare_reader(self, reader: Reader) -> None:
        try:
            reader.prepare()
        except TutorError as error:
            log.warning("%s is not prepared: %s", reader.problem.id, error)

    def debrief(self, state: State) -> Debrief:
        """The debrief of an interview, recomputed from its state."""
        return debrief(self.problem(state.problem), state)

    def sections(self) -> tuple[Section, ...]:
        """All sections in reading order."""
        return self.retriever().index.sections

    def section(self, section_id: str) -> Section | None:
        """One section by id."""
        return self.retriever().section(section_id)

    def examples(self) -> tuple[str, ...]:
        """Questions to show where nothing was asked yet."""
        return suggest.examples(self.sections())

    def prepare_for(self, text: str) -> None:
        """Make the prompt of the section that a half-typed question points at ready, in the background."""
        self._typed = text
        if len(text.split()) >= 3 and self._preparing.acquire(blocking=False):
            threading.Thread(target=self._prepare, args=(text,), daemon=True).start()

    def _prepare(self, text: str) -> None:
        try:
            hits = self.search(text, 1)
            if hits and text == self._typed:
                self.model().prepare(prompt.prefix(hits[0].section))
        except TutorError as error:
            log.debug("nothing prepared: %s", error)
        finally:
            self._preparing.release()

    def warm(self, progress: Callable[[int, int], None] | None = None) -> int:
        """Compile the prompt of every section; returns how many there are."""
        sections = [s for s in self.sections() if len(s.text) > 80]
        model = self.model()
        for done, section in enumerate(sections, 1):
            model.prepare(prompt.prefix(section))
            if progress:
                progress(done, len(sections))
        return len(sections)

    def close(self) -> None:
        """Stop the chat model."""
        self._closed = True
        with self._model_lock:
            if self._model is not None:
                self._model.close()
                self._model = None
