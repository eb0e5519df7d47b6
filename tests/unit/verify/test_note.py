import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ombud.verify import VerificationError, VerifierKey, verify_checkpoint, verify_note
from services.retention.log.note import Head, Signer

# The test vector of the C2SP signed-note specification.
VECTOR_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
VECTOR_TEXT = "This is an example message.\n"


def signer(origin: str = "log.example/chat", seed: bytes = bytes(32)) -> Signer:
    return Signer(origin, Ed25519PrivateKey.from_private_bytes(seed))


def test_verifier_key_of_the_specification_is_read() -> None:
    key = VerifierKey.parse(VECTOR_KEY)
    assert key.name == "example.com/foo"
    assert key.key_id == bytes.fromhex("530d903a")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.com/foo",
        VECTOR_KEY.replace("530d903a", "530d903b"),
        VECTOR_KEY.replace("example.com/foo", "example.com/fob"),
        VECTOR_KEY[:-4],
        VECTOR_KEY.replace("+Aeky", "+Beky"),
    ],
)
def test_verifier_key_that_is_not_its_own_id_is_refused(text: str) -> None:
    with pytest.raises(VerificationError):
        VerifierKey.parse(text)


def test_own_key_is_written_as_the_specification_writes_it() -> None:
    own = signer()
    assert VerifierKey.parse(own.verifier_key) == own.verifier


def test_note_is_verified_over_its_text_with_the_final_newline() -> None:
    own = signer()
    note = own.checkpoint(Head(7, bytes(range(32))))
    text = verify_note(note, own.verifier_key)
    assert text == f"log.example/chat\n7\n{base64.b64encode(bytes(range(32))).decode()}\n"


def test_signature_of_an_unknown_key_beside_ours_is_ignored() -> None:
    own, witness = signer(), signer("witness.example", b"\x01" * 32)
    head = Head(3, bytes(32))
    line = witness.checkpoint(head).rpartition("\n\n")[2]
    assert verify_checkpoint(own.checkpoint(head) + line, own.verifier_key).size == 3


def test_known_key_whose_second_signature_is_wrong_refuses_the_whole_note() -> None:
    own = signer()
    note = own.checkpoint(Head(3, bytes(32)))
    wrong = own.checkpoint(Head(4, bytes(32))).rpartition("\n\n")[2]
    with pytest.raises(VerificationError):
        verify_note(note + wrong, own.verifier_key)


def test_note_without_our_signature_is_refused() -> None:
    with pytest.raises(VerificationError):
        verify_note(signer(seed=b"\x01" * 32).checkpoint(Head(3, bytes(32))), signer().verifier_key)


def test_checkpoint_of_another_origin_is_refused_though_well_signed() -> None:
    own = signer()
    text = f"other.example\n3\n{base64.b64encode(bytes(32)).decode()}\n"
    signature = own._key.sign(text.encode())
    line = base64.b64encode(own.verifier.key_id + signature).decode()
    note = f"{text}\n— log.example/chat {line}\n"
    verify_note(note, own.verifier_key)
    with pytest.raises(VerificationError):
        verify_checkpoint(note, own.verifier_key)


@pytest.mark.parametrize("size", ["07", "-1", "+7", "7 ", "", "99999999999999999999"])
def test_checkpoint_with_a_size_that_is_no_plain_number_is_refused(size: str) -> None:
    own = signer()
    text = f"log.example/chat\n{size}\n{base64.b64encode(bytes(32)).decode()}\n"
    line = base64.b64encode(own.verifier.key_id + own._key.sign(text.encode())).decode()
    with pytest.raises(VerificationError):
        verify_checkpoint(f"{text}\n— log.example/chat {line}\n", own.verifier_key)


def test_every_flipped_bit_of_a_checkpoint_is_refused() -> None:
    own = signer()
    note = own.checkpoint(Head(70_000, bytes(range(32)))).encode()
    for at in range(len(note)):
        for bit in range(8):
            flipped = bytearray(note)
            flipped[at] ^= 1 << bit
            with pytest.raises((VerificationError, UnicodeDecodeError)):
                verify_checkpoint(flipped.decode(), own.verifier_key)
