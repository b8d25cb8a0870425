"""Starting where something is in the way: taken ports, wrong settings, two at once, homes that cannot be written."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
import pytest
from running import ROOT, App
from test_attacks import call

from tutor.schema import Answer
from tutor.settings import PROJECT
from tutor.store import Store, new_owner

ANSWER = Answer(id="a", question="What is a CDN?", standalone_question="What is a CDN?", status="answered", text="Kept.")
WITHOUT_ROOT = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.getuid() == 0 else ()
"""Root writes anywhere; without these rights it does not."""


def started(home, *command, cwd=ROOT, before=(), stdin="", **extra):
    """A command to its end."""
    return subprocess.run(
        [*before, sys.executable, *command], cwd=cwd, capture_output=True, text=True, timeout=120, input=stdin,
        env={**os.environ, "TUTOR_HOME": str(home), "TUTOR_PORT": "0", **extra},
    )  # fmt: skip


def told(done):
    """An error told as it should be: one line, no traceback, exit code 2."""
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert done.returncode == 2 and len(lines) == 1 and not done.stdout, (done.returncode, done.stderr, done.stdout)
    return lines[0]


@pytest.fixture
def taken():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        yield held.getsockname()[1]


def test_a_taken_port_is_one_line_with_its_remedy(tmp_path, taken):
    for command in (("app.py",), ("-m", "tutor", "serve")):
        line = told(started(tmp_path / "home", *command, TUTOR_PORT=str(taken)))
        assert str(taken) in line and "TUTOR_PORT" in line


@pytest.mark.parametrize(("setting", "value"), [
    ("TUTOR_PORT", "99999"), ("TUTOR_PORT", "x"), ("TUTOR_PROT", "1"), ("TUTOR_HOST", "203.0.113.7"),
    ("TUTOR_HOST", "no such host"), ("TUTOR_HOST", "0.0.0.0"), ("TUTOR_HOST", "::"), ("TUTOR_HOST", "0"),
    ("TUTOR_PASSWORD", "short"), ("TUTOR_DATABASE_URL", "nonsense"), ("TUTOR_DATABASE_URL", "sqlite:////no/such/x.db"),
    ("TUTOR_DATABASE_URL", "postgresql+nodriver://u:hushhush@127.0.0.1:1/x"), ("TUTOR_HOME", "/dev/null/home"),
])  # fmt: skip
def test_a_wrong_setting_is_one_line_that_names_it(tmp_path, setting, value):
    home = value if setting == "TUTOR_HOME" else tmp_path
    line = told(started(home, "app.py", **{setting: value}))
    assert "TUTOR_" in line and "hushhush" not in line


def test_a_wrong_file_of_settings_is_one_line(tmp_path):
    for content in ("nonsense = 1\n", "port = \n", "llm_threads = 99999999\n", "\x00", 'home = "/tmp"\n'):
        (tmp_path / "tutor.toml").write_text(content)
        assert "tutor.toml" in (line := told(started(tmp_path, "app.py"))) or "TUTOR_LLM_THREADS" in line


def test_a_damaged_database_is_one_line_and_stays_as_it_is(tmp_path):
    (tmp_path / "tutor.db").write_bytes(b"not a database" * 400)
    told(started(tmp_path, "app.py"))
    assert (tmp_path / "tutor.db").read_bytes() == b"not a database" * 400


def test_two_apps_at_once_on_a_fresh_home_both_answer(settings, tutor, tmp_path):
    home = copied(settings.home, tmp_path / "home")
    both = [App(home, settings.corpus, tmp_path / f"{n}.log") for n in range(2)]
    pids = []
    try:
        import threading

        starts = [threading.Thread(target=one.start) for one in both]
        [start.start() for start in starts]
        [start.join() for start in starts]
        for one in both:
            pids.append(one.process.pid)
            assert httpx.get(one.url + "/healthz", trust_env=False).json()["ready"], one.log_file.read_text()
            assert "already exists" not in one.log_file.read_text()
    finally:
        for one in both:
            one.stop()
    assert len(set(pids)) == 2


def test_many_processes_make_the_tables_at_once(tmp_path):
    code = "import sys; from tutor.interview_store import InterviewStore; from tutor.store import Store; Store(sys.argv[1])"
    url = f"sqlite:///{tmp_path / 'tutor.db'}"
    made = [subprocess.Popen([sys.executable, "-c", code, url], stderr=subprocess.PIPE, text=True) for _ in range(8)]
    ends = [(one.communicate(timeout=60)[1], one.returncode) for one in made]
    assert [code for _, code in ends] == [0] * 8, ends


def copied(home: Path, to: Path) -> Path:
    """A home with the same models and index and no conversations."""
    leave = shutil.ignore_patterns("models", "tutor.db*", "*.log", "prompt-states")
    shutil.copytree(home, to, ignore=leave)
    (to / "models").symlink_to((home / "models").resolve())
    return to


def with_a_turn(home: Path, owner: str) -> None:
    """Keep a conversation, and leave the database as a process that ended."""
    store = Store(f"sqlite:///{home / 'tutor.db'}")
    store.add_turn(owner, None, ANSWER.to_json())
    store.database.engine.dispose()


@pytest.fixture(params=["read-only", "full"])
def stuck(request, settings, tutor, tmp_path):
    """A home with a conversation in it that cannot be written any more; (home, what to put before a command, owner)."""
    owner = new_owner()
    if request.param == "read-only":
        home = copied(settings.home, tmp_path / "home")
        with_a_turn(home, owner)
        folders = [path for path in (home, *home.rglob("*")) if path.is_dir() and not path.is_symlink()]
        for folder in folders:
            folder.chmod(0o500)
        yield home, WITHOUT_ROOT, owner
        for folder in folders:
            folder.chmod(0o700)
        return
    disk = Path(tempfile.mkdtemp())
    size = sum(path.stat().st_size for path in settings.home.rglob("*") if path.is_file()) + 8_000_000
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        home = copied(settings.home, disk / "home")
        with_a_turn(home, owner)
        with (disk / "filler").open("wb", buffering=0) as filler:
            try:
                while filler.write(b"x" * 4096):
                    pass
            except OSError:
                pass
        yield home, (), owner
    finally:
        subprocess.run(["umount", disk], check=True)
        disk.rmdir()


def test_where_nothing_can_be_written_the_app_answers_and_says_so(stuck, settings, tmp_path):
    home, before, owner = stuck
    app = App(home, settings.corpus, tmp_path / "app.log")
    app.start(before=before)
    try:
        with httpx.Client(base_url=app.url, timeout=60, trust_env=False) as web:
            config = web.get("/config").json()
            kinds = {c["id"]: c["type"] for c in config["components"]}
            wired = [d for d in config["dependencies"] if d["backend_fn"]]
            shapes = {(d["targets"][0][1], *(kinds[i] for i in d["inputs"]), len(d["outputs"])): d["id"] for d in wired}
            restore, ask = shapes["load", "browserstate", 6], shapes["submit", "textbox", "browserstate", 6]
            status, text = call(web, restore, [{"owner": owner}])
            assert status == 200 and "What is a CDN?" in text, text[-2000:]
            status, text = call(web, ask, ["What is a reverse proxy?", {"owner": owner}])
            assert status == 200 and "From the guide" in text, text[-2000:]
            assert "cannot be" in text, text[-3000:]
    finally:
        app.stop()
    assert "Traceback" not in app.log_file.read_text(), app.log_file.read_text()


def test_where_nothing_can_be_written_the_terminal_answers(stuck, settings):
    home, before, _ = stuck
    more = {"TUTOR_CORPUS": str(settings.corpus), "TUTOR_CHAT_MODEL": "small"}
    done = started(home, "-m", "tutor", "ask", "What is a reverse proxy?", "--json", before=before, **more)
    assert done.returncode == 0 and json.loads(done.stdout)["status"] == "answered", done.stderr
    asked = ("-m", "tutor", "ask", "What is a reverse proxy?", "--session", "s", "--no-llm", "--json")
    done = started(home, *asked, before=before, **more)
    assert done.returncode == 0 and json.loads(done.stdout)["status"] == "answered", done.stderr
    assert "cannot be" in done.stderr and "Traceback" not in done.stderr


HOSTILE = {
    "llm_base_url": '"http://127.0.0.1:1/v1"', "llm_api_key": '"sk"', "database_url": '"sqlite:////tmp/x.db"',
    "chroma_url": '"http://127.0.0.1:1"', "home": '"/tmp/x"', "host": '"0.0.0.0"', "password": '"longenough"',
    "allowed_hosts": '"evil.example"', "chat_model": '"/tmp/evil.gguf"',
}  # fmt: skip


@pytest.mark.parametrize("setting", sorted(HOSTILE))
def test_the_current_folder_sets_no_address_secret_or_code(tmp_path, setting):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "tutor.toml").write_text(f"{setting} = {HOSTILE[setting]}\n")
    line = told(started(tmp_path / "home", "-m", "tutor", "search", "x", cwd=tmp_path / "here"))
    assert setting in line and str(tmp_path / "home" / "tutor.toml") in line


def test_the_code_of_the_current_folder_is_not_run(tmp_path):
    mark = tmp_path / "ran"
    names = ("evals/__init__.py", "evals/run.py", "pip/__init__.py", "pip/__main__.py", "huggingface_hub.py")
    for name in (*names, "tutor/__init__.py"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"open({str(mark)!r}, 'a').write(__file__)\n")
    tutor = Path(sys.executable).parent / "tutor"
    script = (str(tutor),) if tutor.exists() else ("-P", "-m", "tutor")
    assert (PROJECT / "evals" / "run.py").is_file()
    for arguments in (("eval", "--help"), ("models", "pull", "small")):
        run = [*script, *arguments] if tutor.exists() else [sys.executable, *script, *arguments]
        environment = {**os.environ, "TUTOR_HOME": str(tmp_path / "home"), "PIP_INDEX_URL": "http://127.0.0.1:1/simple"}
        environment |= {"PIP_NO_INDEX": "1", "PIP_EXTRA_INDEX_URL": "", "PIP_FIND_LINKS": "", "HTTPS_PROXY": "http://127.0.0.1:1"}
        subprocess.run(run, cwd=tmp_path, capture_output=True, timeout=120, env=environment)
    assert not mark.exists(), mark.read_text()


def test_the_doctor_shows_no_password(tmp_path):
    urls = {
        "TUTOR_DATABASE_URL": "postgresql://ada:hush-1@db.example/tutor?sslmode=require&sslpassword=hush-2",
        "TUTOR_CHROMA_URL": "http://ada:hush-3@chroma.example:8000", "TUTOR_PASSWORD": "hush-4-hush",
        "TUTOR_LLM_BASE_URL": "https://hush-5@llm.example/v1?api_key=hush-6", "TUTOR_LLM_API_KEY": "hush-7",
    }  # fmt: skip
    for arguments in ((), ("--json",)):
        done = started(tmp_path, "-m", "tutor", "doctor", *arguments, **urls)
        assert "hush" not in done.stdout + done.stderr, done.stdout + done.stderr
        assert "db.example/tutor" in done.stdout and "sslmode=require" in done.stdout and "llm.example" in done.stdout
