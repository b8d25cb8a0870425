"""Text of others made harmless: Markdown to clean HTML, and any text to Markdown that means only itself.

One parser with HTML off, one sanitiser with a list of what is let through. Does not know what a text is about.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from functools import lru_cache

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

CITE = re.compile(r"#cite-[\w%./~-]{1,600}@\d{1,9}-\d{1,9}")
"""The only address a link may have: a passage of the guide, opened in the page's own panel."""
TEXT_TAGS = frozenset(
    "a bdi blockquote br code div em h1 h2 h3 h4 h5 h6 hr li mark ol p pre span strong table tbody td th thead tr"
    " ul".split()
)
CHART_TAGS = frozenset("svg g rect circle line polyline text title".split())
PAGE_TAGS = frozenset("article nav details summary figure figcaption q b small".split())
CLASSES = {
    "p": {"part", "note", "said", "sum", "trail"}, "em": {"draft"}, "div": {"prose", "scroll", "hint", "charts"},
    "pre": {"mermaid"}, "td": {"right", "center"}, "th": {"right", "center"}, "a": {"source"},
    "article": {"debrief"}, "nav": {"contents"}, "li": {"l2", "l3"}, "span": {"away", "soft"},
    "b": {"unaided", "probe", "hint", "told", "missed", "not-assessed", "right", "off"},
    "svg": {"chart"}, "rect": {"track", "bar", "band", "b0", "b1"}, "text": {"soft"}, "line": {"axis"},
    "circle": {"unaided", "probe", "hint", "told", "missed"},
}  # fmt: skip
ATTRIBUTES = {
    "a": {"href"}, "ol": {"start"}, "span": {"title"}, "pre": {"role", "aria-label"}, "h3": {"tabindex"},
    "nav": {"aria-label"}, "details": {"open"}, "svg": {"viewBox", "role", "aria-label"}, "text": {"x", "y"},
    "rect": {"x", "y", "width", "height", "rx"}, "circle": {"cx", "cy", "r"}, "line": {"x1", "y1", "x2", "y2"},
    "polyline": {"points"},
}  # fmt: skip
Drawn = Callable[[str], str]
"""What is left of a diagram's source before it is shown."""


def _passes(tag: str, attribute: str, value: str) -> str | None:
    return value if attribute != "href" or CITE.fullmatch(value) else None


_cleaner = nh3.Cleaner(
    tags=set(TEXT_TAGS | CHART_TAGS | PAGE_TAGS), attributes=ATTRIBUTES, allowed_classes=CLASSES,
    attribute_filter=_passes, link_rel=None, url_schemes=set(),
)  # fmt: skip


def clean(markup: str) -> str:
    """HTML without anything that is not on the list: no style, form, picture, script, nor link but a citation."""
    return _cleaner.clean(markup)


def whole(text: str) -> str:
    """The text in characters that any page can hold: one kind of line end, no NUL, no half of a pair."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")
    return text.encode("utf-8", "replace").decode("utf-8") if not text.isascii() else text


def escaped(text: str) -> str:
    """HTML that shows the text as it stands, kept apart from its neighbours also in the direction of writing."""
    return f"<bdi>{html.escape(whole(text))}</bdi>"


@lru_cache(maxsize=2048)
def inline(text: str) -> str:
    """One sentence of Markdown as clean HTML: emphasis and code; links and pictures stay the text they are."""
    return clean(f"<bdi>{_line.renderInline(whole(text))}</bdi>")


def blocks(text: str) -> str:
    """Markdown with paragraphs, lists, tables and code as clean HTML; links and pictures stay the text they are."""
    return clean(_line.render(whole(text)))


def page(text: str, drawn: Drawn, marks: tuple[str, str] = ("", "")) -> str:
    """A section of a corpus as clean HTML, its links turned to the panel, other addresses left as a note.

    Between the two characters of `marks` text is marked.
    """
    opened, closed = marks
    body = _page.render(whole(text), {"drawn": drawn, "marks": marks})
    if opened:
        body = body.replace(opened, "<mark>").replace(closed, "</mark>")
    return clean(body)


SPECIAL = re.compile(r"[\\`*_{}\[\]<>|~$&^@]|:(?=\S)|(?<=[A-Za-z0-9])\.(?=[A-Za-z]{2})|(?<=[Ww]{3})\.|(?<=\s)#")
LEADING = re.compile(r"^(?:[-+=#]|\d{1,9}(?=[.)]))")


def literal(text: str) -> str:
    """Markdown that shows exactly this text, on one line: no mark, tag, link or bare address in it is one."""
    flat = SPECIAL.sub(lambda m: "\\" + m[0], re.sub(r"\s+", " ", whole(text)).strip())
    return LEADING.sub(lambda m: f"{m[0]}\\" if m[0][0].isdigit() else f"\\{m[0]}", flat)


def sentence(text: str) -> str:
    """One sentence of Markdown as Markdown of our own making: emphasis and code as they were, the rest literal."""
    parts: list[str] = []
    for token in _line.parseInline(whole(text))[0].children or ():
        if token.type in ("strong_open", "strong_close"):
            parts.append("**")
        elif token.type in ("em_open", "em_close"):
            parts.append("*")
        elif token.type == "code_inline":
            fence = "`" * (1 + max(map(len, re.findall(r"`+", token.content)), default=0))
            pad = " " if token.content[:1] == "`" or token.content[-1:] == "`" else ""
            parts.append(f"{fence}{pad}{token.content}{pad}{fence}")
        else:
            parts.append(_spaced(token.content) if token.content else " ")
    return "".join(parts).strip()


def _spaced(text: str) -> str:
    """Literal text with the white space at its ends, which stands between it and an emphasised word."""
    lead = " " if text[:1].isspace() else ""
    trail = " " if text[-1:].isspace() and text.strip() else ""
    return f"{lead}{literal(text)}{trail}"


def _link_open(_r: RendererHTML, tokens: Sequence[Token], at: int, _o: OptionsDict, env: EnvType) -> str:
    """A link to a section opens it in the panel; any other address can only be read."""
    address = str(tokens[at].attrGet("href") or "")
    for mark in env.get("marks", ()):
        address = address.replace(mark, "")
    if address.startswith("#"):
        return f'<a href="#cite-{html.escape(address[1:])}@0-0">'
    return f'<span class="away" title="{html.escape(address)}">'


def _link_close(_r: RendererHTML, tokens: Sequence[Token], at: int, _o: OptionsDict, _e: EnvType) -> str:
    depth = 0
    for token in reversed(tokens[:at]):
        depth += {"link_close": 1, "link_open": -1}.get(token.type, 0)
        if depth < 0:
            return "</a>" if str(token.attrGet("href") or "").startswith("#") else "</span>"
    return ""


def _image(_r: RendererHTML, tokens: Sequence[Token], at: int, _o: OptionsDict, _e: EnvType) -> str:
    return html.escape(tokens[at].content)


def _fence(_r: RendererHTML, tokens: Sequence[Token], at: int, _o: OptionsDict, env: EnvType) -> str:
    token = tokens[at]
    if token.info.strip() == "mermaid" and "drawn" in env:
        source = html.escape(env["drawn"](token.content))
        return f'<pre class="mermaid" role="img" aria-label="Diagram">{source}</pre>'
    return f"<pre><code>{html.escape(token.content)}</code></pre>"


def _cell_open(_r: RendererHTML, tokens: Sequence[Token], at: int, _o: OptionsDict, _e: EnvType) -> str:
    side = str(tokens[at].attrGet("style") or "").removeprefix("text-align:")
    return f'<{tokens[at].tag} class="{side}">' if side in ("right", "center") else f"<{tokens[at].tag}>"


def _table(_r: RendererHTML, tokens: Sequence[Token], at: int, _o: OptionsDict, _e: EnvType) -> str:
    return '<div class="scroll"><table>' if tokens[at].nesting == 1 else "</table></div>"


def _parser(*, links: bool) -> MarkdownIt:
    """CommonMark and tables; HTML, bare and bracketed addresses are text."""
    made = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable("table")
    made.disable(["autolink", "html_inline", "html_block"])
    if not links:
        made.disable(["link", "image", "reference"])
    made.validateLink = lambda url: True  # type: ignore[method-assign]
    for name, rule in (
        ("link_open", _link_open), ("link_close", _link_close), ("image", _image), ("fence", _fence),
        ("th_open", _cell_open), ("td_open", _cell_open), ("table_open", _table), ("table_close", _table),
    ):  # fmt: skip
        made.add_render_rule(name, rule)
    return made


_line = _parser(links=False)
_page = _parser(links=True)
