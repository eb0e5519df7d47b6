"""Every value of the rules has its number in the contract, and comes back from it."""

from enum import StrEnum

import pytest

from chassis import enums
from ombud.identity.v1 import account_service_pb2 as pb
from services.identity.accounts.domain import AccountKind


@pytest.mark.parametrize("kind", AccountKind)
def test_value_comes_back_from_its_number(kind: AccountKind) -> None:
    number = enums.number(pb.AccountKind, kind)
    assert pb.AccountKind.Name(number) == f"ACCOUNT_KIND_{kind}"
    assert enums.value_of(pb.AccountKind, AccountKind, number) is kind


def test_nothing_is_unspecified() -> None:
    assert enums.number(pb.AccountKind, None) == pb.ACCOUNT_KIND_UNSPECIFIED


def test_value_that_the_contract_does_not_have_is_a_fault() -> None:
    class Other(StrEnum):
        HOUSE = "HOUSE"

    with pytest.raises(ValueError, match="ACCOUNT_KIND_HOUSE"):
        enums.number(pb.AccountKind, Other.HOUSE)
