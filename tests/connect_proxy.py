"""A forward proxy on loopback, as networks without a way out of their own have it: CONNECT, for names it knows.

with ConnectProxy({"media.test:443": server.port}) as proxy:
    ...
    assert proxy.asked == ["media.test:443"]
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping
from socketserver import StreamRequestHandler, ThreadingTCPServer

from testing.loopback import Loopback


class ConnectProxy(Loopback):
    """The proxy; `ways` lead from `host:port` to a port on loopback, everything else is refused with 403."""

    def __init__(self, ways: Mapping[str, int], login: str | None = None) -> None:
        self.ways = ways
        self.login = login
        self.asked: list[str] = []
        proxy = self

        class Handler(StreamRequestHandler):
            def handle(self) -> None:
                method, place, _ = self.rfile.readline().decode().split()
                headers = dict(
                    line.decode().strip().lower().split(": ", 1) for line in iter(self.rfile.readline, b"\r\n")
                )
                proxy.asked.append(place if method == "CONNECT" else f"{method} {place}")
                if proxy.login and headers.get("proxy-authorization") != proxy.login.lower():
                    self.wfile.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
                elif place not in proxy.ways:
                    self.wfile.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
                else:
                    self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    with socket.create_connection(("127.0.0.1", proxy.ways[place])) as onward:
                        back = threading.Thread(target=_pass_on, args=(onward, self.connection), daemon=True)
                        back.start()
                        _pass_on(self.connection, onward)
                        back.join()

        self._server: ThreadingTCPServer = ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # one of the two is gone, and with it what was to be said
