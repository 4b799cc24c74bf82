"""A TCP proxy before PostgreSQL's socket that swallows bytes, cuts connections, or waits before it sends."""

import os
import select
import socket
import threading
from pathlib import Path

_TURN_SECONDS = 0.02


class Proxy:
    """Passes everything on, unless a fault is on. Its thread ends with `close`."""

    def __init__(self, target: Path, *, quick: bool = True) -> None:
        self.hole = False
        """Nothing passes, and the kernel acknowledges what is sent."""
        self.half = False
        """What the server sends does not arrive."""
        self._target = str(target)
        self._quick = quick
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._peers: dict[socket.socket, socket.socket] = {}
        self._servers: set[socket.socket] = set()
        self._wakes, self._wake = os.pipe()
        self._cutting = self._ending = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def cut(self) -> None:
        """Break all connections."""
        self._cutting = True
        os.write(self._wake, b".")

    def close(self) -> None:
        self._ending = True
        os.write(self._wake, b".")
        self._thread.join()
        for one in [self._listener, *self._peers]:
            one.close()
        os.close(self._wake)
        os.close(self._wakes)

    def _run(self) -> None:
        while not self._ending:
            waiting = [self._wakes, *self._open()]
            ready = select.select(waiting, [], [], _TURN_SECONDS)[0]
            if self._wakes in ready:
                os.read(self._wakes, 100)
            if self._cutting:
                self._cutting = False
                for one in list(self._peers):
                    self._part(one)
                continue
            for one in ready:
                if one is self._listener:
                    self._accept()
                elif one in self._peers:
                    self._pass(one)

    def _open(self) -> list[socket.socket]:
        if self.hole:
            return []
        return [self._listener, *(one for one in self._peers if not (self.half and one in self._servers))]

    def _accept(self) -> None:
        client, server = self._listener.accept()[0], socket.socket(socket.AF_UNIX)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, self._quick)
        try:
            server.connect(self._target)
        except OSError:
            client.close()
            server.close()
            return
        self._peers |= {client: server, server: client}
        self._servers.add(server)

    def _pass(self, one: socket.socket) -> None:
        try:
            data = one.recv(65536)
            if data:
                self._peers[one].sendall(data)
        except OSError:
            data = b""
        if not data:
            self._part(one)

    def _part(self, one: socket.socket) -> None:
        other = self._peers.pop(one, None)
        if other is not None:
            self._peers.pop(other, None)
            self._servers -= {one, other}
            one.close()
            other.close()
