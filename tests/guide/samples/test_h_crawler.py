"""The crawler samples under dying and late fetchers, hostile robots files, spellings, near-copies, traps and bombs."""

import gzip
import random
import time
import urllib.robotparser

import pytest

CRAWLER = "more/crawler/deep-dives"


@pytest.mark.parametrize("seed", range(8))
def test_no_host_is_asked_twice_at_once_or_too_soon_and_every_page_is_fetched(sample, seed):
    made, rng = sample(f"{CRAWLER}/frontier"), random.Random(seed)
    frontier = made["Frontier"](delay_s=1, lease_s=60)
    wanted = {(f"h{n % 7}", f"/{n}") for n in range(80)}
    for host, url in wanted:
        frontier.add(host, url, priority=rng.random())
    now, running, late, free_at, fetched = 0.0, [], [], {}, set()
    for _ in range(60_000):
        now += 0.1
        for fetch in [one for one in running if one[0] <= now]:
            running.remove(fetch)
            _, host, url, claim, took = fetch
            assert frontier.done(host, claim, now, took)
            free_at[host] = now + max(1, 5 * took)
            fetched.add((host, url))
        if (got := frontier.take(now)) is not None:
            host, url, claim = got
            assert now >= free_at.get(host, 0) and host not in {one[1] for one in running}
            if rng.random() < 0.1:
                free_at[host] = now + 60  # this worker dies, or comes back after its lease
                late.append((now + 65, host, claim))
            else:
                took = rng.random() * 2
                running.append((now + took, host, url, claim, took))
        for one in [one for one in late if one[0] <= now]:
            late.remove(one)
            assert not frontier.done(one[1], one[2], now)
        if not running and len(fetched) + len(frontier.dropped) == len(wanted):
            break
    assert fetched | {(host, url) for host, url in wanted if url in frontier.dropped} == wanted
    assert len(frontier.dropped) < 8


def test_the_best_page_of_a_host_comes_first_and_a_big_host_does_not_block_a_small_one(sample):
    frontier = sample(f"{CRAWLER}/frontier")["Frontier"]()
    for n in range(1_000):
        frontier.add("big", f"/{n}", priority=n)
    frontier.add("small", "/")
    assert {frontier.take(0)[:2], frontier.take(0)[:2]} == {("big", "/999"), ("small", "/")}


def test_a_page_that_kills_its_workers_is_dropped_and_the_next_is_served(sample):
    frontier = sample(f"{CRAWLER}/frontier")["Frontier"]()
    frontier.add("h", "/bomb", priority=1)
    frontier.add("h", "/fine")
    claims = [frontier.take(60.0 * n) for n in range(3)]
    assert [url for _, url, _ in claims] == ["/bomb"] * 3
    assert frontier.take(180)[1] == "/fine" and frontier.dropped == ["/bomb"]
    assert not frontier.done("h", claims[2][2], 181)


def test_the_last_page_of_a_host_may_be_dropped_before_its_worker_reports(sample):
    frontier = sample(f"{CRAWLER}/frontier")["Frontier"]()
    frontier.add("h", "/bomb")
    claims = [frontier.take(60.0 * n) for n in range(3)]
    assert frontier.take(180) is None and frontier.dropped == ["/bomb"]
    assert not frontier.done("h", claims[2][2], 181)


def test_a_host_that_ran_empty_is_served_again_when_a_link_appears(sample):
    frontier = sample(f"{CRAWLER}/frontier")["Frontier"]()
    frontier.add("h", "/a")
    _, _, claim = frontier.take(0)
    frontier.done("h", claim, 0.5)
    assert frontier.take(10) is None
    frontier.add("h", "/b", now=20)
    assert frontier.take(20)[1] == "/b"


@pytest.fixture(scope="module")
def robots(sample):
    return sample(f"{CRAWLER}/robots")


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("User-agent: *\nDisallow: /a\nAllow: /a/b", "/a/b/c", True),  # longest, whatever the order
        ("User-agent: *\nAllow: /a\nDisallow: /a", "/a", True),  # tie
        ("User-agent: *\nDisallow:", "/a", True),
        ("User-agent: *\nDisallow: /", "/a", False),
        ("User-agent: bot\nDisallow: /\n\nUser-agent: *\nDisallow: /x", "/x", False),
        (
            "User-agent: *\nDisallow: /\n\nUser-agent: Bot\nUser-agent: other\nAllow: /\nDisallow: /q # c",
            "/x",
            True,
        ),
        ("User-agent: other\nUser-agent: bot\nDisallow: /q # c", "/q/r", False),
        ("User-agent: *\nDisallow: /*/x*y$", "/a/x/1/y", False),
        ("User-agent: *\nDisallow: /*/x*y$", "/a/x/1/y/", True),
        ("User-agent: *\nDisallow: /a*$", "/abc", False),
        ("User-agent: *\nDisallow: /ab*ba$", "/aba", True),  # the pieces may not overlap
        ("User-agent: *\nDisallow: /a.b", "/axb", True),
        ("User-agent: *\nDisallow: /x\n\nUser-agent: evil\nDisallow: /", "/y", True),
        ("Disallow: /", "/a", True),  # a rule without a group
        ("", "/a", True),
    ],
)
def test_robots_rules_follow_rfc_9309(robots, text, path, expected):
    assert robots["allowed"](robots["policy"](200, text, "bot"), path) is expected


def test_a_missing_file_allows_and_a_failing_server_forbids_for_a_month(robots):
    for status, days, expected in (
        (404, 0, True),
        (403, 0, True),
        (503, 0, False),
        (None, 29, False),
        (None, 30, True),
    ):
        assert robots["allowed"](robots["policy"](status, "", "bot", days), "/") is expected


def test_a_hostile_pattern_is_matched_in_no_time(robots):
    start = time.perf_counter()
    assert not robots["matches"]("/" + "a*" * 500 + "b", "/" + "a" * 5_000)
    assert time.perf_counter() - start < 1


def test_pythons_own_parser_does_what_the_guide_says():
    parser = urllib.robotparser.RobotFileParser()
    parser.parse(["User-agent: *", "Disallow: /private/", "Allow: /private/open", "Disallow: /*.pdf$"])
    first = not parser.can_fetch("bot", "http://h/private/open/a.html")
    if not first:
        pytest.skip("this Python has a newer parser")
    assert parser.can_fetch("bot", "http://h/a.pdf")


@pytest.fixture(scope="module")
def canonical(sample):
    return sample(f"{CRAWLER}/canonical")["canonical"]


@pytest.mark.parametrize(
    ("spelling", "expected"),
    [
        ("HTTPS://EXAMPLE.com:443", "https://example.com/"),
        ("https://example.com./a", "https://example.com/a"),
        ("https://example.com:8443/a", "https://example.com:8443/a"),
        ("https://example.com/a/../../b/./", "https://example.com/b/"),
        ("https://example.com/a/b/..", "https://example.com/a/"),
        ("https://example.com/%41%2f%e4%b8%ad", "https://example.com/A%2F%E4%B8%AD"),
        ("https://example.com/中", "https://example.com/%E4%B8%AD"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://example.com/a?utm_medium=x&b=1&GCLID=3&a=2&empty=", "https://example.com/a?b=1&a=2&empty="),
        ("https://example.com/a?q=1%262#part", "https://example.com/a?q=1%262"),
        ("https://user:secret@example.com/", "https://example.com/"),
        ("https://example.com:99999/", None),
        ("javascript:alert(1)", None),
        ("https://[::1]/", None),
        ("https://ex..ample/", None),
        ("", None),
    ],
)
def test_each_spelling_has_one_form_that_is_stable(canonical, spelling, expected):
    assert canonical(spelling) == expected
    if expected:
        assert canonical(expected) == expected


def test_what_may_be_two_pages_stays_two(canonical):
    for one, other in [
        ("/a", "/a/"),
        ("/a%2Fb", "/a/b"),
        ("/A", "/a"),
        ("/?a=1&b=2", "/?b=2&a=1"),
        ("/a//b", "/a/b"),
    ]:
        assert canonical("https://example.com" + one) != canonical("https://example.com" + other)


def test_relative_links_are_resolved_against_their_page(canonical):
    base = "https://example.com/a/b?x=1"
    links = {"c": "/a/c", "/c": "/c", "?y=2": "/a/b?y=2", "#top": "/a/b?x=1", "//other.example/z": None}
    for href, path in links.items():
        assert canonical(href, base) == ("https://example.com" + path if path else "https://other.example/z")


@pytest.mark.parametrize("seed", range(5))
def test_every_fingerprint_within_three_bits_is_found_and_none_beyond(sample, seed):
    rng, known = random.Random(seed), sample(f"{CRAWLER}/near-duplicates")["NearDuplicates"]()
    prints = [rng.getrandbits(64) for _ in range(200)]
    for page, fingerprint in enumerate(prints):
        known.add(fingerprint, page)
    for page, fingerprint in enumerate(prints):
        for flips in (0, 1, 2, 3, 4, 20):
            changed = fingerprint
            for bit in rng.sample(range(64), flips):
                changed ^= 1 << bit
            assert known.find(changed) == (page if flips <= 3 else None)


def test_a_changed_date_keeps_pages_alike_and_another_text_does_not(sample):
    simhash, rng = sample(f"{CRAWLER}/near-duplicates")["simhash"], random.Random(4)
    words = [f"w{rng.randrange(3_000)}" for _ in range(800)]
    page = simhash(" ".join(words))
    dated = simhash(" ".join(["Monday", *words]))
    other = simhash(" ".join(f"w{rng.randrange(3_000)}" for _ in range(800)))
    assert (page ^ dated).bit_count() <= 3 and (page ^ other).bit_count() > 15
    assert simhash("") == simhash("") and simhash("one") != simhash("two")


@pytest.fixture
def traps(sample):
    return sample(f"{CRAWLER}/traps")


def test_a_calendar_does_not_eat_the_budget_of_its_host_articles(traps):
    rules = traps["TrapRules"](per_host=3_000, per_shape=100)
    urls = [f"https://e.example/cal?day={n}" for n in range(10_000)]
    urls += [f"https://e.example/article/{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(500)]
    kept = [url for url in urls if rules.admit(url, 2)]
    assert sum("cal" in url for url in kept) == 100 and sum("article" in url for url in kept) == 500
    assert rules.admit("https://other.example/cal?day=1", 2)


def test_a_host_has_a_budget_and_addresses_a_length_and_a_depth(traps):
    rules = traps["TrapRules"](per_host=10, per_shape=100)
    assert sum(rules.admit(f"https://e.example/{'x' * n}", 1) for n in range(1, 50)) == 10
    assert not rules.admit("https://f.example/" + "x" * 2_000, 1)
    assert not rules.admit("https://f.example/a", 51)
    assert not rules.admit("https://f.example/" + "/".join(f"d{n}" for n in range(21)), 1)


INSIDE = (
    "127.0.0.1 10.1.2.3 192.168.0.1 169.254.169.254 0.0.0.0 224.0.0.1 ::1 fd00::1 fe80::1 ::ffff:10.0.0.1"
)


@pytest.mark.parametrize("address", INSIDE.split())
def test_addresses_inside_the_network_are_refused(traps, address):
    assert not traps["is_public"](address)
    assert traps["is_public"]("2606:2800:220:1:248:1893:25c8:1946") and traps["is_public"](
        "::ffff:93.184.216.34"
    )


@pytest.mark.parametrize("piece", [1, 7, 1_000, 10**6])
def test_a_page_arrives_whole_in_any_pieces_and_a_bomb_is_cut(traps, piece):
    body = random.Random(1).randbytes(3_000) * 3
    packed = gzip.compress(body)
    pieces = [packed[at : at + piece] for at in range(0, len(packed), piece)]
    assert traps["inflate"](pieces, limit=9_000) == body
    with pytest.raises(traps["TooLarge"]):
        traps["inflate"](pieces, limit=8_999)
