"""Mistakes that circulate in material of this kind: what the guide must say instead, and what it must never say.

`must` patterns are looked for in the sections under a prefix, `never` patterns in the whole guide.
"""

import re
from pathlib import Path

import pytest

from tutor.corpus.read import read_corpus

ROOT = Path(__file__).parents[2] / "corpus" / "guide"
SECTIONS = [section for document in read_corpus(ROOT) for section in document.sections]
MUST = {
    "E002 reshade": ("intro/interview-process/reshade", r"RESHADED"),
    "E005 terms": ("fundamentals/replication", r"master"),
    "E006 cap": ("fundamentals/cap", r"partition"),
    "E007 cap-c": ("fundamentals/cap", r"lineariz"),
    "E008 pacelc": ("fundamentals/cap", r"PACELC"),
    "E009 iphash": ("fundamentals/load-balancing/algorithms/ip-hash", r"NAT"),
    "E011 wrr": ("fundamentals/load-balancing/algorithms/weighted-round-robin", r"smooth"),
    "E012 modn": ("fundamentals/sharding", r"consistent hashing"),
    "E014 rangehot": ("fundamentals/sharding/strategies/range", r"newest|hot"),
    "E015 spof": ("fundamentals/replication", r"fenc"),
    "E016 multiprimary": ("fundamentals/replication/types/multi-primary", r"conflict"),
    "E017 sync": ("fundamentals/replication/types/synchronous", r"quorum|one replica|at least one"),
    "E018 ryw": ("fundamentals/consistency-models/read-after-write", r"primary"),
    "E021 widecol": ("components/databases", r"partition"),
    "E022 cdndyn": ("components/cdn", r"TLS|DDoS|dynamic"),
    "E024 200vs202": ("scalability/async", r"202"),
    "E025 webhook": ("scalability/async", r"sign"),
    "E026 streamtech": ("scalability/stream", r"Flink"),
    "E030 dialect": ("database/indexing/full-text", r"tsvector"),
    "E033 fkindex": ("database/indexing", r"foreign key"),
    "E035 rr-phantom": ("database/transactions/isolation-levels", r"write skew"),
    "E037 nonecache": ("caching", r"sentinel"),
    "E042 evict": ("caching/eviction", r"noeviction"),
    "E043 stampterms": ("caching/stampede", r"avalanche"),
    "E045 lock": ("caching/stampede", r"token|owner"),
    "E046 exactlyonce": ("messaging/delivery-guarantees", r"dedup"),
    "E047 redispubsub": ("messaging/brokers", r"Streams"),
    "E050 backoff": ("messaging", r"jitter"),
    "E053 escqrs": ("microservices", r"outbox"),
    "E055 breaker": ("microservices/challenges/circuit-breaker", r"half-open"),
    "E056 trace": ("microservices", r"170 ms"),
    "E059 errecho": ("api/rest/error-response", r"9457"),
    "E060 offset": ("api/pagination", r"keyset"),
    "E061 cursor": ("api/pagination/cursor", r"sign|tie"),
    "E062 timenow": ("api/rate-limiting/token-bucket", r"monotonic"),
    "E064 jwt": ("api/security/jwt", r"not encrypted|readable|base64"),
    "E065 oauth": ("api/security/oauth2", r"OpenID Connect"),
    "E066 sanitize": ("api/security/input-validation", r"parameteri[sz]ed"),
    "E067 cors": ("api/security/cors", r"same-origin"),
    "E070 json64": ("api", r"string"),
    "E071 forty": ("designs/url-shortener/estimation", r"3,858"),
    "E072 raw3tb": ("designs/url-shortener/estimation", r"9 TB"),
    "E076 md5": ("designs/url-shortener/encoding/hash", r"268,435,456|28 bits"),
    "E080 enum": ("designs/url-shortener", r"permut|shuffl|scrambl"),
    "E082 301": ("designs/url-shortener", r"302"),
    "E083 text64k": ("designs/pastebin/storage", r"object storage"),
    "E086 pipeline": ("designs/rate-limiter", r"Lua"),
    "E091 pullpush": ("designs/news-feed", r"fan-out on (?:read|write)"),
    "E095 upload": ("designs/youtube/upload-flow", r"pre-signed|presigned|signed URL|multipart"),
    "E099 2pc": ("questions/data-consistency", r"coordinator"),
    "E100 tunable": ("fundamentals/consistency-models", r"DynamoDB|Cassandra|quorum"),
    "E104 scale": ("domain/portfolio-tracker/schema", r"numeric\("),
    "E109 twr": ("domain/portfolio-tracker", r"time-weighted"),
    "E110 settle": ("domain/order-execution", r"T\+1"),
}  # fmt: skip
NEVER = {
    "E019 private address": r"192\.168\.\d+\.\d+",
    "E029 serial keys": r"^\s*\w+\s+(?:BIG)?SERIAL\b",
    "E030 MySQL dialect": r"\bAUTO_INCREMENT\b(?!\W+(?:in|is|and|as|column|of))",
    "E062 time.now": r"\btime\.now\(\)",
    "E088 power": r"\b2\s*\^\s*retry",
    "E078 base62": r"12,?345\W{1,12}(?:is|gives|becomes|→|=)\W{1,4}3D7\b",
    "E023 ten servers": r"10 servers at 100 (?:requests|req)",
}


@pytest.mark.parametrize("name", MUST)
def test_the_guide_says_what_is_right(name):
    prefix, pattern = MUST[name]
    text = " ".join(s.text for s in SECTIONS if s.id == prefix or s.id.startswith(prefix + "/"))
    assert text, f"no section {prefix}"
    assert re.search(pattern, text, re.I), f"{prefix} does not hold {pattern}"


@pytest.mark.parametrize("name", NEVER)
def test_the_guide_never_says_what_is_wrong(name):
    found = [s.id for s in SECTIONS if re.search(NEVER[name], s.text, re.M)]
    assert not found, found
