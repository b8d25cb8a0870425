"""What the machine computes with, from what systems say of it, and what is said of a speed."""

import time

import pytest

from tutor import hardware
from tutor.hardware import NEEDS, Processor, Speed, from_cpuinfo, from_sysctl, instructions

LAPTOP = """processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 142
model name\t: Intel(R) Core(TM) i5-8250U CPU @ 1.60GHz
flags\t\t: fpu vme sse4_2 avx f16c fma avx2 bmi2
bogomips\t: 3600.00

processor\t: 1
model name\t: another
flags\t\t: fpu
"""
SERVER = """processor\t: 0
cpu family\t: 6
model\t\t: 207
model name\t: Intel(R) Xeon(R) Processor
flags\t\t: fma avx2 avx512f avx512bw avx_vnni avx512_bf16 avx512_vnni amx_bf16 amx_tile amx_int8
"""
PI = """processor\t: 0
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm crc32 cpuid asimddp
CPU implementer\t: 0x41
CPU part\t: 0xd0b
"""
APPLE = """machdep.cpu.brand_string: Apple M2
hw.optional.neon: 1
hw.optional.arm.FEAT_DotProd: 1
hw.optional.arm.FEAT_I8MM: 0
"""
INTEL_MAC = """machdep.cpu.brand_string: Intel(R) Core(TM) i7
machdep.cpu.features: FPU VME FMA SSE4.2 AVX1.0
machdep.cpu.leaf7_features: RDWRFSGS AVX2 BMI2
"""


@pytest.mark.parametrize(
    ("text", "model", "kind", "names"),
    [
        (LAPTOP, "Intel(R) Core(TM) i5-8250U CPU @ 1.60GHz (family 6, model 142)", "AVX2", ("avx2", "fma")),
        (
            SERVER, "Intel(R) Xeon(R) Processor (family 6, model 207)", "AVX-512",
            ("avx2", "fma", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16"),
        ),
        (PI, "ARM (implementer 0x41, part 0xd0b)", "NEON", ("asimd", "asimddp")),
        ("", "unknown processor", "other", ()),
    ],
)  # fmt: skip
def test_linux_names_the_first_processor_and_its_instruction_sets(text, model, kind, names):
    said, listed = from_cpuinfo(text)
    kept, hidden = instructions(listed, {})
    assert (said, kept, hidden) == (model, names, ())
    assert Processor(said, 2, kept).kind == kind


@pytest.mark.parametrize(
    ("text", "model", "names"),
    [(APPLE, "Apple M2", ("asimd", "asimddp")), (INTEL_MAC, "Intel(R) Core(TM) i7", ("avx2", "fma")),
     ("", "unknown processor", ())],
)  # fmt: skip
def test_macos_names_it_through_sysctl(text, model, names):
    said, listed = from_sysctl(text)
    assert (said, instructions(listed, {})[0]) == (model, names)


def test_what_the_process_lacks_is_not_counted_though_the_kernel_lists_it():
    listed = from_cpuinfo(SERVER)[1]
    kept, hidden = instructions(listed, {"AVX2": True, "FMA3": True, "AVX512F": False, "AVX512VNNI": False})
    assert kept == ("avx2", "fma")
    assert set(hidden) == {"avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16"}
    assert Processor("Xeon", 2, kept, hidden).kind == "AVX2"
    assert "hidden from this process: avx_vnni" in str(Processor("Xeon", 2, kept, hidden))


def test_a_system_that_lists_nothing_is_described_by_what_numpy_finds():
    assert instructions(None, {"AVX2": True, "FMA3": True, "AVX512F": False}) == (("avx2", "fma"), ())
    assert instructions(None, {}) == ((), ())


def test_this_machine_is_described():
    here = hardware.processor()
    assert here.model and here.cores >= 1 and here.kind in {"AVX-512", "AVX2", "NEON", "other"}
    assert here.to_json()["kind"] == here.kind and f"{here.cores} core" in str(here)


@pytest.mark.parametrize(
    ("name", "value", "enough", "words"),
    [
        ("verify", 26.0, True, "fast enough"),
        ("verify", 1530.0, False, "slow: answers will take about 18.0 s longer"),
        ("embed", 15.5, False, "slow: answers will take about 0.1 s longer"),
        ("prefill", 75.0, True, "fast enough"),
        ("prefill", 20.0, False, "slow: answers will take about 11.7 s longer"),
        ("prefill", None, None, "not measured: the model is not there"),
    ],
)
def test_a_speed_comes_with_a_plain_word(name, value, enough, words):
    speed = Speed(name, value, "the model is not there")
    assert (speed.enough, speed.verdict) == (enough, words)
    assert speed.to_json()["needed"] == NEEDS[name].value


def test_speeds_are_those_of_what_is_handed_in_and_no_text_comes_twice():
    seen = []

    def embed(texts):
        seen.extend(texts)
        time.sleep(0.004)

    assert 4 <= hardware.embedding_ms(embed, times=6) < 40
    assert len(set(seen)) == len(seen) == 7

    def read(pairs):
        seen.extend(pairs)
        time.sleep(0.003)

    assert 3 <= hardware.pair_ms(read, times=5) < 40
    assert len(set(seen)) == len(seen) == 13
    assert {len(f"{a} {b}".split()) + 3 for a, b in seen[7:]} == {hardware.PAIR_TOKENS}


def test_the_chat_model_s_speed_is_that_of_the_tokens_beyond_a_short_prompt():
    assert 300 < hardware.prefill_tokens_s(lambda text: time.sleep(0.05 + len(text.split()) / 1000)) <= 1010


def test_a_slow_chat_model_reads_less(monkeypatch):
    monkeypatch.setattr(hardware, "BUDGET_MS", 40)
    read = []
    hardware.prefill_tokens_s(lambda text: read.append(len(text.split())) or time.sleep(0.03))
    assert read[-1] == 8 + hardware.PREFILL_TOKENS // 3


def test_a_model_that_is_far_too_slow_is_timed_only_twice(monkeypatch):
    monkeypatch.setattr(hardware, "BUDGET_MS", 10)
    calls = []
    hardware.pair_ms(lambda pairs: calls.append(time.sleep(0.02)), times=10)
    assert len(calls) == 3
