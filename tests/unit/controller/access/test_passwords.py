"""What is too weak to be a password, and how one is kept."""

from __future__ import annotations

import pytest

from controller.access.passwords import (
    NOBODY_HASH,
    WeakPassword,
    check_strength,
    hash_password,
    random_password,
    verify_password,
)


@pytest.mark.parametrize(
    "password",
    [
        "",
        "short1!",
        "aaaaaaaaaaaaaaaa",
        "abababababababab",
        "password1234!",
        "Passw0rd!!!!!",
        "abcdefghijklmnop",
        "onlylower",
        "12345678901234",
        "Li.Na-is-great",
        "x" * 300,
    ],
)
def test_a_weak_password_is_refused(password: str) -> None:
    with pytest.raises(WeakPassword):
        check_strength(password, "li.na")


@pytest.mark.parametrize(
    "password", ["Tr0ub4dor", "correct horse battery", "云巡值班室的密码本-2026"]
)
def test_a_fair_password_is_taken(password: str) -> None:
    check_strength(password, "li.na")


def test_a_random_password_is_strong_and_never_the_same() -> None:
    made = {random_password() for _ in range(50)}
    assert len(made) == 50
    for password in made:
        check_strength(password, "admin")


def test_a_password_is_kept_as_argon2id_and_only_the_right_one_fits() -> None:
    kept = hash_password("Tr0ub4dor")
    assert kept.startswith("$argon2id$")
    assert verify_password(kept, "Tr0ub4dor")
    assert not verify_password(kept, "Tr0ub4dor ")
    assert not verify_password("not a hash", "Tr0ub4dor")
    assert not verify_password(kept, "x" * 100_000)


def test_the_hash_of_nobody_costs_what_a_real_one_costs() -> None:
    assert NOBODY_HASH.split("$")[:4] == hash_password("Tr0ub4dor").split("$")[:4]
    assert not verify_password(NOBODY_HASH, "")
