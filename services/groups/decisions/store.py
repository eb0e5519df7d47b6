"""What a decision inside a transaction rests on: the same facts as in memory, from the database."""

from sqlmodel import Session

from services.groups.decisions import domain
from services.groups.groups import store as groups
from services.groups.projections import store as projections


def situation(session: Session, account_id: str, group_id: str = "") -> domain.Situation:
    """All that a decision about the account, in the group if one is named, rests on."""
    member = groups.find_member(session, group_id, account_id)
    return domain.Situation(
        account_id=account_id,
        account=projections.account(session, account_id),
        standing=projections.account_standing(session, account_id),
        owned=groups.owned(session, account_id),
        joined=groups.joined(session, account_id),
        group_id=group_id,
        group=_group(session, group_id),
        role=member.role if member else None,
    )


def _group(session: Session, group_id: str) -> domain.Group | None:
    group = groups.find(session, group_id)
    if group is None:
        return None
    return domain.Group(
        most_members=group.most_members,
        member_count=group.member_count,
        open_to_readers=group.open_to_readers,
        standing=projections.group_standing(session, group_id),
    )
