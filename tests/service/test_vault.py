"""The vault: sealed values open where they were sealed, and nowhere else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.entropy import SeededEntropy
from service.vault import Vault, VaultError


@pytest.fixture(scope="module")
def vault() -> Vault:
    return Vault(bytes(range(32)), SeededEntropy("vault"))


def test_a_sealed_value_opens_with_its_key_in_its_context(vault: Vault) -> None:
    key = vault.new_person_key().key
    assert (
        vault.unseal_bytes(key, vault.seal(key, "李雷".encode(), "person.identity:1"), "person.identity:1").decode()
        == "李雷"
    )


@pytest.mark.asvs("11.3.3")
def test_it_opens_with_no_other_key_and_in_no_other_context(vault: Vault) -> None:
    key, other = vault.new_person_key().key, vault.new_person_key().key
    sealed = vault.seal(key, b"x", "person.identity:1")
    for wrong_key, context in ((other, "person.identity:1"), (key, "person.identity:2"), (key, "person.contact:1")):
        with pytest.raises(VaultError):
            vault.unseal_bytes(wrong_key, sealed, context)


@pytest.mark.asvs("11.3.1", "11.3.2")
@given(data=st.data())
def test_no_altered_byte_goes_unnoticed(vault: Vault, data: st.DataObject) -> None:
    key = vault.new_person_key().key
    sealed = bytearray(vault.seal(key, b"something", "c"))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(VaultError):
        vault.unseal_bytes(key, bytes(sealed), "c")


@pytest.mark.asvs("11.2.2")
@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x02" + bytes(40), b"\x01" + bytes(12)])
def test_what_is_no_sealed_value_is_refused(vault: Vault, sealed: bytes) -> None:
    with pytest.raises(VaultError):
        vault.unseal_bytes(vault.new_person_key().key, sealed, "c")


def test_a_persons_key_is_wrapped_by_this_node_only(vault: Vault) -> None:
    made = vault.new_person_key()
    assert vault.open_key(made.wrapped) == made.key
    with pytest.raises(VaultError):
        Vault(bytes(32), SeededEntropy("another")).open_key(made.wrapped)


def test_one_value_sealed_twice_looks_different(vault: Vault) -> None:
    key = vault.new_person_key().key
    assert vault.seal(key, b"x", "c") != vault.seal(key, b"x", "c")


def test_padding_hides_the_length(vault: Vault) -> None:
    key = vault.new_person_key().key
    short, long = (vault.seal(key, text, "c", pad_to=256) for text in (b"{}", b'{"a":1}'))
    assert len(short) == len(long)
    assert vault.unseal_bytes(key, short, "c").strip() == b"{}"


def test_links_differ_by_person_and_by_table_and_stay_the_same(vault: Vault) -> None:
    one, other = vault.new_person_key().key, vault.new_person_key().key
    assert vault.link(one, "certificate") == vault.link(one, "certificate")
    links = {vault.link(key, table) for key in (one, other) for table in ("certificate", "reminder_plan")}
    assert len(links) == 4


def test_indexes_differ_by_kind_value_and_area(vault: Vault) -> None:
    assert vault.blind("document", "1") == vault.blind("document", "1")
    found = {
        vault.blind("document", "1"),
        vault.blind("document", "2"),
        vault.blind("name", "1"),
        vault.token("790303001", "name", "1"),
        vault.token("790303002", "name", "1"),
        vault.token("790303001", "pinyin", "1"),
    }
    assert len(found) == 6


def test_secrets_of_the_node_open_in_their_context_only(vault: Vault) -> None:
    sealed = vault.seal_secret("draft:1", b"x")
    assert vault.open_secret("draft:1", sealed) == b"x"
    with pytest.raises(VaultError):
        vault.open_secret("draft:2", sealed)


def test_a_master_key_of_another_length_is_refused() -> None:
    with pytest.raises(VaultError):
        Vault(bytes(16), SeededEntropy("short"))
