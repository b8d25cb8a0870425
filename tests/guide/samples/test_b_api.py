"""Chapter 9: a handler that breaks half-way, two writers of one version, a batch query that fails, a forged cursor."""

import asyncio
import base64
import json

import pytest

IDEMPOTENCY = "api/idempotency/example"
CONDITIONAL = "api/rest/conditional-requests"
LOADER = "api/graphql/n-plus-one"
CURSOR = "api/pagination/cursor"
BUCKET = "api/rate-limiting/token-bucket"
VALIDATION = "api/security/input-validation"


def test_an_order_that_breaks_half_way_leaves_no_key_behind(sample):
    names = sample(IDEMPOTENCY)
    with pytest.raises(KeyError):
        names["create_order"]("eve", "k9", {})
    assert names["create_order"]("eve", "k9", {"item": "book"})[0] == 201
    counts = [names["db"].execute(f"SELECT count(*) FROM {table} WHERE account = 'eve'") for table in ("orders", "answers")]
    assert [rows.fetchone()[0] for rows in counts] == [1, 1]


def test_of_two_writers_of_one_version_only_the_first_wins(sample):
    names = sample(CONDITIONAL)
    _, etag, _ = names["get"]("d1")
    assert names["put"]("d1", "first", if_match=etag)[0] == 200
    assert names["put"]("d1", "second", if_match=etag) == (412, None)
    assert names["get"]("d1")[2] == "first"


def test_version_is_compared_and_written_in_one_statement(sample):
    names = sample(CONDITIONAL)
    _, etag, _ = names["get"]("d1")
    statements = []
    names["db"].set_trace_callback(statements.append)
    names["put"]("d1", "text", if_match=etag)
    assert len(statements) == 1


@pytest.mark.parametrize("tag", ['"0"', "", "8", 'W/"8"', '"8" OR 1=1'])
def test_a_wrong_or_weak_tag_never_writes(sample, tag):
    names = sample(CONDITIONAL)
    before = names["get"]("d1")
    assert names["put"]("d1", "text", if_match=tag) == (412, None)
    assert names["get"]("d1") == before


def test_a_failing_batch_reaches_every_waiter_and_is_tried_again(sample):
    loader, calls = sample(LOADER)["Loader"], []

    async def load_many(keys):
        calls.append(keys)
        if len(calls) == 1:
            raise ConnectionError
        return {key: key * 10 for key in keys}

    async def main():
        users = loader(load_many)
        first = await asyncio.gather(users.load(1), users.load(2), users.load(1), return_exceptions=True)
        assert [type(result) for result in first] == [ConnectionError] * 3
        assert await asyncio.gather(users.load(1), users.load(2)) == [10, 20]

    asyncio.run(main())
    assert calls == [[1, 2], [1, 2]]


def test_a_cancelled_field_does_not_cancel_the_others(sample):
    loader = sample(LOADER)["Loader"]

    async def main():
        started, go = asyncio.Event(), asyncio.Event()

        async def load_many(keys):
            started.set()
            await go.wait()
            return {key: key for key in keys}

        async def field(users):
            return await users.load(1)

        users = loader(load_many)
        gone, stays = asyncio.create_task(field(users)), asyncio.create_task(field(users))
        await started.wait()
        gone.cancel()
        await asyncio.sleep(0)
        go.set()
        assert await asyncio.wait_for(stays, 5) == 1
        assert gone.cancelled()

    asyncio.run(main())


@pytest.mark.parametrize("cursor", ["", "a", "ééé", base64.urlsafe_b64encode(b"x" * 40).decode()])
def test_a_cursor_that_was_not_issued_is_refused(sample, cursor):
    decode = sample(CURSOR)["decode"]
    with pytest.raises(ValueError):
        decode(cursor, {})


def test_a_changed_position_breaks_the_seal(sample):
    names = sample(CURSOR)
    raw = base64.urlsafe_b64decode(names["encode"]({"id": 100}, {}))
    body = json.dumps({"f": {}, "p": {"id": 999}}, sort_keys=True).encode()
    with pytest.raises(ValueError, match="forged"):
        names["decode"](base64.urlsafe_b64encode(raw[:16] + body).decode(), {})


def test_a_bucket_whose_cost_exceeds_its_tokens_keeps_them(sample):
    clock = [0.0]
    bucket = sample(BUCKET)["TokenBucket"](10, 5, now=lambda: clock[0])
    assert [bucket.take(4), bucket.take(4)] == [0.0, 0.0]
    assert bucket.take(4) == pytest.approx(0.4)
    assert bucket.take(2) == 0.0


@pytest.mark.parametrize("body", [{"email": None}, {"email": 5}, {"email": "a@b\n.de"}, {"email": "x" * 250 + "@a.de"}])
def test_an_email_of_the_wrong_kind_is_a_400_and_not_a_crash(sample, body):
    names = sample(VALIDATION)
    assert names["create"](names["db"], body)[0] == 400
