"""Clients that never rest, and keep account of what they were answered."""

import http.client
import threading

CLIENTS = 8


class Load:
    """Clients that send one request after another until nobody takes a connection any more.

    A request has failed when it was sent and got no whole answer, or one of 500 and above. That a connection is refused
    or that the server closes one between two requests, having said so or not having read a byte, is no failure.
    """

    def __init__(self, port: int, method: str, path: str, fields: dict[str, str], body: str, *, keeps: bool) -> None:
        self.answered = 0
        self.failures: list[str] = []
        self._request = (method, path, body, fields)
        self._port, self._keeps = port, keeps
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join(15)
            assert not thread.is_alive()

    def _run(self) -> None:
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
            try:
                connection.connect()
            except OSError:
                return
            try:
                while self._ask(connection):
                    pass
            finally:
                connection.close()

    def _ask(self, connection: http.client.HTTPConnection) -> bool:
        method, path, body, fields = self._request
        try:
            connection.request(method, path, body, fields)
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException) as error:
            with self._lock:
                self.failures.append(repr(error))
            return False
        with self._lock:
            self.answered += 1
            if response.status >= 400:
                self.failures.append(str(response.status))
        return self._keeps and not response.will_close
