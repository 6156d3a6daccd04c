"""Passwords: argon2id, and what is too weak to be one."""

from __future__ import annotations

import re
import secrets
from itertools import pairwise

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

LEAST = 8
LONG = 12
"""From this length on, any mix of characters will do."""
MOST = 256
"""Longer input only costs time."""

# OWASP's argon2id figures, one step up: 32 MiB, 3 passes, about 60 ms on one core.
_HASHER = PasswordHasher(time_cost=3, memory_cost=32 * 1024, parallelism=1)

_COMMON = frozenset(
    (
        "password",
        "passw0rd",
        "p@ssw0rd",
        "p@ssword",
        "admin",
        "administrator",
        "root",
        "changeme",
        "welcome",
        "letmein",
        "qwerty",
        "qwertyuiop",
        "asdfghjkl",
        "zxcvbnm",
        "iloveyou",
        "monkey",
        "dragon",
        "secret",
        "yunxun",
        "abc",
        "abcd",
        "abcde",
        "test",
        "demo",
        "guest",
        "user",
        "default",
        "system",
        "huawei",
        "h3c",
        "zte",
        "cisco",
        "aliyun",
        "woaini",
        "mima",
        "1q2w3e4r",
        "1qaz2wsx",
        "qazwsx",
        "zaq1",
    )
)


class WeakPassword(ValueError):
    """The password would be guessed; the text says what is missing."""


def check_strength(password: str, username: str = "") -> None:
    """Raises WeakPassword."""
    if len(password) < LEAST:
        raise WeakPassword(f"a password needs at least {LEAST} characters")
    if len(password) > MOST:
        raise WeakPassword(f"a password has at most {MOST} characters")
    if len(set(password)) < 5:
        raise WeakPassword("a password needs at least 5 different characters")
    classes = sum(
        bool(re.search(kind, password)) for kind in ("[a-z]", "[A-Z]", "[0-9]", "[^a-zA-Z0-9]")
    )
    if len(password) < LONG and classes < 3:
        raise WeakPassword(
            f"below {LONG} characters a password mixes three of: lower case, upper case, "
            "digits, other characters"
        )
    lower = password.lower()
    if len(username) >= 3 and username.lower() in lower:
        raise WeakPassword("a password must not contain the user name")
    # "Password123!" is the word and a tail that everybody adds.
    if lower in _COMMON or lower.rstrip("0123456789!@#$%^&*()_+-=.?") in _COMMON or _is_run(lower):
        raise WeakPassword("this password is among the first that are tried")


def _is_run(text: str) -> bool:
    """Whether the text is one run such as 123456789012 or abcdefghijkl."""
    steps = {ord(after) - ord(before) for before, after in pairwise(text)}
    return steps <= {1, -9} or steps <= {-1, 9}


def random_password() -> str:
    """16 characters, about 93 bits, without those that are mistaken for each other."""
    alphabet = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
    while True:
        password = "".join(secrets.choice(alphabet) for _ in range(16))
        if any(c.islower() for c in password) and any(c.isupper() for c in password):
            return password


def hash_password(password: str) -> str:
    return _HASHER.hash(password)


def verify_password(password_hash: str, password: str) -> bool:
    """Takes about the same time whether it fits or not."""
    if len(password) > MOST:
        return False
    try:
        return _HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


# Of a random password nobody knows: an unknown user name costs the same time as a known one.
NOBODY_HASH = (
    "$argon2id$v=19$m=32768,t=3,p=1$yGNJx5Ir9Wc8a74uwq+"
    "ZdA$5LxYPjnuEoXpUuAmZzn6hpHvWDotXYIjG2pX04LuHII"
)
