"""The live price samples in the failures their prose is about: restarts, wake-ups, slow and dead clients."""

import asyncio
import json
import shutil
import subprocess
from pathlib import Path

import pytest
import rules  # on the path by conftest.py

AT = "domain/realtime-prices"


class Redis(dict):
    """The last values, which outlive every server."""

    def tick(self, hub, epoch, seq, symbol, price):
        self[symbol] = (epoch, seq, price)
        if hub is not None:
            hub.publish(epoch, seq, symbol, price)


async def listen(stream, count, timeout_s=2.0):
    """The next `count` events that carry a price."""
    found = []
    while len(found) < count:
        text = await asyncio.wait_for(anext(stream), timeout_s)
        if text.startswith("id:"):
            event_id, data = text.strip().split("\ndata: ")
            found.append((event_id[4:], *json.loads(data).values()))
    return found


def test_a_client_resumes_on_a_server_that_was_born_after_it(sample):
    hub_class = sample(f"{AT}/sse")["Hub"]

    async def main():
        redis, first = Redis(), hub_class()
        for seq in range(1, 501):
            redis.tick(first, 7, seq, "ABC", str(seq))
        redis.tick(first, 7, 501, "XYZ", "1.00")
        (last,) = await listen(first.events({"ABC"}), 1)
        assert last[0] == "7-500"
        redis.tick(None, 7, 502, "ABC", "502")  # while the server is down
        second = hub_class(redis)
        resumed = second.events({"ABC", "XYZ"}, last_event_id=last[0], interval_s=0)
        assert await listen(resumed, 2) == [("7-501", "XYZ", "1.00"), ("7-502", "ABC", "502")]
        redis.tick(second, 8, 1, "ABC", "503")  # a new aggregator counts from 1 again
        assert await listen(resumed, 1) == [("8-1", "ABC", "503")]
        redis.tick(second, 7, 600, "ABC", "old")  # the replaced one wakes up
        redis.tick(second, 8, 2, "XYZ", "2.00")
        assert await listen(resumed, 1) == [("8-2", "XYZ", "2.00")]
        for nonsense in ("", "500", "abc", "7-", "-1--1"):
            assert len(await listen(second.events({"ABC", "XYZ"}, nonsense), 2)) == 2

    asyncio.run(main())


def test_a_tick_wakes_only_those_who_watch_it_and_them_once_an_interval(sample):
    names = sample(f"{AT}/sse")
    wakes = []

    class Counting(asyncio.Event):
        async def wait(self):
            await super().wait()
            wakes.append(self)

    class Client(names["Client"]):
        def __init__(self):
            super().__init__()
            self.wake = Counting()

    names["Hub"].events.__globals__["Client"] = Client

    async def main():
        hub = names["Hub"]()
        got = []

        async def follow(symbol):
            async for text in hub.events({symbol}, interval_s=0.2):
                got.append(text)

        tasks = [asyncio.create_task(follow("ABC" if n < 3 else "XYZ")) for n in range(100)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        for seq in range(1, 1001):
            hub.publish(7, seq, "ABC", str(seq))
            if seq % 100 == 0:
                await asyncio.sleep(0.001)
        await asyncio.sleep(0.3)
        assert len(wakes) <= 6  # three watchers, twice each; 97 others slept through 1,000 ticks
        assert sum("id: 7-1000\n" in text for text in got) == 3
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert not any(hub.watchers.values())  # nobody is left behind

    asyncio.run(main())


def test_a_quiet_stream_sends_a_heartbeat_that_scripts_can_see(sample):
    hub = sample(f"{AT}/sse")["Hub"]()

    async def main():
        stream = hub.events({"ABC"}, heartbeat_s=0.01)
        assert await anext(stream) == "retry: 3000\n\n"
        for _ in range(3):
            text = await anext(stream)
            assert text.startswith("event: ping\ndata: ") and text.endswith("\n\n")
        hub.publish(7, 1, "ABC", "1")
        assert await listen(stream, 1)

    asyncio.run(main())


BROWSER = """
const sources = [], timers = new Map(); let clock = 0, nextTimer = 1;
globalThis.setTimeout = (run, ms) => { timers.set(nextTimer, { run, at: clock + ms }); return nextTimer++; };
globalThis.clearTimeout = (id) => timers.delete(id);
globalThis.EventSource = class {
  static CLOSED = 2;
  constructor(url) { this.url = url; this.readyState = 0; this.listeners = {}; sources.push(this); }
  addEventListener(name, run) { this.listeners[name] = run; }
  close() { this.readyState = 2; this.closed = true; }
};
function pass(ms) {
  const end = clock + ms;
  for (;;) {
    const due = [...timers].filter(([, t]) => t.at <= end).sort((a, b) => a[1].at - b[1].at)[0];
    if (!due) break;
    clock = due[1].at; timers.delete(due[0]); due[1].run();
  }
  clock = end;
}
function check(what, ok) { if (!ok) { console.error("failed: " + what); process.exit(1); } }
"""

SCRIPT = """
const ticks = [], states = [];
const stop = watchPrices(["ABC", "XYZ"], (tick) => ticks.push(tick), (state) => states.push(state));
check("one source", sources.length === 1 && sources[0].url.includes("symbols=ABC%2CXYZ"));
sources[0].onopen();
sources[0].onmessage({ lastEventId: "7-12", data: '{"symbol": "ABC", "price": "1.00"}' });
check("tick", ticks[0].price === "1.00" && states.at(-1) === "live");

sources[0].readyState = 0; sources[0].onerror();  // the network broke; the browser reconnects by itself
check("stale, but left to the browser", states.at(-1) === "stale" && !sources[0].closed);
sources[0].onopen();

for (let n = 0; n < 20; n++) { pass(15000); sources[0].listeners.ping(); }
check("pings keep it alive", sources.length === 1);

sources[0].readyState = 2; sources[0].onerror();  // 503: the browser gives up for good
check("not at once", sources.length === 1);
pass(999); check("jitter from 1 s", sources.length === 1);
pass(9100); check("reopened", sources.length === 2);
check("with the last id", sources[1].url.includes("last=7-12"));

sources[1].onopen(); pass(46000);  // neither event nor ping: dead, though nobody closed it
check("stale and closed", states.at(-1) === "stale" && sources[1].closed);
pass(10000); check("reopened again", sources.length === 3);
stop(); pass(600000);
check("stopped", sources.length === 3 && sources[2].closed);
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_the_browser_client_comes_back_from_errors_that_eventsource_gives_up_on():
    pages = rules.read_pages([Path(__file__).parents[3] / "corpus" / "guide" / "12-domain-specific.md"])
    (block,) = [
        b for page in pages if page.section_id == f"{AT}/sse/client" for b in page.blocks if b.info == "js"
    ]
    code = BROWSER + block.body + SCRIPT
    done = subprocess.run(["node", "-"], input=code, capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr


class Socket:
    """A client's socket; `stalled` means that its network takes nothing more."""

    def __init__(self, *requests, stalled=False):
        self.inbox, self.sent, self.stalled, self.closed = asyncio.Queue(), [], stalled, False
        for request in requests:
            self.inbox.put_nowait(request if isinstance(request, str) else json.dumps(request))

    def __aiter__(self):
        return self

    async def __anext__(self):
        return await self.inbox.get()

    async def send(self, text):
        if self.stalled:
            await asyncio.Event().wait()
        self.sent.extend(json.loads(text))

    async def close(self):
        self.closed = True


def subscribe(*symbols):
    return {"op": "subscribe", "symbols": symbols}


def test_a_stalled_client_costs_its_slots_delays_nobody_and_is_dropped(sample):
    server = sample(f"{AT}/websocket/server")["PriceServer"]({}, send_timeout_s=0.3, interval_s=0.01)

    async def main():
        slow, quick = Socket(subscribe("ABC", "XYZ"), stalled=True), Socket(subscribe("ABC"))
        tasks = [asyncio.create_task(server.handle(socket)) for socket in (slow, quick)]
        await asyncio.sleep(0.05)
        for seq in range(1, 2001):
            server.publish(("ABC", "XYZ")[seq % 2], seq, str(seq))
            if seq % 200 == 0:
                await asyncio.sleep(0.01)
        (held,) = [c for c in server.rooms["ABC"] if c.socket is slow]
        assert len(held.slots) <= 2  # the newest of each symbol, not 2,000
        await asyncio.sleep(0.05)
        assert quick.sent[-1] == {"type": "update", "symbol": "ABC", "price": "2000", "seq": 2000}
        assert [m["seq"] for m in quick.sent] == sorted(m["seq"] for m in quick.sent)
        await asyncio.sleep(0.4)
        assert slow.closed and tasks[0].done() and not quick.closed
        assert [c.socket for room in server.rooms.values() for c in room] == [quick]
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert server.rooms == {} and quick.closed

    asyncio.run(main())


def test_a_subscriber_gets_a_snapshot_and_bad_requests_get_answers(sample):
    server = sample(f"{AT}/websocket/server")["PriceServer"]({"ABC": (812, "10.05")}, interval_s=0)

    async def main():
        socket = Socket(subscribe("ABC"))
        task = asyncio.create_task(server.handle(socket))
        await asyncio.sleep(0.02)
        assert socket.sent == [{"type": "snapshot", "symbol": "ABC", "price": "10.05", "seq": 812}]
        for request, code in [
            ("{", "BAD_REQUEST"),
            ("[1]", "BAD_REQUEST"),
            ('{"op": "subscribe"}', "BAD_REQUEST"),
            ('{"op": "subscribe", "symbols": 5}', "BAD_REQUEST"),
            ('{"op": "dance", "symbols": []}', "UNKNOWN_OP"),
            (json.dumps(subscribe(*map(str, range(50)))), "TOO_MANY_SYMBOLS"),
        ]:
            socket.inbox.put_nowait(request)
            await asyncio.sleep(0.02)
            assert socket.sent[-1]["code"] == code
        assert set(server.rooms) == {"ABC"} and not task.done()
        socket.inbox.put_nowait(json.dumps({"op": "unsubscribe", "symbols": ["ABC", "never"]}))
        await asyncio.sleep(0.02)
        assert server.rooms == {}
        server.publish("ABC", 813, "10.10")
        await asyncio.sleep(0.02)
        assert "seq" not in socket.sent[-1]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())


def test_the_server_runs_on_a_real_library(sample):
    serving = pytest.importorskip("websockets.asyncio.server")
    calling = pytest.importorskip("websockets.asyncio.client")
    server = sample(f"{AT}/websocket/server")["PriceServer"]({"ABC": (1, "1.00")}, interval_s=0)

    async def main():
        async with serving.serve(server.handle, "127.0.0.1", 0) as listening:
            port = listening.sockets[0].getsockname()[1]
            async with calling.connect(f"ws://127.0.0.1:{port}") as client:
                await client.send(json.dumps(subscribe("ABC")))
                assert json.loads(await asyncio.wait_for(client.recv(), 5))[0]["type"] == "snapshot"
                server.publish("ABC", 2, "1.01")
                assert json.loads(await asyncio.wait_for(client.recv(), 5))[0]["price"] == "1.01"
            for _ in range(100):
                if not server.rooms:
                    break
                await asyncio.sleep(0.02)
            assert server.rooms == {}  # the closed client has left

    asyncio.run(main())


def test_only_one_order_of_steps_loses_no_tick(sample):
    outcomes = sample(f"{AT}/deep-dives/snapshot-handover")["outcomes"]
    writers, readers = (
        (["store", "publish"], ["publish", "store"]),
        (["subscribe", "read"], ["read", "subscribe"]),
    )
    safe = [(w, r) for w in writers for r in readers if outcomes(w, r) == {813}]
    assert safe == [(["store", "publish"], ["subscribe", "read"])]
