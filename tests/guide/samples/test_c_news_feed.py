"""The news feed's samples under crashes, filtered pages and posts that arrive during a rebuild."""

import random

import pytest

FEED = "designs/news-feed"


class Followers:
    """Pages by id; `leaving` unfollow while the fan-out runs."""

    def __init__(self, people, leaving=()):
        self.people, self.leaving = list(people), list(leaving)

    def after(self, _author, last, size):
        batch = [person for person in self.people if person > last][:size]
        self.people = [person for person in self.people if person not in self.leaving]
        return batch


def test_a_crash_half_way_is_repeated_and_reaches_each_follower_once(sample):
    fan_out = sample(f"{FEED}/feed-generation")["fan_out"]
    followers, inserts, feed = Followers(range(1, 4_501)), [], set()
    event = {"author": 9, "post_id": 77, "celebrity": False}

    def insert(rows):
        if len(inserts) == 2:
            inserts.append([])
            raise ConnectionError
        inserts.append(rows)
        feed.update(rows)

    with pytest.raises(ConnectionError):
        fan_out(event, followers.after, lambda _: True, insert)
    assert len(feed) == 2_000
    fan_out(event, followers.after, lambda _: True, insert)
    assert feed == {(person, 77) for person in range(1, 4_501)}


def test_nobody_is_skipped_while_others_unfollow(sample):
    fan_out = sample(f"{FEED}/feed-generation")["fan_out"]
    feed = set()
    followers = Followers(range(5, 15_001, 5), leaving=range(5, 2_501, 5))
    fan_out({"author": 9, "post_id": 7, "celebrity": False}, followers.after, lambda _: True, feed.update)
    assert feed >= {(person, 7) for person in range(2_505, 15_001, 5)}


def test_a_celebrity_is_not_pushed(sample):
    fan_out = sample(f"{FEED}/feed-generation")["fan_out"]
    fan_out({"author": 9, "post_id": 7, "celebrity": True}, None, None, None)


def descending(ids):
    return lambda before, n: sorted((i for i in ids if i < before), reverse=True)[:n]


@pytest.mark.parametrize("seed", range(20))
def test_all_pages_together_show_each_visible_post_once(sample, seed):
    page = sample(f"{FEED}/feed-retrieval")["page"]
    rng = random.Random(seed)
    pushed, pulled = (rng.sample(range(1, 2_000), rng.randrange(400)) for _ in range(2))
    deleted = set(rng.sample(pushed, len(pushed) // 5))
    blocked = set(rng.sample(pushed, len(pushed) // 4))
    sources = [descending(pushed), descending(pulled)]
    shown, cursor = [], 10_000
    while cursor is not None:
        posts, cursor = page(
            sources,
            lambda ids: [None if i in deleted else i for i in ids],
            lambda i: i not in blocked,
            cursor,
        )
        assert cursor is None or len(posts) == 20
        shown += posts
        pushed.append(10_000 + len(shown))  # new posts arrive at the head between the pages
    assert shown == sorted({*pulled, *[i for i in pushed if i < 10_000]} - deleted - blocked, reverse=True)


def test_a_reader_who_blocked_nearly_everything_gets_a_short_page_and_goes_on(sample):
    page, asked = sample(f"{FEED}/feed-retrieval")["page"], []

    def multi_get(ids):
        asked.append(len(ids))
        return ids

    posts, cursor = page([descending(range(1, 10_001))], multi_get, lambda i: i == 5, 10_001)
    assert posts == [] and cursor == 10_001 - 150 and asked == [30] * 5
    shown = []
    while cursor is not None:
        posts, cursor = page([descending(range(1, 10_001))], multi_get, lambda i: i == 5, cursor)
        shown += posts
    assert shown == [5]


class Feeds:
    """A feed store whose fan-out inserts only for active users, and an author who posts at a given moment."""

    def __init__(self, post_after):
        self.active, self.ids, self.posts, self.post_after = set(), {}, [1, 2, 3], post_after

    def publish(self):
        self.posts.append(4)
        if "ada" in self.active:
            self.merge("ada", [4], 500)

    def moment(self, name):
        if name == self.post_after:
            self.publish()

    def activate(self, user):
        self.moment("start")
        self.active.add(user)
        self.moment("activate")

    def merge(self, user, ids, keep):
        self.ids[user] = sorted({*self.ids.get(user, ()), *ids})[-keep:]

    def latest(self, author, keep):
        held = list(self.posts)
        self.moment("read")
        return held


@pytest.mark.parametrize("moment", ["start", "activate", "read"])
def test_a_post_during_a_rebuild_is_neither_lost_nor_repeated(sample, moment):
    feeds = Feeds(post_after=moment)
    sample(f"{FEED}/optimizations/rebuild")["rebuild"]("ada", feeds, lambda _: ["bo"], feeds.latest)
    assert feeds.ids["ada"] == [1, 2, 3, 4]


def test_the_feed_keeps_the_newest_ids(sample):
    feeds = Feeds(post_after=None)
    feeds.posts = list(range(1, 1_001))
    sample(f"{FEED}/optimizations/rebuild")["rebuild"]("ada", feeds, lambda _: ["bo"], feeds.latest, keep=500)
    assert feeds.ids["ada"] == list(range(501, 1_001))
