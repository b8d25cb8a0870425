"""Install torch without its GPU packages: from PyTorch's CPU wheels where they can be reached.

Does not know anything else that is installed.
"""

import platform
import subprocess
import sys
import urllib.error
import urllib.request

CPU_WHEELS = "https://download.pytorch.org/whl/cpu"


def reachable(url: str) -> bool:
    """Whether the address answers within three seconds."""
    try:
        with urllib.request.urlopen(url + "/", timeout=3):
            return True
    except (urllib.error.URLError, OSError, ValueError):
        return False


if __name__ == "__main__":
    wanted = [sys.executable, "-m", "pip", "install", "-q", "-c", "requirements.lock", sys.argv[1]]
    if platform.system() == "Linux" and reachable(CPU_WHEELS):
        raise SystemExit(subprocess.call([*wanted, "--extra-index-url", CPU_WHEELS]))
    raise SystemExit(subprocess.call(wanted))
