"""Where the app listens, and which names it answers to.

Does not know what is served, or to whom.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable

from tutor.errors import ConfigError
from tutor.settings import Settings


def listen(settings: Settings) -> socket.socket:
    """A socket at the address of the settings.

    Raises:
        ConfigError: the address cannot be used, or others could reach it and there is no password.
    """
    port = f"{settings.host}:{settings.port}"
    try:
        found = socket.getaddrinfo(
            settings.host or None, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, _, _, _, address = found[0]
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"{port} is no address of this machine.", "Correct TUTOR_HOST.") from error
    if not is_loopback(str(address[0])) and not settings.password.get_secret_value():
        raise ConfigError(
            f"At TUTOR_HOST={settings.host} others on the network can reach Tutor, and no password is set.",
            "Set TUTOR_PASSWORD, or leave TUTOR_HOST at 127.0.0.1.",
        )
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"{port} cannot be used: {error.strerror}.", "Set TUTOR_PORT to another port; 0 picks a free one."
        ) from error
    return listener


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach an address."""
    parsed = literal(address)
    return parsed is not None and parsed.is_loopback


def literal(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An address written in digits; an IPv4 address within IPv6 is that IPv4 address."""
    try:
        parsed = ipaddress.ip_address(text.split("%")[0])
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed


def printed(listener: socket.socket) -> str:
    """The address to open: where every address of the machine is listened at, the one that others reach."""
    bound, port = listener.getsockname()[:2]
    parsed = literal(bound)
    if parsed is not None and parsed.is_unspecified:
        bound = outward(listener.family) or ("::1" if parsed.version == 6 else "127.0.0.1")
    return f"http://[{bound}]:{port}" if ":" in bound else f"http://{bound}:{port}"


def outward(family: int) -> str:
    """This machine's address in its network; nothing is sent to find it."""
    target = "2001:db8::1" if family == socket.AF_INET6 else "192.0.2.1"
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((target, 9))
        except OSError:
            return ""
        return str(probe.getsockname()[0])


class Names:
    """Which `Host` headers are answered: a page of another name that points here is not ours.

    `bound` is the address listened at, `extra` are further names of the settings.
    """

    def __init__(self, bound: str, extra: Iterable[str]) -> None:
        self.only_here = is_loopback(bound)
        self.extra = {name.strip().lower() for name in extra if name.strip()}

    def answers(self, host: str, server: str, client: str) -> bool:
        """Whether a request for `host`, come from `client` to the address `server`, is meant for this app."""
        name = name_of(host)
        if name in self.extra:
            return True
        if name == "localhost":
            return self.only_here or is_loopback(client)
        asked = literal(name)
        if asked is None:
            return False
        return asked == literal(server) or (self.only_here and asked.is_loopback)


def name_of(host: str) -> str:
    """The name in a `Host` header, without its port."""
    if host.startswith("["):
        return host[1:].split("]")[0].lower()
    return host.rsplit(":", 1)[0].lower() if host.count(":") == 1 else host.lower()
