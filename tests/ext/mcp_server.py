"""A real MCP server: `python -m tests.ext.mcp_server sdk|fastmcp PORT DATABASE`, or with TOKENRY_SERVER as database."""

import os
import sys
from typing import Any

import uvicorn

from tokenry import AsyncTokenry
from tokenry.client import AsyncClient
from tokenry.ext.mcp import MCPTokenry, current_credential

RESOURCE = "https://mcp.example.com/mcp"
TOOLS = {"list_pages": "read:pages", "delete_page": ["read:pages", "write:pages"], "whoami": None}


def list_pages() -> list[str]:
    return ["home", "about"]


def delete_page(name: str) -> str:
    return f"{name} was deleted for {current_credential().owner.external_id}"


async def whoami() -> str:
    return current_credential().owner.external_id


def forgotten() -> str:
    return "no scopes are named for this one"


def server_of(kind: str) -> Any:
    if kind == "fastmcp":
        from fastmcp import FastMCP as Server
    else:
        from mcp.server import MCPServer as Server  # type: ignore[assignment]
    server = Server("pages")
    for tool in (list_pages, delete_page, whoami, forgotten):
        server.tool()(tool)
    return server


def main(kind: str, port: int, place: str) -> None:
    tk = AsyncClient(place, os.environ["TOKENRY_KEY"]) if place.startswith("http") else AsyncTokenry(place)
    auth = MCPTokenry(tk, scopes="use:mcp", tools=TOOLS, audience=RESOURCE, public=["/health"])
    uvicorn.run(auth.app(server_of(kind)), host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
