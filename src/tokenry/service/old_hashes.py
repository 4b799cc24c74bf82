"""Testing whether a presented key has the hash that another system has stored of it."""

from __future__ import annotations

import hashlib
import hmac

from tokenry.core.hashes import BCRYPT_BYTES, FAST, PBKDF2, SCRYPT_BYTES_MAX, Recipe


def matches(recipe: Recipe, text: str) -> bool:
    """Tell whether a presented key has a hash. Takes as long as the scheme takes."""
    secret = _peppered(recipe, text[recipe.skip :].encode("utf-8", "surrogatepass"))
    if recipe.scheme == "bcrypt":
        return _matches_bcrypt(recipe, secret)
    if recipe.scheme == "argon2id":
        return _matches_argon2(recipe, secret)
    return hmac.compare_digest(_digest(recipe, secret), recipe.digest)


def _peppered(recipe: Recipe, secret: bytes) -> bytes:
    use = recipe.pepper_use
    if use == "before":
        return recipe.pepper + secret
    if use == "after":
        return secret + recipe.pepper
    if use == "hmac-sha256-bytes":
        return hmac.digest(recipe.pepper, secret, "sha256")
    return hmac.new(recipe.pepper, secret, use.removeprefix("hmac-")).hexdigest().encode() if use else secret


def _digest(recipe: Recipe, secret: bytes) -> bytes:
    scheme, salt, numbers = recipe.scheme, recipe.salt, recipe.numbers
    if scheme in FAST:
        return hashlib.new(FAST[scheme], secret + salt if recipe.salt_last else salt + secret).digest()
    if scheme == "hmac-sha256":
        return hmac.digest(salt, secret, "sha256")
    if scheme == "scrypt":
        n, r, p = numbers
        return hashlib.scrypt(secret, salt=salt, n=n, r=r, p=p, maxmem=2 * SCRYPT_BYTES_MAX, dklen=len(recipe.digest))
    return hashlib.pbkdf2_hmac(PBKDF2[scheme], secret, salt, numbers[0], len(recipe.digest))


def _matches_bcrypt(recipe: Recipe, secret: bytes) -> bool:
    import bcrypt

    if len(secret) > BCRYPT_BYTES:
        if not recipe.numbers[0]:
            return False
        secret = secret[:BCRYPT_BYTES]
    try:
        return bcrypt.checkpw(secret, recipe.digest)
    except ValueError:  # such as for a NUL byte
        return False


def _matches_argon2(recipe: Recipe, secret: bytes) -> bool:
    from argon2.exceptions import Argon2Error
    from argon2.low_level import Type, verify_secret

    try:
        return verify_secret(recipe.digest, secret, Type.ID)
    except Argon2Error:
        return False
