"""The challenge to a refused client: send a key, or get a token by OAuth (RFC 6750, RFC 9728)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from tokenry.edge import encode
from tokenry.edge.problems import Problem
from tokenry.types import ConfigError, shown

_METADATA = "/.well-known/oauth-protected-resource"
_KEY_CHALLENGE = 'ApiKey realm="mcp"'


class Challenges:
    """The value of `WWW-Authenticate` for each refusal, and the protected-resource metadata."""

    def __init__(
        self, resource: str | None, servers: tuple[str, ...], challenge: str | None, scopes: tuple[str, ...]
    ) -> None:
        """Take the settings of `MCPTokenry`; raise ConfigError for those that contradict each other."""
        if challenge is not None and not (challenge.isascii() and challenge.isprintable() and challenge):
            raise ConfigError(f"challenge: {shown(challenge)} cannot be the value of WWW-Authenticate")
        for url in (*servers, *([resource] if resource is not None else [])):
            parts = urlsplit(url)
            if parts.scheme not in ("https", "http") or not parts.netloc or parts.query or parts.fragment or '"' in url:
                raise ConfigError(f"{shown(url)} must be a URL such as https://mcp.example.com/mcp")
        if servers and resource is None:
            raise ConfigError("authorization_servers need resource=, the URL of the MCP endpoint that clients use")
        self.metadata: bytes | None = None
        self.path: str | None = None
        self._url = ""
        self._challenge = challenge
        if servers and resource is not None:
            parts = urlsplit(resource)
            self.path = _METADATA + parts.path.rstrip("/")
            self._url = f"{parts.scheme}://{parts.netloc}{self.path}"
            document: dict[str, Any] = {"resource": resource, "authorization_servers": servers}
            if scopes:
                document["scopes_supported"] = scopes
            self.metadata = encode({**document, "bearer_methods_supported": ["header"]})

    def put_on(self, problem: Problem, scopes: tuple[str, ...]) -> Problem:
        """Return a refusal with the challenge that its client understands."""
        value = self._value(problem, scopes)
        fields = [(name, text) for name, text in problem.headers if name != "WWW-Authenticate"]
        return problem._replace(headers=(*fields, *([("WWW-Authenticate", value)] if value else [])))

    def _value(self, problem: Problem, scopes: tuple[str, ...]) -> str | None:
        wants_scope = problem.code == "insufficient_scope"
        if problem.status != 401 and not (wants_scope and self.metadata):
            return None
        if self._challenge is not None:
            return self._challenge
        if self.metadata is None:
            return _KEY_CHALLENGE
        parts = [f'resource_metadata="{self._url}"']
        if problem.code != "credential_missing":
            parts.insert(0, 'error="insufficient_scope"' if wants_scope else 'error="invalid_token"')
        if scopes:
            parts.append(f'scope="{" ".join(scopes)}"')
        return "Bearer " + ", ".join(parts)
