"""A client of a Tokenry server with the names, the answers and the errors of the library.

from tokenry.client import Client

with Client("https://tokenry.example.com", key) as tk:
    verdict = tk.verify(presented, scopes=["read:projects"], ip=address)
"""

from .aio import AsyncClient
from .sync import Client

__all__ = ["AsyncClient", "Client"]
