"""How a server is reached: TLS, a unix socket, and clients that are slow on purpose."""

import datetime
import http.client
import json
import re
import signal
import socket
import ssl
import subprocess
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.deploy.proxies import program
from tests.servers.serving import serving
from tests.servers.waiting import until
from tokenry.api.process.checks import check, fits
from tokenry.api.process.listening import listen
from tokenry.api.process.settings import ServerSettings
from tokenry.config import load
from tokenry.installation import Installation
from tokenry.types import ConfigError, Settings


def certificate(directory: Path, name: str, *, days: int = 1) -> tuple[Path, Path]:
    """Write a self-signed certificate for 127.0.0.1 and its key; with negative `days` it has expired."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=9))
        .not_valid_after(now + datetime.timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    chain, private = directory / "tls.pem", directory / "tls.key"
    chain.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    private.chmod(0o600)
    return chain, private


def peer_name(port: int) -> str:
    """Speak TLS and return the name on the certificate that the server shows."""
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), 60) as plain, trusting.wrap_socket(plain) as connection:
        connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert connection.recv(15) == b"HTTP/1.1 200 OK"
        shown = x509.load_der_x509_certificate(connection.getpeercert(True) or b"")
        return str(shown.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def test_tls_is_spoken_and_a_renewed_certificate_is_taken_over(tmp_path: Path) -> None:
    chain, key = certificate(tmp_path, "first")
    (other_place := tmp_path / "other").mkdir()
    with serving(tmp_path, "--tls-certificate", str(chain), "--tls-key", str(key)) as server:
        assert server.url.startswith("https://127.0.0.1:")
        assert peer_name(server.port) == "first"
        other, _ = certificate(other_place, "of another key")
        trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        kept = http.client.HTTPSConnection("127.0.0.1", server.port, context=trusting)
        kept.request("GET", "/healthz")
        assert kept.getresponse().read()
        first = key.read_bytes()
        for count, (broken, its_key) in enumerate(
            ((b"no certificate", first), (other.read_bytes(), first), (chain.read_bytes(), b"no key"), (b"", b"")), 1
        ):
            chain.write_bytes(broken)
            key.write_bytes(its_key)
            server.process.send_signal(signal.SIGHUP)
            until(lambda count=count: server.err.count("the old one stays") >= count)  # type: ignore[misc]
            assert peer_name(server.port) == "first"
        certificate(tmp_path, "expired", days=-1)
        server.process.send_signal(signal.SIGHUP)
        until(lambda: "the certificate expired at" in server.err)
        assert peer_name(server.port) == "first"
        certificate(tmp_path, "second")
        server.process.send_signal(signal.SIGHUP)
        until(lambda: "certificate renewed" in server.err)
        assert peer_name(server.port) == "second"
        kept.request("GET", "/healthz")
        assert kept.getresponse().read(), "a connection from before goes on"
        kept.close()
        assert server.end() == 0


def test_an_encrypted_private_key_is_named_and_never_asked_about(tmp_path: Path) -> None:
    chain, key = certificate(tmp_path, "first")
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    locked = serialization.BestAvailableEncryption(b"a password")
    key.write_bytes(private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked))
    installation = Installation(f"sqlite:///{tmp_path / 'keys.db'}", None, Settings())
    with pytest.raises(ConfigError, match=r"TLS cannot be spoken with .*tls\.key: the key is encrypted"):
        fits(installation, ServerSettings(tls_certificate=chain, tls_key=key))


def test_it_listens_on_a_unix_socket_and_replaces_one_that_was_left_over(tmp_path: Path) -> None:
    place = tmp_path / "socket"
    for how in (signal.SIGKILL, signal.SIGTERM):
        with serving(tmp_path, "--unix-socket", str(place)) as server:
            assert server.url == f"unix:{place}"
            assert place.stat().st_mode & 0o777 == 0o660
            line = re.search(r"curl .*", server.out)
            assert line is not None
            done = subprocess.run(["sh", "-c", line[0]], capture_output=True, text=True, check=True)
            assert '"first operator key"' in done.stdout
            server.end(how)


def test_an_expired_certificate_is_found_before_the_start(tmp_path: Path) -> None:
    chain, key = certificate(tmp_path, "first", days=-1)
    found = check(load({}), ServerSettings(tls_certificate=chain, tls_key=key), {})
    assert ["tls_certificate: the certificate expired" in str(finding) for finding in found] == [True]


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_socket_that_somebody_may_use_is_never_taken_away(tmp_path: Path, kind: socket.SocketKind) -> None:
    place = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX, kind) as owner, socket.socket(socket.AF_UNIX) as client:
        owner.bind(str(place))
        if kind == socket.SOCK_STREAM:
            owner.listen(0)
            client.connect(str(place))  # its queue is full now
        with pytest.raises(ConfigError, match=r"cannot listen|another server"):
            listen(ServerSettings(unix_socket=place))
        assert place.is_socket()
    first = listen(ServerSettings(unix_socket=place))  # which replaces what nobody listens on
    with pytest.raises(ConfigError, match="another server listens"):
        listen(ServerSettings(unix_socket=place))  # before the first has served anything
    first[0].close()


def test_over_a_unix_socket_only_a_trusted_proxy_says_where_a_request_comes_from(tmp_path: Path) -> None:
    place, forwarded = tmp_path / "socket", {"X-Forwarded-For": "203.0.113.5"}
    with serving(tmp_path) as server:
        secret = server.issue("k", allowed_ips=["203.0.113.0/24", "127.0.0.1"])
    for trusted, status in (("", 403), ("unix", 200)):
        with serving(tmp_path, "--unix-socket", str(place), TOKENRY_TRUSTED_PROXIES=trusted):
            for fields, expected in (({}, 403), (forwarded, status)):
                connection = http.client.HTTPConnection("localhost")
                connection.sock = socket.socket(socket.AF_UNIX)
                connection.sock.connect(str(place))
                connection.request("GET", "/v1/auth", headers={"Authorization": f"Bearer {secret}", **fields})
                assert connection.getresponse().status == expected
                connection.close()


def test_slow_clients_do_not_hurt_others(tmp_path: Path) -> None:
    attack = [program("slowhttptest"), "-H", "-c", "300", "-i", "1", "-r", "300", "-l", "2", "-x", "8"]
    log = tmp_path / "attack"
    with serving(tmp_path, TOKENRY_ACCESS_LOG_SHARE="0") as server, log.open("wb") as out:
        secret, times = server.issue("k"), []
        body = json.dumps({"credential": secret})
        fields = {"Authorization": f"Bearer {server.operator_key}", "Content-Type": "application/json"}
        attacker = subprocess.Popen([*attack, "-u", f"{server.url}/v1/verify"], cwd=tmp_path, stdout=out, stderr=out)
        while attacker.poll() is None:
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
            began = time.perf_counter()
            connection.request("POST", "/v1/verify", body, fields)
            assert json.loads(connection.getresponse().read())["valid"]
            times.append(time.perf_counter() - began)
            connection.close()
    assert "connected" in log.read_text()
    assert len(times) > 20
    assert sorted(times)[int(len(times) * 0.95)] < 0.25
