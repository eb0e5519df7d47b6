"""Who may call an RPC: the access option of the contract, enforced. Default deny."""

from dataclasses import dataclass

from google.protobuf.descriptor import MethodDescriptor

from chassis.auth.caller import Caller
from chassis.refusal import ErrorReason, Refusal
from ombud.common.v1.access_pb2 import Access, access


@dataclass(frozen=True)
class AccessRule:
    """The access option of one RPC. All fields empty: nobody may call."""

    public: bool = False
    workloads: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    second_person: bool = False

    def check(self, caller: Caller) -> None:
        """Returns if the caller may call.

        Raises:
            Refusal: UNAUTHENTICATED, WORKLOAD_NOT_ALLOWED or ROLE_REQUIRED.
        """
        if self.public:
            return
        if caller.anonymous:
            raise Refusal(
                ErrorReason.ERROR_REASON_UNAUTHENTICATED,
                "this RPC needs a caller",
                satisfy="a client certificate, or on loopback a token in the authorization header",
                scheme="bearer",
            )
        if caller.workload not in self.workloads:
            raise Refusal(
                ErrorReason.ERROR_REASON_WORKLOAD_NOT_ALLOWED,
                "this workload may not call this RPC",
                satisfy=f"one of the workloads {', '.join(sorted(self.workloads)) or '(none)'}",
                workload=caller.workload,
            )
        if self.roles and (caller.person is None or not caller.person.roles & self.roles):
            raise Refusal(
                ErrorReason.ERROR_REASON_ROLE_REQUIRED,
                "this RPC needs a person who holds a role for it",
                satisfy="the token of a person with one of the roles",
                roles=",".join(sorted(self.roles)),
            )


def rule_of(method: MethodDescriptor) -> AccessRule:
    """The rule that the method's option states; without the option, nobody may call."""
    option: Access = method.GetOptions().Extensions[access]
    return AccessRule(
        public=option.public,
        workloads=frozenset(option.workloads),
        roles=frozenset(option.roles),
        second_person=option.second_person,
    )
