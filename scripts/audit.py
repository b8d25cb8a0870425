"""Look every pinned package up in a database of known vulnerabilities; run by `make audit`.

Fails where one is found. Where no database can be reached it says so and does not fail: "not found" would read as "none".
Does not know how pip-audit asks.
"""

import json
import subprocess
import sys

SERVICES = ("pypi", "osv")


def main() -> int:
    """Exit code: 1 where a vulnerability is known."""
    for service in SERVICES:
        found = audited(service)
        if not found:
            print(f"audit: {service} gave no answer")
            continue
        known = [entry for entry in found if entry["vulns"]]
        for entry in known:
            for vuln in entry["vulns"]:
                mended = ", ".join(vuln["fix_versions"]) or "nothing yet"
                print(f"audit: {entry['name']} {entry['version']} has {vuln['id']}; mended in {mended}")
        print(f"audit: {len(found)} packages looked up at {service}, {len(known)} with known vulnerabilities")
        return 1 if known else 0
    print("audit: NOT CHECKED, no database of vulnerabilities can be reached from here")
    return 0


def audited(service: str) -> list[dict]:
    """The packages that a database knows; it answers for each or is not asked at all (a mirror says 404 to everything)."""
    command = [
        sys.executable, "-m", "pip_audit", "-r", "requirements.lock", "--no-deps", "--disable-pip", "-s", service,
        "-f", "json", "--progress-spinner", "off", "--timeout", "15",
    ]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        held = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, subprocess.TimeoutExpired):
        return []
    known = [entry for entry in held if "skip_reason" not in entry]
    return known if len(known) > len(held) / 2 else []


if __name__ == "__main__":
    sys.exit(main())
