from datetime import timedelta
from pathlib import Path

from ombud.groups.v1.tipoff_service_pb2 import TipOffTarget
from services.groups.config import GroupsConfig, TipOffIntake
from tests.integration.groups.reports import due, tip
from tests.integration.groups.stand import POLICY, standing
from tests.support.refusals import refusal_of

MINUTE = timedelta(minutes=1)


def bounded(folder: Path, database_url: str) -> GroupsConfig:
    intake = TipOffIntake(minutes=10, about_one_target=2, in_all=3)
    return GroupsConfig(database_url=database_url, data_dir=folder, policy_file=POLICY, tip_off_intake=intake)


async def test_flood_is_refused_with_the_time_to_come_back_and_nothing_taken_in_is_lost(
    tmp_path: Path, database_url: str
) -> None:
    async with standing(tmp_path, bounded(tmp_path, database_url)) as stand:
        raided, another = [TipOffTarget(group_code=(await stand.group()).code) for _ in range(2)]
        last = tip(raided)
        for request in (tip(raided), last):
            await stand.tip_offs.SubmitTipOff(request)
            stand.clock.advance(MINUTE)

        refused = await refusal_of(stand.tip_offs.SubmitTipOff(tip(raided)))
        assert (refused.reason, refused.facts["queue"]) == ("OVERLOADED", "tip-offs about this target")
        assert refused.retry_after == 8 * MINUTE
        await stand.tip_offs.SubmitTipOff(last)
        await stand.tip_offs.SubmitTipOff(tip(another))
        refused = await refusal_of(stand.tip_offs.SubmitTipOff(tip(another)))
        assert (refused.facts["queue"], refused.retry_after) == ("tip-offs", 8 * MINUTE)

        stand.clock.advance(8 * MINUTE)
        await stand.tip_offs.SubmitTipOff(tip(raided))
        assert len(await due(stand)) == 4
