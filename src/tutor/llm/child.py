"""The embedded server's own process: `python -m tutor.llm.child`, configured by one line of JSON.

Ends when its standard input does, so it never outlives its parent. Does not know prompts.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any


def parameters(config: dict[str, Any]) -> Any:
    """llama.cpp's parameters: loopback, a key, small batches so that a stop is noticed."""
    import xllamacpp

    p = xllamacpp.CommonParams()
    p.model.path = config["model"]
    p.model_alias = "tutor"
    p.hostnames = ["127.0.0.1"]
    p.port = 0
    p.api_keys = [config["key"]]
    p.n_ctx = config["n_ctx"]
    p.n_parallel = config["slots"]
    p.n_batch = p.n_ubatch = 128
    p.cpuparams.n_threads = p.cpuparams_batch.n_threads = config["threads"]
    p.n_threads_http = 4
    p.n_gpu_layers = 0
    p.cache_ram_mib = 0
    p.slot_save_path = config["states"].rstrip("/") + "/"
    p.endpoint_slots = False
    p.warmup = True
    p.cors_origins = "http://127.0.0.1"
    p.ui = False
    p.verbosity = 1
    return p


def main() -> None:
    """Serve until standard input closes."""
    import xllamacpp

    config = json.loads(sys.stdin.readline())
    try:
        os.nice(5)
        server = xllamacpp.Server(parameters(config))
    except (RuntimeError, OSError) as error:
        print(json.dumps({"error": str(error)}), flush=True)
        os._exit(1)
    print(json.dumps({"url": server.listening_address}), flush=True)
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
