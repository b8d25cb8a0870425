"""The portfolio tracker's samples in the failures their prose is about."""

import sqlite3
from decimal import Decimal

import pytest

AT = "domain/portfolio-tracker"


def executed(text: str) -> sqlite3.Connection:
    db = sqlite3.connect(":memory:")
    db.executescript(text)
    return db


def test_the_schema_has_deposits_dividends_and_splits_and_refuses_wrong_ones(sql):
    db = executed(sql(f"{AT}/schema"))
    db.execute("INSERT INTO users (id, email, time_zone) VALUES (1, 'a@example.com', 'UTC')")
    db.execute("INSERT INTO portfolios (id, user_id, name, currency) VALUES (1, 1, 'p', 'USD')")
    db.execute("INSERT INTO instruments VALUES (5, 'ABC', 'X', 'USD')")
    flow = "INSERT INTO cash_movements VALUES (?, 1, ?, ?, ?, '2026-03-02', ?)"
    db.execute(flow, (1, "DEPOSIT", None, 1000, "d1"))
    db.execute(flow, (2, "DIVIDEND", 5, 12.5, "d2"))
    for row in [
        (3, "DEPOSIT", None, -5, "d3"),  # a deposit takes no money out
        (3, "WITHDRAWAL", None, 5, "d3"),
        (3, "DIVIDEND", None, 5, "d3"),  # of which instrument?
        (3, "DEPOSIT", None, 1000, "d1"),  # imported twice
    ]:
        with pytest.raises(sqlite3.IntegrityError):
            db.execute(flow, row)
    action = "INSERT INTO corporate_actions VALUES (?, 5, ?, '2026-03-02', ?, ?, ?, ?, ?)"
    db.execute(action, (1, "SPLIT", None, 2, 1, None, "s1"))
    db.execute(action, (2, "DIVIDEND", "2026-03-20", None, None, "0.5", "s2"))
    for row in [
        (3, "SPLIT", None, None, None, None, "s3"),
        (3, "SPLIT", None, 2, 0, None, "s3"),
        (3, "DIVIDEND", "2026-03-20", None, None, None, "s3"),
        (3, "SPLIT", None, 2, 1, None, "s1"),  # announced twice
    ]:
        with pytest.raises(sqlite3.IntegrityError):
            db.execute(action, row)


def test_a_batch_names_what_it_could_not_price_and_keeps_the_empty_portfolio(sql):
    db = executed(
        """
        CREATE TABLE portfolios (id, currency);
        CREATE TABLE holdings (portfolio_id, instrument_id, quantity);
        CREATE TABLE instruments (id, currency);
        CREATE TABLE last_prices (instrument_id, price, at);
        CREATE TABLE fx_rates (from_currency, to_currency, rate);
        INSERT INTO portfolios VALUES (1, 'USD'), (2, 'USD'), (3, 'USD'), (4, 'USD'), (9, 'USD');
        INSERT INTO instruments VALUES (5, 'USD'), (6, 'EUR'), (7, 'USD'), (8, 'JPY');
        INSERT INTO last_prices VALUES (5, 10, 100), (6, 20, 90), (8, 30, 80);
        INSERT INTO fx_rates VALUES ('USD', 'USD', 1), ('EUR', 'USD', 2);
        INSERT INTO holdings VALUES (1, 5, 3), (1, 6, 1), (2, 5, 1), (2, 7, 1), (4, 8, 1);
        """
    )
    query = sql(f"{AT}/on-demand").replace("$1", "?").replace("$2", "?")
    rows = {row[0]: row[1:] for row in db.execute(query, (1, 4))}
    assert rows[1] == (70, 90, 0)
    assert rows[2] == (10, 100, 1)  # no price for 7: not passed off as the whole
    assert rows[3] == (0, None, 0)
    assert rows[4][0] == 0 and rows[4][2] == 1  # a price, but no rate: not taken at rate 1


def test_a_cache_that_is_down_neither_hides_the_value_nor_a_zero(sample):
    portfolio_value = sample(f"{AT}/read-value")["portfolio_value"]

    class Down:
        def get(self, key):
            raise ConnectionError

        def set(self, key, value, ttl_s):
            raise ConnectionError

    assert portfolio_value(1, Down(), lambda p: Decimal(5)) == 5
    kept = {}

    class Kept(Down):
        def get(self, key):
            return kept.get(key)

        def set(self, key, value, ttl_s):
            kept[key] = value
            assert ttl_s <= 5  # prices no older than 5 s

    runs = []
    for _ in range(3):
        portfolio_value(1, Kept(), lambda p: runs.append(p) or Decimal(0))
    assert runs == [1]


class Store:
    """Counts queries and dies when told to; rows and checkpoint are saved together or not at all."""

    def __init__(self, portfolios):
        self.portfolios, self.rows, self.done, self.queries, self.dies_at = portfolios, {}, {}, 0, None
        self.saved = []

    def checkpoint(self, day):
        return self.done.get(day, 0)

    def portfolio_ids(self, after, limit):
        self.queries += 1
        return [p for p in sorted(self.portfolios) if p > after][:limit]

    def positions(self, ids, day):
        self.queries += 1
        return {p: self.portfolios[p] for p in ids if self.portfolios[p]}

    def save(self, rows, day, done):
        if self.dies_at == done:
            self.dies_at = None
            raise ConnectionError("the database went away")
        self.queries += 1
        self.saved.append(len(rows))
        self.rows.update({(p, d): (v, e) for p, d, v, e in rows})
        self.done[day] = done


def test_the_close_job_repeats_one_chunk_after_a_crash_and_asks_once_for_each_chunk(sample):
    close_job = sample(f"{AT}/snapshots")["close_job"]
    store = Store({p: [(1, Decimal(p)), (2, Decimal(1))] for p in range(1, 101)} | {50: []})
    store.dies_at = 60
    with pytest.raises(ConnectionError):
        close_job("2026-03-02", store, {1: Decimal(10)}, {2: Decimal(3)}, chunk=20)
    assert store.done == {"2026-03-02": 40}
    close_job("2026-03-02", store, {1: Decimal(10)}, {2: Decimal(3)}, chunk=20)
    assert store.saved == [20] * 5  # nothing before the crash was done again
    assert len(store.rows) == 100 and store.rows[7, "2026-03-02"] == (Decimal(73), True)
    assert store.rows[50, "2026-03-02"] == (0, False)
    assert store.queries < 20  # not one for each portfolio
    close_job("2026-03-02", store, {1: Decimal(10)}, {2: Decimal(3)}, chunk=20)
    assert store.saved == [20] * 5


def test_money_paid_in_or_out_is_no_return(sample):
    time_weighted = sample(f"{AT}/charts")["time_weighted"]
    D = Decimal
    assert time_weighted([(D(1000), D(0)), (D(2000), D(1000)), (D(500), D(-1500))]) == 0
    assert time_weighted([(D(0), D(0)), (D(1000), D(1000)), (D(1100), D(0))]) == D("0.1")
    assert time_weighted([(D(1000), D(0)), (D(0), D(-1000)), (D(0), D(0)), (D(55), D(50))]) == D("0.1")
    assert time_weighted([]) == 0


def test_a_split_that_is_run_twice_or_a_trade_that_comes_late_changes_nothing(sample):
    rebuild = sample(f"{AT}/deep-dives/corporate-actions")["rebuild"]
    D = Decimal
    trades = [("2026-03-01", "BUY", D(10), D(100))]
    split = [("2026-03-02", 2, 1)]
    assert [rebuild(trades, split) for _ in range(3)] == [(20, 50)] * 3
    on_the_day = [("2026-03-02", "BUY", D(20), D(50)), *trades]  # already at the new price, listed first
    assert rebuild(on_the_day, split) == (40, 50)
    assert rebuild([*trades, ("2026-02-27", "BUY", D(10), D(80))], split) == (40, 45)
    reverse = rebuild([("2026-03-01", "BUY", D(30), D(2))], [("2026-03-02", 1, 3)])
    assert reverse == (10, 6)
    with pytest.raises(ValueError):
        rebuild([*trades, ("2026-03-01", "SELL", D(11), D(100))], split)


def test_the_older_holdings_never_overwrite_the_newer_snapshot(sql):
    text = sql(f"{AT}/deep-dives/rebuild-race")
    db = executed(text)
    assert db.execute("SELECT value, holdings_version FROM snapshots").fetchall() == [(280002, 9)]
    upsert = text[text.index("INSERT") : text.index("INSERT INTO snapshots VALUES (1, '2026-03-02', 30002")]
    for values, kept in [
        ("280002.00, 9, 4", 280002),  # the same again
        ("280100.00, 9, 5", 280100),  # corrected prices
        ("1.00, 8, 9", 280100),  # newer prices, holdings from before the trade
        ("7.00, 10, 5", 7),
    ]:
        db.executescript(upsert.replace("280002.00, 9, 4", values))
        assert db.execute("SELECT value FROM snapshots").fetchone() == (kept,)
