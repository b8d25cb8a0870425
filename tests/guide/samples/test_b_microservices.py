"""Chapter 8: the breaker after a probe without a verdict, the saga when a step breaks or the process dies."""

import contextlib
import sqlite3
import threading

import pytest

BREAKER = "microservices/challenges/circuit-breaker"
SAGA = "microservices/data/distributed-transactions/orchestration"
OUTBOX = "microservices/data/distributed-transactions"


class Crash(BaseException):
    """The process dies: no handler of the sample runs after it."""


@pytest.fixture
def held(sample):
    clock = [0.0]
    names = sample(BREAKER)
    breaker = names["Breaker"](window=4, timeout=60.0, now=lambda: clock[0])
    return breaker, clock, names["CircuitOpen"]


def failing(error):
    def call():
        raise error

    return call


def tripped(breaker, clock):
    for _ in range(4):
        with pytest.raises(TimeoutError):
            breaker.call(failing(TimeoutError()))
    assert breaker.state == "open"
    clock[0] += 60.0


@pytest.mark.parametrize("error", [ValueError("422"), KeyError("x"), Crash()])
def test_a_probe_without_a_verdict_does_not_wedge_the_breaker(held, error):
    breaker, clock, _ = held
    tripped(breaker, clock)
    with pytest.raises(type(error)):
        breaker.call(failing(error))
    assert breaker.call(lambda: "ok") == "ok"
    assert breaker.state == "closed"


def test_a_failed_probe_waits_the_whole_timeout_again(held):
    breaker, clock, is_open = held
    tripped(breaker, clock)
    with pytest.raises(ConnectionError):
        breaker.call(failing(ConnectionError()))
    clock[0] += 59.0
    with pytest.raises(is_open):
        breaker.call(lambda: "ok")
    clock[0] += 1.0
    assert breaker.call(lambda: "ok") == "ok"


@pytest.mark.parametrize("late", ["ok", TimeoutError()])
def test_a_late_result_of_an_old_call_is_not_taken_for_the_probes(held, late):
    breaker, clock, is_open = held
    begun, finish = threading.Event(), threading.Event()

    def slow():
        begun.set()
        assert finish.wait(5)
        if isinstance(late, Exception):
            raise late
        return late

    def old_call():
        with contextlib.suppress(TimeoutError):
            breaker.call(slow)

    thread = threading.Thread(target=old_call)
    thread.start()
    assert begun.wait(5)
    tripped(breaker, clock)

    def probe():
        finish.set()
        thread.join(5)
        assert breaker.state == "half-open"  # the old result changed nothing
        with pytest.raises(is_open):
            breaker.call(lambda: "a second probe")
        return "probed"

    assert breaker.call(probe) == "probed"
    assert breaker.state == "closed"


def test_callers_mistakes_never_open_the_breaker(held):
    breaker, _, _ = held
    for _ in range(50):
        with pytest.raises(ValueError):
            breaker.call(failing(ValueError("400")))
    assert breaker.state == "closed"


class Shop:
    """Three services with idempotent calls; each counts what it did."""

    def __init__(self):
        self.charged, self.reserved, self.ordered, self.mails = 0, 0, 0, 0
        self.refunds = 0

    def steps(self, **broken):
        def step(name, act):
            def call():
                error = broken.get(name)
                if error is None or getattr(error, "after", False):
                    act()
                if error is not None:
                    raise error

            return call

        def refund():
            self.refunds += self.charged  # no charge, nothing to refund
            self.charged = 0

        return [
            ("order", step("order", lambda: setattr(self, "ordered", 1)), lambda: setattr(self, "ordered", 0)),
            ("payment", step("payment", lambda: setattr(self, "charged", 1)), refund),
            ("inventory", step("inventory", lambda: setattr(self, "reserved", 1)), lambda: setattr(self, "reserved", 0)),
            ("mail", step("mail", lambda: setattr(self, "mails", self.mails + 1)), None),
        ]

    @property
    def state(self):
        return self.ordered, self.charged, self.reserved


def happened(error):
    error.after = True
    return error


@pytest.fixture
def saga(sample):
    names = sample(SAGA)
    return names["run"], names["Refused"]


@pytest.mark.parametrize("error", [RuntimeError("smtp"), ConnectionError(), KeyError("template")])
def test_a_broken_mail_server_refunds_nobody(saga, error):
    run, _ = saga
    shop, log = Shop(), []
    assert run(shop.steps(mail=error), "inventory", log) == "parked"
    assert shop.state == (1, 1, 1) and shop.refunds == 0
    log.remove(("mail", "parked"))
    assert run(shop.steps(), "inventory", log) == "completed"
    assert shop.mails == 1


def test_a_mail_server_that_recovers_within_the_tries_completes_the_saga(saga):
    run, _ = saga
    shop, answers = Shop(), iter([ConnectionError(), ConnectionError(), None])

    def mail():
        if error := next(answers):
            raise error
        shop.mails += 1

    steps = [*shop.steps()[:3], ("mail", mail, None)]
    assert run(steps, "inventory", []) == "completed"
    assert shop.mails == 1


def test_a_refused_step_is_not_compensated_but_a_timed_out_one_is(saga):
    run, refused = saga
    shop, log = Shop(), []
    assert run(shop.steps(payment=refused("declined")), "inventory", log) == "cancelled"
    assert ("payment", "undone") not in log and shop.refunds == 0
    shop, log = Shop(), []
    assert run(shop.steps(payment=happened(TimeoutError())), "inventory", log) == "cancelled"
    assert shop.refunds == 1 and shop.state == (0, 0, 0)


@pytest.mark.parametrize("step", ["order", "payment", "inventory", "mail"])
@pytest.mark.parametrize("after", [False, True])
def test_a_saga_resumes_after_the_process_dies_in_any_step(saga, step, after):
    run, _ = saga
    shop, log, crash = Shop(), [], Crash()
    crash.after = after
    with pytest.raises(Crash):
        run(shop.steps(**{step: crash}), "inventory", log)
    assert run(shop.steps(), "inventory", log) == "completed"
    assert shop.state == (1, 1, 1) and shop.refunds == 0


def test_a_saga_that_dies_while_undoing_goes_on_undoing(saga):
    run, refused = saga
    shop, log = Shop(), []
    steps = shop.steps(inventory=refused("no stock"))

    def dies():
        raise Crash

    with pytest.raises(Crash):
        run([(name, act, dies if name == "payment" else undo) for name, act, undo in steps], "inventory", log)
    assert run(shop.steps(), "inventory", log) == "cancelled"  # stock is back, but the decision stands
    assert shop.state == (0, 0, 0) and shop.refunds == 1


def test_a_relay_that_dies_after_sending_sends_again_and_loses_nothing(sample):
    names = sample(OUTBOX, sqlite3=sqlite3)
    names["place"]("o2")
    sent = []

    def publish(event):
        sent.append(event)
        if len(sent) == 1:
            raise Crash

    with pytest.raises(Crash):
        names["relay"](publish)
    names["relay"](publish)
    names["relay"](publish)
    assert sent == ["order_created o2"] * 2
