"""Defects planted in true sentences: pairs of passage and claim whose label is known by construction.

Does not know how a verifier works. Every function is deterministic for a given `random.Random`.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tutor.corpus.blocks import Passage, passages
from tutor.schema import Document, Section

HELD_OUT = 5
"""One section in this many is never trained on."""
NUMBER = re.compile(r"(?<![\w.,])\d[\d,]*(?:\.\d+)?(?![\w.,]*\d)")
UNITS = {
    "ms": "s", "seconds": "minutes", "minutes": "hours", "hours": "days", "KB": "MB", "MB": "GB",
    "GB": "TB", "TB": "GB", "days": "weeks", "million": "billion", "billion": "million", "Gbps": "Mbps",
}  # fmt: skip
OPPOSITES = [
    ("increase", "decrease"), ("increases", "decreases"), ("before", "after"), ("more", "fewer"),
    ("higher", "lower"), ("faster", "slower"), ("read", "write"), ("reads", "writes"),
    ("primary", "replica"), ("synchronous", "asynchronous"), ("synchronously", "asynchronously"),
    ("strong", "eventual"), ("horizontal", "vertical"), ("stateless", "stateful"), ("client", "server"),
    ("first", "last"), ("always", "never"), ("cheap", "expensive"), ("cheaper", "costlier"),
    ("large", "small"), ("hit", "miss"), ("hits", "misses"), ("open", "closed"), ("accepts", "refuses"),
    ("short", "long"), ("simple", "complex"), ("same", "different"), ("adds", "removes"),
    ("inside", "outside"), ("push", "pull"), ("newest", "oldest"), ("upper", "lower"), ("local", "remote"),
    ("fails", "succeeds"), ("gains", "loses"), ("best", "worst"), ("producer", "consumer"),
    ("request", "response"), ("mutable", "immutable"), ("sorted", "unsorted"), ("public", "private"),
    ("volatile", "durable"), ("optimistic", "pessimistic"), ("easy", "hard"),
]  # fmt: skip
EVERYDAY_OPPOSITES = [
    ("up", "down"), ("left", "right"), ("man", "woman"), ("men", "women"), ("boy", "girl"), ("old", "young"),
    ("old", "new"), ("hot", "cold"), ("big", "little"), ("tall", "short"), ("day", "night"), ("inside", "outside"),
    ("indoors", "outdoors"), ("black", "white"), ("wet", "dry"), ("happy", "sad"), ("early", "late"),
    ("earlier", "later"), ("before", "after"), ("north", "south"), ("east", "west"), ("northern", "southern"),
    ("eastern", "western"), ("win", "lose"), ("won", "lost"), ("buy", "sell"), ("bought", "sold"),
    ("male", "female"), ("husband", "wife"), ("father", "mother"), ("son", "daughter"), ("brother", "sister"),
    ("full", "empty"), ("empty", "crowded"), ("sitting", "standing"), ("walking", "running"), ("summer", "winter"),
    ("morning", "evening"), ("alive", "dead"), ("born", "died"), ("began", "ended"), ("first", "last"),
    ("largest", "smallest"), ("highest", "lowest"), ("rich", "poor"), ("strong", "weak"), ("light", "dark"),
    ("clean", "dirty"), ("near", "far"), ("front", "back"), ("top", "bottom"), ("under", "over"),
    ("above", "below"), ("with", "without"), ("all", "none"), ("all", "some"), ("many", "few"), ("most", "few"),
    ("everyone", "nobody"), ("alone", "together"), ("asleep", "awake"), ("love", "hate"), ("loves", "hates"),
    ("likes", "dislikes"), ("success", "failure"), ("positive", "negative"), ("true", "false"), ("good", "bad"),
    ("better", "worse"), ("loud", "quiet"), ("deep", "shallow"), ("thick", "thin"), ("heavy", "light"),
    ("married", "single"), ("king", "queen"), ("actor", "actress"), ("red", "blue", "green", "yellow"),
    ("Monday", "Thursday", "Saturday"), ("January", "April", "August", "November"), ("one", "two", "three", "five"),
    ("Germany", "France", "Italy", "Spain"), ("German", "French", "Italian", "Spanish"), ("American", "British"),
    ("dog", "cat", "horse"), ("beer", "wine", "water"), ("guitar", "piano", "drums"), ("car", "bus", "train"),
    ("football", "tennis", "baseball"), ("increasing", "decreasing"), ("rose", "fell"), ("gained", "lost"),
    ("allowed", "forbidden"), ("legal", "illegal"), ("possible", "impossible"), ("known", "unknown"),
    ("accepted", "rejected"), ("arrive", "leave"), ("enters", "leaves"), ("starts", "stops"),
]  # fmt: skip
"""For the everyday language of the open data."""
ENTITIES = [
    ("Redis", "Memcached", "Varnish"), ("PostgreSQL", "Cassandra", "MongoDB", "MySQL"),
    ("Kafka", "RabbitMQ", "SQS"), ("TCP", "UDP", "QUIC"), ("REST", "GraphQL", "gRPC"),
    ("WebSocket", "long polling", "SSE"), ("consistency", "availability"), ("latency", "throughput"),
    ("cache", "database"), ("load balancer", "reverse proxy"), ("sharding", "replication"),
    ("index", "view"), ("queue", "topic"), ("LRU", "LFU", "FIFO"), ("CPU", "memory", "disk"),
    ("leader", "follower"), ("row", "column"), ("hash", "range"), ("JSON", "Protobuf"), ("S3", "EBS"),
    ("DNS", "TLS"), ("at-least-once", "at-most-once"), ("write-through", "write-behind"),
    ("token bucket", "leaky bucket"),
]  # fmt: skip
HEDGES = [
    (r"\busually\b", "always"), (r"\boften\b", "always"), (r"\bsometimes\b", "always"),
    (r"\bcan\b", "must"), (r"\bmay\b", "will always"), (r"\bmany\b", "all"), (r"\bmost\b", "all"),
    (r"\bsome\b", "all"), (r"\babout\b", "exactly"), (r"\bseldom\b", "never"), (r"\brarely\b", "never"),
    (r"\btypically\b", "always"), (r"\bat least\b", "at most"), (r"\bup to\b", "at least"),
    (r"\bmainly\b", "only"),
]  # fmt: skip
AUXILIARY = re.compile(r"\b(is|are|was|can|must|may|should|will|has|have|does|do)\b(?! not\b)")
PLAIN_VERB = re.compile(
    r"\b(keeps|holds|stores|needs|serves|sends|reads|writes|loses|allows|gives|costs|makes|takes|adds|returns|uses|"
    r"stays|works|requires|protects|removes|lets|shows|moves|scales|supports|prevents|guarantees)\b"
)
OPENING = re.compile(
    r"^(?:For example|In practice|In general|Here|Usually|By contrast|Therefore|Also|Then), "
)
SUBORDINATE = re.compile(r"(?:If|When|While|Although|Because|Unless|Since|After|Before)\b")


@dataclass(frozen=True)
class Pair:
    """A passage, a claim, whether the passage supports it, and what was planted (or "none")."""

    section_id: str
    passage: str
    claim: str
    supported: bool
    defect: str


def held_out(section_id: str) -> bool:
    """Whether a section is kept away from training."""
    return part_of(section_id) != "training"


def part_of(section_id: str) -> str:
    """A section's part: training, or else calibration or test."""
    digest = int(hashlib.sha256(section_id.encode()).hexdigest(), 16)
    if digest % HELD_OUT:
        return "training"
    return "test" if digest % (2 * HELD_OUT) == 0 else "calibration"


def match_case(old: str, new: str) -> str:
    """`new` with a capital where `old` has one."""
    return new[:1].upper() + new[1:] if old[:1].isupper() and new[:1].islower() else new


def change_number(claim: str, passage: str, rng: random.Random) -> str | None:
    """Another number, or another unit, that the passage does not hold."""
    spots = list(NUMBER.finditer(claim))
    if not spots:
        return None
    spot = rng.choice(spots)
    rest = claim[spot.end() :]
    unit = re.match(r"\s?([A-Za-z]+)", rest)
    if unit and unit[1] in UNITS and rng.random() < 0.25:
        new = UNITS[unit[1]]
        return claim[: spot.end()] + rest.replace(unit[1], new, 1)
    digits = spot[0].replace(",", "")
    value = float(digits)
    makers: list[Callable[[], float]] = [
        lambda: value * 10,
        lambda: value / 10,
        lambda: value * rng.choice((2, 3, 5)),
        lambda: value + rng.choice((1, 2, 5)),
        lambda: value * 1.5 + 1,
    ]
    for _ in range(8):
        fresh = rng.choice(makers)()
        decimals = len(digits.split(".")[1]) if "." in digits else (0 if fresh == int(fresh) else 1)
        shown = f"{fresh:,.{decimals}f}" if "," in spot[0] or fresh >= 10_000 else f"{fresh:.{decimals}f}"
        if shown not in passage and shown != spot[0]:
            return claim[: spot.start()] + shown + rest
    return None


def swap(claim: str, groups: Sequence[Sequence[str]], rng: random.Random) -> str | None:
    """One word of a group replaced by another of it."""
    spots = [
        (match, group)
        for group in groups
        for word in group
        for match in re.finditer(rf"\b{re.escape(word)}\b", claim, re.I)
    ]
    rng.shuffle(spots)
    for match, group in spots:
        others = [word for word in group if word.lower() != match[0].lower()]
        if others:
            return claim[: match.start()] + match_case(match[0], rng.choice(others)) + claim[match.end() :]
    return None


def swap_entity(claim: str, passage: str, rng: random.Random) -> str | None:
    """A technology, protocol or part replaced by a sibling."""
    return swap(claim, ENTITIES, rng)


def reverse(claim: str, passage: str, rng: random.Random) -> str | None:
    """A word replaced by its opposite."""
    return swap(claim, OPPOSITES, rng)


def base_form(verb: str) -> str:
    """The infinitive of a regular third person."""
    if verb == "has":
        return "have"
    if verb.endswith("ses"):
        return verb[:-1] if verb in ("loses", "uses") else verb[:-2]
    return verb[:-1]


def negate(claim: str, passage: str, rng: random.Random) -> str | None:
    """A clause denied, or a denied clause affirmed."""
    denied = re.search(r"\b(?:does not|do not|cannot| not|never)\b", claim)
    if denied and rng.random() < 0.6:
        if denied[0] == "cannot":
            return claim[: denied.start()] + "can" + claim[denied.end() :]
        if denied[0] in (" not", "never"):
            return re.sub(r"\s+", " ", claim[: denied.start()] + " " + claim[denied.end() :])
        return re.sub(r"\s+", " ", claim[: denied.start()] + claim[denied.end() :])
    spots = list(AUXILIARY.finditer(claim))
    if spots:
        spot = rng.choice(spots)
        if spot[0] == "can":
            return claim[: spot.start()] + "cannot" + claim[spot.end() :]
        if spot[0] in ("has", "have", "do", "does"):
            return None
        return claim[: spot.end()] + " not" + claim[spot.end() :]
    verb = PLAIN_VERB.search(claim)
    if verb:
        return claim[: verb.start()] + f"does not {base_form(verb[0])}" + claim[verb.end() :]
    return None


def overgeneralise(claim: str, passage: str, rng: random.Random) -> str | None:
    """A hedge hardened into a rule."""
    spots = [(match, new) for old, new in HEDGES for match in re.finditer(old, claim)]
    if not spots:
        return None
    match, new = rng.choice(spots)
    return claim[: match.start()] + new + claim[match.end() :]


DEFECTS: dict[str, Callable[[str, str, random.Random], str | None]] = {
    "number": change_number,
    "entity": swap_entity,
    "opposite": reverse,
    "negation": negate,
    "overgeneral": overgeneralise,
}

REWORDINGS = [
    (r"\bfor example\b", "for instance"), (r"\bbecause\b", "since"), (r"\babout\b", "roughly"),
    (r"\bneeds\b", "requires"), (r"\bmust\b", "has to"), (r"\bstores\b", "keeps"),
    (r"\bkeeps\b", "retains"), (r"\bquickly\b", "fast"), (r"\bso that\b", "so"),
    (r"\bseveral\b", "multiple"), (r"\bcostly\b", "expensive"), (r"\bper second\b", "a second"),
    (r"\bshows\b", "makes visible"), (r"\bkept\b", "held"), (r"\bbig\b", "large"), (r"\bstops\b", "ceases"),
    (r"\bdivides\b", "splits"), (r"\bsends\b", "transmits"), (r"\busually\b", "in most cases"),
    (r"\bat once\b", "immediately"), (r"\bwhole\b", "entire"), (r"\bgrows\b", "increases"),
    (r"\bfails\b", "breaks"), (r"\bcopies\b", "replicates"), (r"\bchooses\b", "picks"),
    (r"\bavoids\b", "prevents"), (r"\bonly\b", "just"), (r"\bservers\b", "machines"),
    (r"\bbegins\b", "starts"), (r"\bends\b", "finishes"), (r"\bhelps\b", "is useful"),
]  # fmt: skip


def reword(claim: str, rng: random.Random) -> str:
    """The same claim in slightly other words, or only part of it: still true."""
    claim = OPENING.sub("", claim)
    claim = claim[:1].upper() + claim[1:]
    claim = re.sub(r" \([^()]*\)", "", claim)
    for old, new in rng.sample(REWORDINGS, len(REWORDINGS)):
        if rng.random() < 0.6:
            claim = re.sub(old, new, claim)
    cuts = [
        claim[: match.start()].rstrip(",;:") + "."
        for match in re.finditer(r"(?:; |, (?:and|but|so|while|because|since|which|although) )", claim)
        if len(claim[: match.start()].split()) >= 5
    ]
    if cuts and rng.random() < 0.5 and not SUBORDINATE.match(claim):
        claim = rng.choice(cuts)
    return re.sub(r"(?<=\d),(?=\d{3}\b)", "", claim) if rng.random() < 0.3 else claim


TAKEN_FOR_GRANTED = (
    "How come {}?", "Why is it that {}?", "Since {}, what follows from it?", "Given that {}, what should I watch for?",
    "If {}, why does it matter?", "Explain why {}", "why {}", "What does it mean that {}?", "Because {}, what do I gain?",
)  # fmt: skip
"""Questions that take a claim for granted."""


def asked(claim: str, rng: random.Random) -> str:
    """A question that takes the claim for granted: with the verb turned round where that is plain to do."""
    text = OPENING.sub("", claim).rstrip(". ")
    turned = inverted(text, rng)
    if turned and rng.random() < 0.6:
        return turned
    return rng.choice(TAKEN_FOR_GRANTED).format(lowered(text))


def lowered(text: str) -> str:
    """The text without a capital at its beginning, unless its first word is a name."""
    first = text.split(" ", 1)[0]
    return text[:1].lower() + text[1:] if first[1:].islower() or len(first) == 1 else text


def inverted(text: str, rng: random.Random) -> str | None:
    """ "A is B" as "Why is A B?", "A keeps B" as "How does A keep B?"; None where that is not plain to do."""
    word = rng.choice(("Why", "How", "Why"))
    spot = AUXILIARY.search(text)
    verb = PLAIN_VERB.search(text)
    if SUBORDINATE.match(text):
        return None
    if spot and (not verb or spot.start() < verb.start()) and spot[0] not in ("has", "have", "do", "does"):
        before, after = text[: spot.start()].strip(), text[spot.end() :].strip()
        if 1 <= len(before.split()) <= 8 and "," not in before:
            return f"{word} {spot[0]} {lowered(before)} {after}?"
    if verb:
        before, after = text[: verb.start()].strip(), text[verb.end() :].strip()
        if (
            1 <= len(before.split()) <= 8
            and "," not in before
            and not before.endswith(("and", "that", "which", "or"))
        ):
            return f"{word} does {lowered(before)} {base_form(verb[0])} {after}?"
    return None


def long_words(text: str) -> set[str]:
    """Words of four letters and more."""
    return set(re.findall(r"[a-z]{4,}", text.lower()))


def is_claim(passage: Passage) -> bool:
    """Whether a passage is a sentence that can be true or false on its own."""
    count = len(passage.plain.split())
    return passage.kind == "prose" and 6 <= count <= 45 and passage.plain.rstrip().endswith((".", ")"))


def pairs(
    documents: Sequence[Document], *, seed: int, wanted: Callable[[str], bool], per_claim: int = 2
) -> Iterator[Pair]:
    """Pairs made from every sentence of the wanted sections, in a fixed order for a seed."""
    rng = random.Random(seed)
    sections = [section for document in documents for section in document.sections if wanted(section.id)]
    held = {section.id: [p for p in passages(section) if p.plain.strip()] for section in sections}
    by_chapter: dict[str, list[Section]] = {}
    for section in sections:
        by_chapter.setdefault(section.id.split("/")[0], []).append(section)
    for section in sections:
        found = held[section.id]
        for i, passage in enumerate(found):
            if not is_claim(passage):
                continue
            before, after = rng.randint(0, 2), rng.randint(0, 2)
            window = " ".join(p.plain for p in found[max(0, i - before) : i + after + 1])
            claim = passage.plain
            yield Pair(section.id, window, reword(claim, rng), True, "none")
            if rng.random() < 0.35:
                yield Pair(section.id, window, claim, True, "none")
            kinds = list(DEFECTS)
            rng.shuffle(kinds)
            if NUMBER.search(claim):
                kinds.sort(key=lambda kind: kind != "number")
            planted = 0
            for kind in kinds:
                broken = DEFECTS[kind](claim, window, rng)
                if broken and broken != claim and planted < per_claim:
                    planted += 1
                    yield Pair(section.id, window, broken, False, kind)
            if rng.random() < 0.4:
                yield from _elsewhere(section, passage, held, by_chapter, rng)
            if rng.random() < 0.3 and len(found) > 6:
                others = [p.plain for j, p in enumerate(found) if abs(j - i) > 2]
                if len(others) >= 2:
                    at = rng.randrange(len(others) - 1)
                    yield Pair(section.id, " ".join(others[at : at + 2]), claim, False, "absent")


def _elsewhere(
    section: Section,
    passage: Passage,
    held: dict[str, list[Passage]],
    by_chapter: dict[str, list[Section]],
    rng: random.Random,
) -> Iterator[Pair]:
    """The claim beside a passage of another section of its chapter: the one that shares most words."""
    siblings = [s for s in by_chapter[section.id.split("/")[0]] if s.id != section.id and len(held[s.id]) > 2]
    if not siblings:
        return
    wanted = long_words(passage.plain)
    tried = rng.sample(siblings, min(6, len(siblings)))
    best = max(tried, key=lambda s: len(wanted & long_words(s.text)))
    found = held[best.id]
    shared = [len(wanted & long_words(a.plain + " " + b.plain)) for a, b in pairwise(found)]
    at = shared.index(max(shared))
    yield Pair(section.id, " ".join(p.plain for p in found[at : at + 2]), passage.plain, False, "moved")
