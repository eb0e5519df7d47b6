from hypothesis import given
from hypothesis import strategies as st

from chassis.ids import new_id
from services.credit.receipts import Receipts

RECEIPTS = Receipts(bytes(range(32)))


@given(st.uuids())
def test_receipt_leads_to_its_sanction_however_it_is_written(sanction_id: object) -> None:
    receipt = RECEIPTS.of(str(sanction_id))

    for written in (receipt, receipt.lower(), receipt.replace("-", " "), receipt.replace("0", "o").replace("1", "I")):
        assert RECEIPTS.sanction_id(written) == str(sanction_id)


@given(st.integers(0, 58), st.sampled_from("0123456789ABCDEFGHJKMNPQRSTVWXYZ"))
def test_receipt_with_another_symbol_leads_nowhere(place: int, symbol: str) -> None:
    receipt = RECEIPTS.of(new_id())
    if receipt[place] in ("-", symbol):
        return

    assert RECEIPTS.sanction_id(receipt[:place] + symbol + receipt[place + 1 :]) is None


@given(st.text(max_size=80))
def test_what_nobody_was_given_leads_nowhere(text: str) -> None:
    assert RECEIPTS.sanction_id(text) is None


def test_receipt_of_another_key_leads_nowhere() -> None:
    assert RECEIPTS.sanction_id(Receipts(bytes(32)).of(new_id())) is None
