"""A policy officer's commands and `ombud prove`, against a suite that `ombud up` started."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from chassis.auth.tokens import DevIssuer
from chassis.clock import SystemClock
from ombud.common.v1.types_pb2 import Subject
from ombud.credit.v1 import types_pb2 as credit
from policies.pack import Evidence
from tests.integration.story.shell import Said, Up, ombud, up
from tests.support import records
from tests.support.eventually import eventually
from tests.support.life import Life
from tests.support.suite import POLICY
from tests.support.wire import wired

EU = POLICY.with_name("eu-dsa.yaml")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with up(tmp_path_factory.mktemp("suite") / "data") as started:
        yield started


def asked(running: Up, *arguments: object) -> Said:
    where = ("--data", running.data, "--target", running.target, "--json")
    return ombud(*arguments, *where, folder=running.data.parent)


async def decide_a_case(running: Up) -> None:
    """A tip-off, a sanction that answers it, its appeal, and a hold on the group's records."""
    clock = SystemClock()
    async with wired(running.port, DevIssuer(running.data, clock)) as wire:
        life = Life(wire.call, clock, running.data / "identity" / "outbox" / "phone.jsonl")
        founder, member = await life.verified("anna", 1), await life.verified("ben", 2)
        group = await life.group(founder, member)
        tip_off_id = await life.tip_off(group)
        subject = Subject(account_id=member)
        sanction_id = await life.sanction(subject, credit.MEASURE_KIND_PUBLISHING_SUSPENDED, tip_off_id=tip_off_id)
        await life.answer(tip_off_id, sanction_id)
        await life.appeal(sanction_id, member)
        await records.hold(life, group.group_id)


def states(said: Said) -> dict[str, str]:
    (line,) = said.lines
    return {row["kind"]: row["state"] for each in line["obligations"] for row in each["evidence"]}


def pack_with(tmp_path: Path, **changes: Any) -> Path:
    document = yaml.safe_load(POLICY.read_text(encoding="utf-8")) | changes
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


async def test_articles_are_proved_by_what_the_suite_shows(running: Up, tmp_path: Path) -> None:
    empty = asked(running, "prove", "--pack", "default", "--article", "17")
    await decide_a_case(running)

    async def logged() -> bool:
        return asked(running, "prove", "--pack", "eu-dsa", "--article", "24").code == 0

    await eventually(logged, within=60)
    reasons = asked(running, "prove", "--pack", "default", "--article", "DSA Art. 17")
    terms = asked(running, "prove", "--pack", "eu-dsa", "--article", "14")
    everything = pack_with(
        tmp_path, obligations=[{"article": "Act Art. 1", "duty": "All.", "evidence": [kind.value for kind in Evidence]}]
    )
    whole = asked(running, "prove", "--pack", everything, "--article", "Act Art. 1")

    assert (empty.code, states(empty)) == (1, {"STATEMENTS": "missing", "NOTICES": "missing", "ENDS": "missing"})
    assert (reasons.code, set(states(reasons).values())) == (0, {"met"})
    (line,) = reasons.lines
    assert line["proved"] is True
    assert line["obligations"][0]["evidence"][1]["median_seconds"] >= 0
    assert (terms.code, states(terms)["PACK_IN_FORCE"]) == (1, "not met")
    found = states(whole)
    assert found.keys() == {kind.value for kind in Evidence}
    assert {kind for kind, state in found.items() if state == "missing"} == {
        "AGREEMENT",
        "BLACKLIST_TERMS",
        "CERTIFICATES",
        "DISCLOSURES",
        "REFERRALS",
    }
    assert {kind for kind, state in found.items() if state == "not met"} == {"PACK_IN_FORCE"}


def test_proof_is_a_table_for_people(running: Up) -> None:
    said = ombud(
        "prove", "--pack", "eu-dsa", "--article", "20", "--data", running.data, "--target", running.target,
        folder=running.data.parent,
    )  # fmt: skip

    assert "credit.appeal_window_days" in said.out
    assert "APPEAL_WINDOWS" in said.out


@pytest.mark.parametrize(
    ("article", "said"), [("99", "does nothing for article 99"), ("seventeen", "is no article; 17, 17(3)")]
)
def test_article_that_the_pack_does_not_serve_is_told(running: Up, article: str, said: str) -> None:
    refused = asked(running, "prove", "--pack", "eu-dsa", "--article", article)

    assert refused.code == 1
    assert said in refused.err


def test_two_persons_publish_a_pack_that_both_saw_simulated(running: Up, tmp_path: Path) -> None:
    stricter = pack_with(tmp_path, version="2026.7")
    effective = (SystemClock().now() + timedelta(days=1)).isoformat()

    simulated = asked(running, "policy", "simulate", stricter)
    proposed = asked(running, "policy", "propose", stricter, "--effective", effective, "--staff", "ann")
    proposal_id = proposed.lines[0]["proposal_id"]
    alone = asked(running, "policy", "approve", proposal_id, "--staff", "ann")
    approved = asked(running, "policy", "approve", proposal_id, "--staff", "ben")

    assert (simulated.code, proposed.code, alone.code, approved.code) == (0, 0, 1, 0)
    assert simulated.lines[0]["accounts_with_another_tier"] == "0"
    assert "SECOND_PERSON_REQUIRED" in alone.err
    assert approved.lines[0]["version"]["version"] == "2026.7"


def test_date_that_is_past_is_refused_with_the_earliest_one(running: Up, tmp_path: Path) -> None:
    refused = asked(
        running, "policy", "propose", pack_with(tmp_path, version="9"), "--effective", "2026-01-02T00:00:00Z"
    )

    assert refused.code == 1
    assert "EFFECTIVE_TIME_REFUSED" in refused.err


def test_pack_with_a_fault_is_refused_with_file_line_and_reason(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(EU.read_text(encoding="utf-8").replace("code_digits: 9", "code_digits: 99"), encoding="utf-8")
    line = path.read_text(encoding="utf-8").splitlines().index("  code_digits: 99") + 1

    refused = ombud("policy", "lint", path, folder=tmp_path)
    good = ombud("policy", "lint", "eu-dsa", "--json", folder=tmp_path)

    assert refused.code == 1
    assert f"mine.yaml:{line}: groups.code_digits: Input should be less than or equal to 12" in refused.err
    assert (good.code, good.lines[0]["id"]) == (0, "eu-dsa")


def test_differences_are_for_people_and_programs(tmp_path: Path) -> None:
    other = pack_with(tmp_path, version="2026.7")

    shown = ombud("policy", "diff", "default", other, folder=tmp_path)
    listed = ombud("policy", "diff", "default", other, "--json", folder=tmp_path)

    assert "2026.7" in shown.out
    assert listed.lines == [{"changes": [{"path": "version", "before": '"2026.1"', "after": '"2026.7"', "serves": ""}]}]
