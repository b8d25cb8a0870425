"""Next questions, made from the guide's structure: children, siblings, links.

Does not know the learner. Nothing is invented: each suggestion names a section that exists.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tutor.schema import Section

LINK = re.compile(r"\]\(#([^)\s\]]+)\)")
PLAIN_TITLES = re.compile(
    r"^(?:benefits|costs|why|when|what|how|requirements|functional|non-functional|estimation|api|data|"
    r"database schema|schema|high-level|deep dives?|architecture|trade-offs|workflow|flow|summary|"
    r"pros|cons|example|overview|optimi[sz]ations|advanced|consistency|storage|strong|say this)\b",
    re.I,
)
EXAMPLES = (
    ("caching/patterns/write-behind", "What is write-behind caching and when does it lose data?"),
    ("fundamentals/cap", "What does the CAP theorem really say?"),
    ("caching/stampede", "How do I stop a cache stampede?"),
    ("fundamentals/replication", "How does replication differ from sharding?"),
    ("designs/url-shortener/encoding/base62", "Why does a URL shortener use base62?"),
    ("messaging/delivery-guarantees", "Is exactly-once delivery possible?"),
)


def question_for(section: Section) -> str:
    """A question that the section answers; a title that leans on its parent takes it along."""
    title = re.sub(r"^\d+\.\s+", "", section.title).strip()
    parent = re.sub(r"^\d+\.\s+", "", section.heading_path[-2]) if len(section.heading_path) > 1 else ""
    if parent and (PLAIN_TITLES.match(title) or (title.endswith("?") and len(title.split()) < 5)):
        return f"{parent.rstrip('?')}: {lower(title).rstrip('?')}?"
    if title.endswith("?"):
        return title
    if title.startswith("Design "):
        return f"How do I {lower(title)}?"
    return f"{title}?" if ":" in title else f"Explain {lower(title)}"


def lower(title: str) -> str:
    """A title inside a sentence: first letter small unless it begins a name or acronym."""
    first = title.split()[0]
    return (
        title if any(char.isupper() for char in first[1:]) or "'" in first else title[:1].lower() + title[1:]
    )


def suggestions(top: Section, sections: Sequence[Section], asked: set[str], limit: int = 3) -> list[str]:
    """Questions on what lies next to `top`: its parts, what it links to, its neighbours."""
    by_id = {section.id: section for section in sections}
    near = [section.id for section in sections if section.parent == top.id]
    near += LINK.findall(top.text)
    siblings = [section.id for section in sections if section.parent == top.parent and top.parent]
    if top.id in siblings:
        at = siblings.index(top.id)
        near += siblings[at + 1 :] + siblings[:at]
    found: list[str] = []
    for section_id in near:
        section = by_id.get(section_id)
        if section and section.id != top.id and section.id not in asked:
            text = question_for(section)
            if text not in found:
                found.append(text)
        if len(found) == limit:
            break
    return found


def examples(sections: Sequence[Section], limit: int = 4) -> tuple[str, ...]:
    """Questions for an empty page, only those whose section exists."""
    held = {section.id for section in sections}
    known = [question for section_id, question in EXAMPLES if section_id in held]
    known += [question_for(section) for section in sections if section.level == 2]
    return tuple(dict.fromkeys(known))[:limit]
