"""The key in a file and in a keyring: who may read it, and what is said when it cannot be used."""

from __future__ import annotations

from pathlib import Path

import keyring
import pytest
from keyring.backends.fail import Keyring as NoKeyring
from pydantic import SecretStr

from nexla_mcp.service_key import (
    KeyProblemError,
    find_key,
    read_key_file,
    read_keyring,
    remove_from_keyring,
    store_in_keyring,
    write_key_file,
)
from nexla_mcp.settings import Settings
from tests.memory_keyring import MemoryKeyring

URL = "https://prod.nexla.example/nexla-api"


def test_a_file_of_its_owner_is_read_without_its_line_end(tmp_path: Path) -> None:
    path = tmp_path / "key"
    write_key_file(path, "sk-1")
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_key_file(path) == "sk-1"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666, 0o620])
def test_a_file_that_others_can_reach_is_refused_with_the_command_that_closes_it(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key"
    path.write_text("sk-secret")
    path.chmod(mode)
    with pytest.raises(KeyProblemError, match=f"chmod 600 {path}") as error:
        read_key_file(path)
    assert "sk-secret" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"a\nb\n", "as one line"),
        (b"\xff\xfe\x00", "as one line"),
        (b"k" * 70_000, "as one line"),
    ],
)
def test_a_file_that_holds_no_key_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyProblemError, match=said):
        read_key_file(path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyProblemError, match="cannot be read"):
        read_key_file(tmp_path / "none")
    with pytest.raises(KeyProblemError, match="no plain file"):
        read_key_file(tmp_path)


def test_a_stored_key_is_found_for_its_address_alone(memory: MemoryKeyring) -> None:
    store_in_keyring("prod", URL, "sk-1")
    assert read_keyring("prod", URL) == "sk-1"
    assert read_keyring("prod", "https://elsewhere.example/nexla-api") is None
    settings = Settings(key_store="keyring", instance="prod", api_url="https://elsewhere.example/nexla-api")
    with pytest.raises(KeyProblemError, match="nexla-mcp login --instance prod"):
        find_key(settings)
    assert remove_from_keyring("prod", URL)
    assert not remove_from_keyring("prod", URL)


def test_where_the_key_came_from_is_said_and_the_key_is_not(memory: MemoryKeyring, tmp_path: Path) -> None:
    store_in_keyring("prod", URL, "sk-keyring")
    write_key_file(tmp_path / "key", "sk-file")
    places = {
        "NEXLA_SERVICE_KEY": Settings(service_key=SecretStr("sk-value"), service_key_file=tmp_path / "key"),
        str(tmp_path / "key"): Settings(service_key_file=tmp_path / "key", access_token=SecretStr("at-secret")),
        "NEXLA_ACCESS_TOKEN": Settings(access_token=SecretStr("at-secret"), key_store="keyring", instance="prod", api_url=URL),
        "keyring, instance prod": Settings(key_store="keyring", instance="prod", api_url=URL),
    }
    for where, settings in places.items():
        found = find_key(settings)
        assert found is not None
        assert found.where == where
        assert found.secret not in repr(found)
    assert find_key(Settings()) is None


def test_without_a_keyring_the_way_out_is_a_file() -> None:
    before = keyring.get_keyring()
    keyring.set_keyring(NoKeyring())
    try:
        for ask in (
            lambda: read_keyring("a", URL),
            lambda: store_in_keyring("a", URL, "s"),
            lambda: remove_from_keyring("a", URL),
        ):
            with pytest.raises(KeyProblemError, match="--key-file PATH"):
                ask()
    finally:
        keyring.set_keyring(before)
