from uuid import UUID

from services.retention.segments.chunk import ChunkCodec, ChunkKeys
from services.retention.segments.dictionary import FEWEST_GROUPS, FEWEST_RECORDS, train

COMMON = b"see you at the station tomorrow "
KEYS = ChunkKeys(bytearray(range(32)), bytearray(range(32, 64)))


def records(groups: int, secret_groups: int) -> list[tuple[bytes, bytes]]:
    """Records in which every group uses one phrase, and some groups another."""
    found = []
    for number in range(FEWEST_RECORDS):
        group = number % groups
        secret = b"project bluebird" if group < secret_groups else b"nothing else"
        found.append((UUID(int=group).bytes, COMMON + secret))
    return found


def test_phrase_of_too_few_groups_never_enters() -> None:
    assert b"bluebird" not in train(records(2 * FEWEST_GROUPS, FEWEST_GROUPS - 1))
    assert b"bluebird" in train(records(2 * FEWEST_GROUPS, FEWEST_GROUPS))


def test_too_few_groups_or_records_give_none() -> None:
    assert train(records(FEWEST_GROUPS - 1, 0)) == b""
    assert train(records(2 * FEWEST_GROUPS, 0)[:-1]) == b""


def test_short_chunk_is_smaller_with_the_dictionary_and_comes_back() -> None:
    dictionary = train(records(2 * FEWEST_GROUPS, 0))
    plain, trained = ChunkCodec(), ChunkCodec(dictionary)
    chunk = trained.encode(KEYS, [0, 3], [5, 4], [COMMON, COMMON])
    assert len(chunk) < len(plain.encode(KEYS, [0, 3], [5, 4], [COMMON, COMMON]))
    assert trained.decode(KEYS, chunk, 2, "test").bodies == [COMMON, COMMON]
