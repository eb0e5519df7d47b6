"""Enums of the contract, and those of the rules that have the same names without the prefix."""

from enum import StrEnum
from functools import cache
from typing import Any, Protocol, TypeVar

E = TypeVar("E", bound=StrEnum)


class ContractEnum(Protocol):
    """An enum as the generated modules have it."""

    def Name(self, number: Any) -> str:  # noqa: ANN401 - each generated enum has a number type of its own
        """The name of a number."""
        ...

    def __hash__(self) -> int: ...

    def Value(self, name: str) -> Any:  # noqa: ANN401 - as above
        """The number of a name."""
        ...


@cache
def number(contract: ContractEnum, value: StrEnum | None) -> Any:  # noqa: ANN401 - the enum's own number type
    """The number of a value of the rules in the contract's enum; None is its UNSPECIFIED."""
    return 0 if value is None else contract.Value(_prefix(contract) + value)


@cache
def value_of(contract: ContractEnum, kind: type[E], number: int) -> E:
    """The rules' value of a number in the contract's enum, which is defined and not UNSPECIFIED."""
    return kind(contract.Name(number).removeprefix(_prefix(contract)))


def _prefix(contract: ContractEnum) -> str:
    return contract.Name(0).removesuffix("UNSPECIFIED")
