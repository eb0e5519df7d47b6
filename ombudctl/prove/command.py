"""The command: what a pack does for an article, and what the suite shows for it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from chassis.clock import SystemClock
from ombud.client import OmbudError
from ombud.verify import VerifierKey
from ombudctl.output import CommandError, print_json
from ombudctl.policy.packs import pack_at
from ombudctl.prove.evidence import Inquiry, Shown
from ombudctl.suite import Suite
from ombudctl.verify import read_key
from policies.articles import Article, Setting, obligations_of, settings_of
from policies.pack import Evidence, Obligation, Pack


@dataclass(frozen=True)
class Wanted:
    """What to prove.

    Attributes:
        pack: Name of a pack that comes with Ombud, or its file.
        article: The article, such as `17` or `DSA Art. 17(3)`.
        vkey: The log's verifier key, or the file that holds it.
        agreement: Name of the agreement that accounts sign.
    """

    pack: str
    article: str
    vkey: Path
    agreement: str


@dataclass(frozen=True)
class Proof:
    """An article with all that serves it and what was shown."""

    pack: Pack
    article: str
    settings: Sequence[Setting]
    obligations: Sequence[Obligation]
    shown: dict[Evidence, Shown]

    @property
    def proved(self) -> bool:
        """Whether there is an obligation, and the evidence of each is there and as it has to be."""
        return bool(self.obligations) and all(self.met(each) for each in self.obligations)

    def met(self, obligation: Obligation) -> bool:
        """Whether all evidence of an obligation is there and as it has to be."""
        return all(self.shown[kind].state == "met" for kind in obligation.evidence)


def run(wanted: Wanted, suite: Suite, *, as_json: bool) -> bool:
    """Prints the proof; False if evidence is missing or an obligation is not met.

    Raises:
        CommandError: There is no such pack, it does nothing for the article, or the suite refused.
    """
    pack = pack_at(wanted.pack)
    try:
        article = Article.parse(wanted.article)
    except ValueError as error:
        raise CommandError(str(error)) from error
    settings, obligations = settings_of(pack, article), obligations_of(pack, article)
    if not settings and not obligations:
        known = ", ".join(dict.fromkeys(obligation.article for obligation in pack.obligations))
        raise CommandError(f"{pack.id} does nothing for article {wanted.article}", f"It names obligations of {known}")
    kinds = list(dict.fromkeys(kind for obligation in obligations for kind in obligation.evidence))
    try:
        shown = asyncio.run(_collect(suite, pack, kinds, read_key(str(wanted.vkey)), wanted.agreement))
    except OmbudError as error:
        raise CommandError(f"the suite refused: {error}", "Is it running? ombud up") from error
    proof = Proof(pack, wanted.article, settings, obligations, shown)
    if as_json:
        print_json(_json(proof))
    else:
        _print(proof, Console())
    return proof.proved


async def _collect(
    suite: Suite, pack: Pack, kinds: Sequence[Evidence], key: VerifierKey, agreement: str
) -> dict[Evidence, Shown]:
    async with suite.channel() as channel:
        return await Inquiry(channel, pack, key, agreement=agreement, now=SystemClock().now()).collect(kinds)


def _json(proof: Proof) -> dict[str, object]:
    return {
        "pack": {"id": proof.pack.id, "version": proof.pack.version, "content_hash": proof.pack.content_hash},
        "article": proof.article,
        "settings": [{"path": each.path, "value": each.value, "serves": each.serves} for each in proof.settings],
        "obligations": [
            {
                "article": each.article,
                "duty": each.duty,
                "met": proof.met(each),
                "evidence": [_row(kind, proof.shown[kind]) for kind in each.evidence],
            }
            for each in proof.obligations
        ],
        "proved": proof.proved,
    }


def _row(kind: Evidence, shown: Shown) -> dict[str, object]:
    return {
        "kind": kind.value,
        "found": shown.found,
        "kept": shown.kept,
        "median_seconds": shown.median.total_seconds() if shown.median is not None else None,
        "state": shown.state,
    }


def _print(proof: Proof, console: Console) -> None:
    table = Table(title=escape(f"{proof.pack.id} {proof.pack.version}: what serves article {proof.article}"))
    for heading in ("setting", "value", "serves"):
        table.add_column(heading)
    for setting in proof.settings:
        table.add_row(escape(setting.path), escape(setting.value), escape(setting.serves))
    console.print(table)
    for obligation in proof.obligations:
        shown = Table(title=escape(f"{obligation.article}: {obligation.duty}"))
        for heading in ("evidence", "found", "as it has to be", "median time", "state"):
            shown.add_column(heading)
        for kind in obligation.evidence:
            each = proof.shown[kind]
            median = "" if each.median is None else str(each.median)
            style = "green" if each.state == "met" else "bold red"
            shown.add_row(kind.value, str(each.found), str(each.kept), median, f"[{style}]{each.state}[/]")
        console.print(shown)
    if not proof.obligations:
        console.print("The pack names no evidence for this article.")
    console.print("[bold green]proved[/]" if proof.proved else "[bold red]not proved[/]")
