"""Embeds the guide and the interview problems once, for everybody: `corpus/vectors.npz`.

Run as `python -m training.ship_vectors` (`make vectors`) after changing them; texts that are not in the file are embedded
where the guide is indexed. With `--check` nothing is written: every vector is computed again and compared.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

from tutor.corpus import chunk as chunking
from tutor.corpus.blocks import passages
from tutor.corpus.read import read_corpus
from tutor.retrieval import shipped
from tutor.retrieval.index import embedded_texts, key_of
from tutor.settings import PROJECT, load_settings
from tutor.tutor import SHIPPED_VECTORS, Tutor

CLOSE = 0.9995
"""Cosine between a shipped vector and the computed one: eight bits keep more, an embedding of another text much less."""


def texts(tutor: Tutor) -> dict[str, str]:
    """Everything that is embedded of the guide and the problems, by content hash."""
    documents = read_corpus(PROJECT / "corpus" / "guide")
    sections = [section for document in documents for section in document.sections]
    chunks = [piece for section in sections for piece in chunking.chunks(section)]
    found = embedded_texts(sections, chunks, [p for section in sections for p in passages(section)])
    found += [text for problem in tutor.problems().values() for text in tutor.reader(problem).fixed_texts()]
    return {key_of(text): text for text in found}


def main() -> int:
    """Write the file, or compare it; 1 where a vector is not that of its text."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare every vector with what its text gives now")
    args = parser.parse_args()
    tutor = Tutor(load_settings())
    wanted = texts(tutor)
    held = shipped.read(SHIPPED_VECTORS, tutor.embedder)
    keys = [key for key in wanted if args.check or key not in held]
    made = dict(zip(keys, tutor.embedder.embed([wanted[key] for key in keys]), strict=True))
    if args.check:
        common = [key for key in keys if key in held]
        worst = min((float(np.dot(held[key], made[key])) for key in common), default=0.0)
        print(f"{len(common)} of {len(wanted)} texts are shipped; the furthest vector has cosine {worst:.5f}")
        return int(worst < CLOSE)
    known = {**held, **made}
    shipped.write(SHIPPED_VECTORS, {key: known[key] for key in wanted}, tutor.embedder)
    size = SHIPPED_VECTORS.stat().st_size / 1e6
    print(f"{len(made)} texts embedded, {len(wanted)} shipped in {size:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
