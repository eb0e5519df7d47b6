"""The `ombud` command. Every command knows `--json`; exit codes: 0 done, 1 failed, 2 wrong usage."""

from pathlib import Path
from typing import Annotated

import typer

from ombudctl.loading import loading
from ombudctl.options import DATA, TARGET, Data, Json, Staff, Target, TlsFolder, TokenFile
from ombudctl.output import finish
from ombudctl.policy.cli import app as policies
from ombudctl.policy.cli import prove

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Ombud: the accountability back end of a group chat. Start with `ombud up`, or see it all with `ombud demo`.",
)
importing = typer.Typer(no_args_is_help=True, help="Bring in what happened elsewhere.")
app.add_typer(importing, name="import")
accesses = typer.Typer(no_args_is_help=True, help="Read retained records under an approved access.")
app.add_typer(accesses, name="access")
logs = typer.Typer(no_args_is_help=True, help="The tamper-evident log, as others see it.")
app.add_typer(logs, name="log")

custodian = typer.Typer(no_args_is_help=True, help="A custodian's part: keep a key, open what two persons approved.")
app.add_typer(custodian, name="custodian")
app.add_typer(policies, name="policy")
app.command()(prove)

Witnesses = Annotated[
    list[str] | None, typer.Option(help="A witness's verifier key, or the file that holds it; repeat for more.")
]
Quorum = Annotated[
    int | None, typer.Option(help="How many of these witnesses must have cosigned; all if not given.", min=1)
]

_DEFAULT_POLICY = Path(__file__).parent.parent / "policies" / "default.yaml"


@app.command()
def up(
    *,
    data: Data = DATA,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 for any.", min=0, max=65535)] = 7700,
    health_port: Annotated[
        int | None,
        typer.Option(help="Port for health checks; the next one after --port if not given.", min=0, max=65535),
    ] = None,
    policy: Annotated[Path, typer.Option(help="The policy pack.", show_default=False)] = _DEFAULT_POLICY,
    as_json: Json = False,
) -> None:
    """Start all four services on this machine. Ctrl-C drains and stops."""
    with loading():
        from ombudctl import up as command  # noqa: PLC0415 - `ombud --help` need not load the services

    if health_port is None:
        health_port = port + 1 if port else 0
    raise typer.Exit(command.run(data, port=port, health_port=health_port, policy_file=policy, as_json=as_json))


ServiceName = Annotated[str, typer.Argument(help="identity, credit, groups or retention.")]
Config = Annotated[Path, typer.Option(help="Its settings: a YAML file, or a folder whose files are merged by name.")]


def _known(service: str) -> str:
    from ombudctl.services import SERVICES  # noqa: PLC0415 - see `up`

    if service not in SERVICES:
        raise typer.BadParameter(f"{service} is no service; one of {', '.join(SERVICES)}")
    return service


@app.command()
def serve(*, service: ServiceName, config: Config) -> None:
    """Serve one service as a process of its own, as in production. SIGTERM drains and stops."""
    with loading():
        from ombudctl import serve as command  # noqa: PLC0415 - see `up`

    raise typer.Exit(command.run(_known(service), config))


@app.command()
def migrate(
    *,
    service: ServiceName,
    config: Config,
    restored: Annotated[
        bool,
        typer.Option(
            "--restored", help="The database comes from a backup: tell who followed it. Stop the service first."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Bring the schema of a service's database up to date, before its new version is served."""
    from ombudctl import serve as command  # noqa: PLC0415 - see `up`

    raise typer.Exit(command.upgrade(_known(service), config, restored=restored, as_json=as_json))


@app.command()
def token(
    *,
    role: Annotated[list[str] | None, typer.Option(help="A role of the person; repeat for more.")] = None,
    staff: Annotated[str, typer.Option(help="Staff id of the person.")] = "dev",
    account: Annotated[str, typer.Option(help="The person's own account, if any.")] = "",
    workload: Annotated[
        str, typer.Option(help="The workload; without --role the token proves it alone. For a person: desk.")
    ] = "",
    minutes: Annotated[int, typer.Option(help="How long it is valid.", min=1, max=60 * 24)] = 60,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Print a token for calling the suite on this machine, as a person or as a workload."""
    from ombudctl import token as command  # noqa: PLC0415 - see `up`

    if not role and not workload:
        raise typer.BadParameter("give --role for a person's token, or --workload for a workload's")
    wanted = command.Wanted(tuple(role or ()), staff, account, workload, minutes)
    finish(lambda: command.run(wanted, data, as_json=as_json), as_json=as_json)


@app.command("dev-ca")
def dev_ca(
    *,
    folder: Annotated[Path, typer.Argument(help="Where the certificates go; what is there stays.")],
    renew: Annotated[str, typer.Option(help="Give this workload a new key and certificate.")] = "",
    as_json: Json = False,
) -> None:
    """Make a throw-away authority and a certificate for each workload, to try mutual TLS out. Not for production."""
    from ombudctl import dev_ca as command  # noqa: PLC0415 - see `up`

    finish(lambda: command.run(folder, renew, as_json=as_json), as_json=as_json)


@app.command()
def trace(
    *,
    trace_id: Annotated[str, typer.Argument(help="W3C trace id, 32 hexadecimal digits.")],
    data: Data = DATA,
    target: Target = TARGET,
    as_json: Json = False,
) -> None:
    """Show one trace as a tree, with its audit records, each verified against the signed log."""
    from ombudctl import trace as command  # noqa: PLC0415 - see `up`

    finish(lambda: command.run(trace_id.lower(), data, target, as_json=as_json), as_json=as_json)


@app.command()
def verify(
    *,
    file: Annotated[Path, typer.Argument(help="A proof, as the suite gives it out.")],
    vkey: Annotated[str, typer.Option(help="The log's verifier key, or the file that holds it.")],
    body: Annotated[Path | None, typer.Option(help="The record, if the proof does not carry it.")] = None,
    witness: Witnesses = None,
    quorum: Quorum = None,
    as_json: Json = False,
) -> None:
    """Verify a proof offline: nothing is asked of the suite."""
    from ombudctl import verify as command  # noqa: PLC0415 - see `up`

    witnesses = _witnesses(witness, quorum)
    finish(lambda: command.run(file, vkey, body, witnesses, quorum, as_json=as_json), as_json=as_json)


def _witnesses(witness: list[str] | None, quorum: int | None) -> list[str]:
    witnesses = witness or []
    if quorum is not None and quorum > len(witnesses):
        raise typer.BadParameter("give as many --witness as --quorum wants")
    return witnesses


@app.command()
def fsck(
    *,
    data: Data = DATA,
    config: Annotated[
        Path | None,
        typer.Option(
            help="Settings of the retention service, which name folder, database and bucket; instead of --data."
        ),
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Make again what can be derived; stop the suite first.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check log, segments, catalogue and write-ahead files; name file and offset of damage. 1 if there is any."""
    from ombudctl import fsck as command  # noqa: PLC0415 - see `up`

    finish(lambda: command.run(data, config, repair=repair, as_json=as_json), as_json=as_json)


@app.command()
def monitor(
    *,
    target: Annotated[str, typer.Option(help="URL at which the log is served.")],
    vkey: Annotated[str, typer.Option(help="The log's verifier key, or the file that holds it.")],
    state: Annotated[Path, typer.Option(help="The file that remembers what was seen.")],
    once: Annotated[bool, typer.Option("--once", help="Look once: 0 if all is well, 1 if not.")] = False,
    interval: Annotated[float, typer.Option(help="Seconds between two looks.", min=0.1)] = 60,
    most_age: Annotated[float, typer.Option(help="Seconds that the newest leaf may be old.", min=1)] = 86_400,
    witness: Witnesses = None,
    quorum: Quorum = None,
    as_json: Json = False,
) -> None:
    """Follow a log from outside: every new checkpoint has to continue the last. Ends with 1 if one does not."""
    from ombudctl import monitor as command  # noqa: PLC0415 - see `up`
    from ombudctl.verify import read_key, read_witness  # noqa: PLC0415 - see `up`

    witnesses = _witnesses(witness, quorum)

    def work() -> bool:
        known = [read_witness(each) for each in witnesses]
        wanted = len(known) if quorum is None else quorum
        watched = command.Watched(target, read_key(vkey), state, most_age, known, wanted)
        return command.run(watched, once=once, interval=interval, as_json=as_json)

    finish(work, as_json=as_json)


@logs.command("serve")
def serve_log(
    *,
    data: Data = DATA,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 for any.", min=0, max=65535)] = 7702,
    as_json: Json = False,
) -> None:
    """Serve the log's checkpoint, tiles and entries (C2SP tlog-tiles) over HTTP, for verifiers and monitors."""
    from ombudctl import log as command  # noqa: PLC0415 - see `up`

    finish(lambda: command.serve(data, port=port, as_json=as_json), as_json=as_json)


@accesses.command("export")
def export_access(
    *,
    access_id: Annotated[str, typer.Argument(help="The approved access (UUID).")],
    folder: Annotated[Path, typer.Argument(help="A new folder for the export.")],
    staff: Annotated[str, typer.Option(help="Staff id of the person who requested the access.")],
    data: Data = DATA,
    target: Target = TARGET,
    as_json: Json = False,
) -> None:
    """Export all that an access opens: RSMF, CSV and JSON Lines, a proof for each record, and what is missing.

    Counts as one read.
    """
    from ombudctl.export import command  # noqa: PLC0415 - see `up`

    wanted = command.Wanted(access_id, staff, folder)
    finish(lambda: command.run(wanted, data, target, as_json=as_json), as_json=as_json)


First = Annotated[str, typer.Option("--from", help="The first month (UTC), as YYYY-MM.")]
Last = Annotated[str, typer.Option("--to", help="The last month, as YYYY-MM.")]


@app.command()
def report(
    *,
    first: First,
    last: Last,
    out: Annotated[Path, typer.Option(help="The HTML page to write.")] = Path("report.html"),
    target: Target = TARGET,
    tls: TlsFolder = None,
    as_json: Json = False,
) -> None:
    """Write the transparency report of months that are over as an HTML page. Needs no token."""
    from ombudctl.publish import command  # noqa: PLC0415 - see `up`

    finish(lambda: command.report(command.Months(first, last), target, tls, out, as_json=as_json), as_json=as_json)


@app.command()
def statements(
    *,
    first: First,
    last: Last,
    folder: Annotated[Path, typer.Argument(help="A new folder for the files.")],
    staff: Staff = "auditor-1",
    data: Data = DATA,
    target: Target = TARGET,
    token_file: TokenFile = None,
    tls: TlsFolder = None,
    as_json: Json = False,
) -> None:
    """Export statements of reasons in the schema of the EU DSA Transparency Database, 100 a file, with their errata."""
    from ombudctl.publish import command  # noqa: PLC0415 - see `up`
    from ombudctl.suite import Suite  # noqa: PLC0415 - see `up`

    suite = Suite(target, staff, data, token_file, tls, role="auditor")
    finish(lambda: command.statements(command.Months(first, last), suite, folder, as_json=as_json), as_json=as_json)


@importing.command("chat")
def import_chat(
    *,
    path: Annotated[Path, typer.Argument(help="A log, an export, or a folder with *.txt, *.log or *.jsonl files.")],
    group: Annotated[
        list[str],
        typer.Option(help="The group of the records (UUID); or CHANNEL=UUID for one channel, repeat for more."),
    ],
    rejected: Annotated[Path, typer.Option(help="Where lines that can not be read are kept.")] = Path("chat.rejected"),
    data: Data = DATA,
    target: Target = TARGET,
    as_json: Json = False,
) -> None:
    """Append the events of a chat log to retention: IRC, JSON Lines, Slack's or Mattermost's export.

    The format is told by the content. Run again, it goes on where it ended.
    """
    from ombudctl import import_chat as command  # noqa: PLC0415 - see `up`

    finish(lambda: command.run(path, group, rejected, data, target, as_json=as_json), as_json=as_json)


@custodian.command("keygen")
def custodian_keygen(
    *, key: Annotated[Path, typer.Argument(help="The private key's file; it must not exist.")], as_json: Json = False
) -> None:
    """Make your key: the private one stays here, the public one is registered for your slot."""
    from ombudctl import custodian as command  # noqa: PLC0415 - see `up`

    finish(lambda: command.keygen(key, as_json=as_json), as_json=as_json)


@custodian.command("pending")
def custodian_pending(
    *,
    staff: Staff = "custodian-1",
    data: Data = DATA,
    target: Target = TARGET,
    token_file: TokenFile = None,
    tls: TlsFolder = None,
    as_json: Json = False,
) -> None:
    """List what waits for your answer, and what it would open."""
    from ombudctl import custodian as command  # noqa: PLC0415 - see `up`
    from ombudctl.suite import Suite  # noqa: PLC0415 - see `up`

    suite = Suite(target, staff, data, token_file, tls)
    finish(lambda: command.pending(suite, as_json=as_json), as_json=as_json)


@custodian.command("answer")
def custodian_answer(
    *,
    pending_id: Annotated[str, typer.Argument(help="The request, as `ombud custodian pending` lists it.")],
    key: Annotated[Path, typer.Option(help="The file of your private key.")],
    staff: Staff = "custodian-1",
    data: Data = DATA,
    target: Target = TARGET,
    token_file: TokenFile = None,
    tls: TlsFolder = None,
    as_json: Json = False,
) -> None:
    """Answer a request: it opens with the second custodian's answer, its groups and days alone."""
    from ombudctl import custodian as command  # noqa: PLC0415 - see `up`
    from ombudctl.suite import Suite  # noqa: PLC0415 - see `up`

    suite = Suite(target, staff, data, token_file, tls)
    finish(lambda: command.answer(suite, pending_id, key, as_json=as_json), as_json=as_json)


@app.command()
def demo(
    *,
    chat: Annotated[
        Path | None, typer.Option(help="A chat log or a folder of them; a made-up one if not given.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder to play in, empty or new; it is kept. Else a passing one.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Play the whole story on a chat log through the real API, and prove each step."""
    from ombudctl.story import play as command  # noqa: PLC0415 - see `up`

    finish(lambda: command.run(chat, data, _DEFAULT_POLICY, as_json=as_json), as_json=as_json)


if __name__ == "__main__":
    app()
