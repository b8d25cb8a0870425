"""Quantities in what a candidate says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutor.interview.quantities import quantities

SAID = {
    "100M URLs a month": (38.58, "/s"), "40 writes/s": (40, "/s"), "4k QPS": (4000, "/s"),
    "12,000 reads per second": (12000, "/s"), "3 TB": (3e12, "B"), "500 bytes": (500, "B"), "33GB of cache": (33e9, "B"),
    "10 million daily users": (1e7, "count"), "20.8 Tbps": (2.6e12, "B/s"), "99.99%": (99.99, "%"), "200ms": (0.2, "s"),
    "1.2 million requests per day": (13.889, "/s"), "forty writes per second": (40, "/s"), "5 Gbit/s": (6.25e8, "B/s"),
    "a hundred million users": (1e8, "count"), "100k requests/s": (1e5, "/s"), "2.5 billion a day": (28935.2, "/s"),
    "1,157 a second": (1157, "/s"), "12k rps": (12000, "/s"), "6 billion rows": (6e9, "count"),
    "100 million/day": (1157.4, "/s"), "1.9 MB/s": (1.9e6, "B/s"), "3,858 redirects each second": (3858, "/s"),
    "10^9 views daily": (11574.07, "/s"), "30 TiB": (30 * 1024**4, "B"), "4 kB": (4000, "B"), "5 minutes": (300, "s"),
    "two hours": (7200, "s"), "250,000 location updates per second": (250000, "/s"), "1 PB a year": (1e15 / 31536000, "B/s"),
    "89 orders/s": (89, "/s"), "16 GB": (16e9, "B"), "20 million rides a day": (231.5, "/s"), "7 days": (604800, "s"),
}  # fmt: skip


@pytest.mark.parametrize("text", SAID)
def test_a_quantity_is_read_with_its_unit(text):
    value, unit = SAID[text]
    found = quantities(f"I think it is about {text}, roughly.")
    assert [(q.unit) for q in found][:1] == [unit]
    assert found[0].value == pytest.approx(value, rel=1e-3)


@given(
    st.integers(1, 999),
    st.sampled_from(["k", "M", " million", " billion", ""]),
    st.sampled_from(["/s", " per second", " a day"]),
)
def test_any_rate_is_a_rate(number, scale, period):
    found = quantities(f"{number}{scale} requests{period}")
    assert len(found) == 1 and found[0].unit == "/s" and found[0].value > 0


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(text):
    for quantity in quantities(text):
        assert quantity.value >= 0 and text[quantity.start : quantity.end].strip() == quantity.text
