"""Make a database with the real keyshield, as its own program: it warns and reads the environment.

python of_keyshield.py DATABASE COUNT prints the keys that were made, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from argon2 import PasswordHasher
from keyshield.hasher.argon2 import Argon2ApiKeyHasher
from keyshield.hasher.bcrypt import BcryptApiKeyHasher
from keyshield.repositories.sql import SqlAlchemyApiKeyRepository
from keyshield.services.base import ApiKeyService
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

PEPPER = "a pepper of the old system"


async def make(path: str, count: int) -> dict[str, Any]:
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}")
    live: list[str] = []
    async with async_sessionmaker(engine)() as session:
        repository = SqlAlchemyApiKeyRepository(session)
        await repository.ensure_table(engine)
        hashers = [
            Argon2ApiKeyHasher(PEPPER, PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)),
            BcryptApiKeyHasher(PEPPER, rounds=4),
        ]
        services = [ApiKeyService(repo=repository, hasher=hasher) for hasher in hashers]
        later = datetime.now(UTC) + timedelta(days=30)
        for n in range(count):
            live.append((await services[n % 2].create(name=f"key {n}", scopes=["read"], expires_at=later))[1])
        _, off = await services[0].create(name="off", is_active=False)
        _, over = await services[1].create(name="over", expires_at=datetime.now(UTC) + timedelta(days=1))
        await session.commit()
    await engine.dispose()
    return {"live": live, "dead": [off], "ends": [over]}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(make(sys.argv[1], int(sys.argv[2])))))
