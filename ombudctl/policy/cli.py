"""`ombud policy` and `ombud prove`, as they are typed."""

from pathlib import Path
from typing import Annotated

import typer

from ombudctl.options import DATA, TARGET, Data, Json, Staff, Target, TlsFolder, TokenFile
from ombudctl.output import finish

app = typer.Typer(no_args_is_help=True, help="A policy officer's part: check a pack, see what it changes, publish it.")

Name = Annotated[str, typer.Argument(help="The pack's file, or the name of one that comes with Ombud.")]


@app.command("lint")
def lint(*, pack: Name, as_json: Json = False) -> None:
    """Say whether a pack can be used; each fault with file, line, field and reason."""
    from ombudctl.policy import command  # noqa: PLC0415 - `ombud --help` need not load the contract

    finish(lambda: command.lint(pack, as_json=as_json), as_json=as_json)


@app.command("diff")
def diff(*, older: Name, newer: Name, as_json: Json = False) -> None:
    """Show what differs between two packs, setting by setting and rule by rule."""
    from ombudctl.policy import command  # noqa: PLC0415 - see `lint`

    finish(lambda: command.diff(older, newer, as_json=as_json), as_json=as_json)


@app.command("simulate")
def simulate(
    *,
    pack: Name,
    staff: Staff = "policy-1",
    data: Data = DATA,
    target: Target = TARGET,
    token_file: TokenFile = None,
    tls: TlsFolder = None,
    as_json: Json = False,
) -> None:
    """Show who would change tier or rights under a draft, on the live ledger. Changes nothing."""
    from ombudctl.policy import command  # noqa: PLC0415 - see `lint`
    from ombudctl.suite import Suite  # noqa: PLC0415 - see `lint`

    suite = Suite(target, staff, data, token_file, tls, role="policy_officer")
    finish(lambda: command.simulate(pack, suite, as_json=as_json), as_json=as_json)


@app.command("propose")
def propose(
    *,
    pack: Name,
    effective: Annotated[str, typer.Option(help="From when it holds (ISO 8601); its own date if not given.")] = "",
    staff: Staff = "policy-1",
    data: Data = DATA,
    target: Target = TARGET,
    token_file: TokenFile = None,
    tls: TlsFolder = None,
    as_json: Json = False,
) -> None:
    """Propose to publish a pack, after a simulation. Another person approves it."""
    from ombudctl.policy import command  # noqa: PLC0415 - see `lint`
    from ombudctl.suite import Suite  # noqa: PLC0415 - see `lint`

    suite = Suite(target, staff, data, token_file, tls, role="policy_officer")
    finish(lambda: command.propose(pack, effective, suite, as_json=as_json), as_json=as_json)


@app.command("approve")
def approve(
    *,
    proposal_id: Annotated[str, typer.Argument(help="The proposal, as `ombud policy propose` named it.")],
    staff: Staff = "policy-2",
    data: Data = DATA,
    target: Target = TARGET,
    token_file: TokenFile = None,
    tls: TlsFolder = None,
    as_json: Json = False,
) -> None:
    """Publish a proposed pack, as the second person. It holds from its date on, everywhere, without a restart."""
    from ombudctl.policy import command  # noqa: PLC0415 - see `lint`
    from ombudctl.suite import Suite  # noqa: PLC0415 - see `lint`

    suite = Suite(target, staff, data, token_file, tls, role="policy_approver")
    finish(lambda: command.approve(proposal_id, suite, as_json=as_json), as_json=as_json)


def prove(
    *,
    pack: Annotated[str, typer.Option(help="The pack's file, or the name of one that comes with Ombud.")],
    article: Annotated[str, typer.Option(help="The article, such as 17, 17(3) or 'DSA Art. 17'.")],
    agreement: Annotated[str, typer.Option(help="Name of the agreement that accounts sign.")] = "terms",
    vkey: Annotated[
        Path | None,
        typer.Option(help="The log's verifier key; the one in the folder if not given.", show_default=False),
    ] = None,
    staff: Staff = "auditor-1",
    data: Data = DATA,
    target: Target = TARGET,
    token_file: TokenFile = None,
    tls: TlsFolder = None,
    as_json: Json = False,
) -> None:
    """Show what serves an article, and the live evidence for it. 1 if some is missing or a duty is not met."""
    from ombudctl.prove import command  # noqa: PLC0415 - see `lint`
    from ombudctl.suite import Suite  # noqa: PLC0415 - see `lint`

    suite = Suite(target, staff, data, token_file, tls, role="auditor")
    wanted = command.Wanted(pack, article, vkey or data / "retention" / "log.vkey", agreement)
    finish(lambda: command.run(wanted, suite, as_json=as_json), as_json=as_json)
