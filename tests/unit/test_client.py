"""Any OpenAI-compatible endpoint: a real HTTP server on loopback that behaves well or badly."""

import json
import math
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from tutor.errors import LLMBadOutput, LLMError, LLMRejected, LLMTimeout, LLMUnavailable
from tutor.llm.base import Message
from tutor.llm.client import OpenAIChatModel, yes_of


class Endpoint(BaseHTTPRequestHandler):
    """Streams `words`, or does what `mode` says."""

    mode, words, requests = "ok", ["A", " cache", " helps."], []

    def log_message(self, *args):
        """Quiet."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.requests.append((self.path, self.headers.get("Authorization"), body))
        if self.mode.isdigit():
            self.send_error(int(self.mode))
            return
        if self.mode == "slow":
            time.sleep(3)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        try:
            if self.mode == "nonsense":
                self.wfile.write(b"data: {not json\n\n")
                return
            for word in self.words:
                part = {"choices": [{"index": 0, "delta": {"role": "assistant", "content": word}}]}
                part |= {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m"}
                self.wfile.write(f"data: {json.dumps(part)}\n\n".encode())
                self.wfile.flush()
            self.wfile.write(b"data: [DONE]\n\n")
        except (BrokenPipeError, ConnectionResetError):
            return


@pytest.fixture
def endpoint():
    handler = type("Handler", (Endpoint,), {"requests": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    handler.url = f"http://127.0.0.1:{server.server_port}/v1"
    yield handler
    server.shutdown()
    server.server_close()


def said(url, timeout_s=5.0, **more):
    model = OpenAIChatModel("m", url, "secret", timeout_s)
    return "".join(model.stream([Message("user", "What?")], max_tokens=9, **more))


def test_text_arrives_and_the_key_and_limits_go_out(endpoint):
    assert said(endpoint.url) == "A cache helps."
    path, key, body = endpoint.requests[0]
    assert path == "/v1/chat/completions" and key == "Bearer secret"
    assert body["max_tokens"] == 9 and body["temperature"] == 0 and body["model"] == "m"


@pytest.mark.parametrize(
    ("mode", "error"),
    [("401", LLMRejected), ("404", LLMRejected), ("429", LLMRejected), ("500", LLMUnavailable)],
)
def test_a_status_becomes_an_error_of_ours(endpoint, mode, error):
    endpoint.mode = mode
    with pytest.raises(error) as raised:
        said(endpoint.url)
    assert mode in raised.value.message


def test_a_slow_endpoint_times_out(endpoint):
    endpoint.mode = "slow"
    with pytest.raises(LLMTimeout):
        said(endpoint.url, timeout_s=0.5)


def test_nonsense_is_an_error_and_never_text(endpoint):
    endpoint.mode = "nonsense"
    with pytest.raises(LLMError) as raised:
        said(endpoint.url)
    assert isinstance(raised.value, (LLMBadOutput, LLMUnavailable))


def test_nobody_there_is_unavailable():
    with pytest.raises(LLMUnavailable):
        said("http://127.0.0.1:9/v1")


def test_stop_ends_the_stream(endpoint):
    endpoint.words = ["one "] * 1000
    heard = []
    model = OpenAIChatModel("m", endpoint.url, "secret", 5.0)
    for part in model.stream([Message("user", "?")], max_tokens=9, cancelled=lambda: len(heard) >= 5):
        heard.append(part)
    assert len(heard) == 5


def raw(*candidates):
    found = [SimpleNamespace(token=token, logprob=math.log(p)) for token, p in candidates]
    content = [SimpleNamespace(top_logprobs=found)] if found else []
    return SimpleNamespace(choices=[SimpleNamespace(logprobs=SimpleNamespace(content=content))])


def test_yes_is_weighed_against_no_among_the_first_tokens_candidates():
    assert yes_of(raw(("Yes", 0.5), (" yes", 0.1), ("No", 0.2), ("The", 0.2))) == pytest.approx(0.75)
    assert yes_of(raw(("The", 0.9))) is None and yes_of(raw()) is None


def test_an_endpoint_without_log_probabilities_gives_no_opinion():
    assert yes_of(SimpleNamespace(choices=[SimpleNamespace(logprobs=None)])) is None


def test_a_failed_opinion_is_an_error_and_never_a_number(endpoint):
    endpoint.mode = "500"
    with pytest.raises(LLMUnavailable):
        OpenAIChatModel("m", endpoint.url, "secret", 5.0).judge([Message("user", "?")])
