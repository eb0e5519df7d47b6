"""`ombud fsck`: is what the retention service keeps what was written?"""

from pathlib import Path

from rich.console import Console

from chassis.clock import SystemClock
from chassis.config import ConfigError, load
from chassis.process import ProcessConfig
from chassis.refusal import Refusal
from ombudctl.log import retention_folder
from ombudctl.output import CommandError, print_json
from services.retention.checks.findings import Finding
from services.retention.checks.fsck import BusyError, Report, check
from services.retention.config import RetentionConfig, SegmentsConfig
from services.retention.segments.storage import storage_of


def run(data: Path, config: Path | None, *, repair: bool, as_json: bool) -> bool:
    """Checks the log, the segments, the catalogue and the write-ahead files.

    Args:
        data: Folder of the suite, or of the retention service, with all of them in it.
        config: The retention service's settings, which say where they are; `data` is not looked at then.
        repair: Make again what can be derived.
        as_json: Print a JSON object.

    Returns:
        True if nothing is damaged, or nothing any more.

    Raises:
        CommandError: There is no log, or something is to be mended while the service runs.
    """
    folder, url, segments = _place(data, config)
    try:
        report = check(folder, url, storage_of(folder, segments, SystemClock()), repair=repair)
    except BusyError as error:
        raise CommandError("a service is at work in this folder", "Stop it, then mend.") from error
    except Refusal as refusal:
        raise CommandError(f"segments.s3: {refusal}", "See that the bucket and its credentials are right.") from refusal
    if as_json:
        print_json(_facts(report))
    else:
        _tell(report)
    return not report.findings


def _place(data: Path, config: Path | None) -> tuple[Path, str, SegmentsConfig]:
    """Folder, database and segments."""
    if config is None:
        folder = retention_folder(data)
        return folder, f"sqlite:///{folder / 'retention.db'}", SegmentsConfig()
    try:
        service = load(ProcessConfig[RetentionConfig], config).service
    except ConfigError as error:
        raise CommandError(str(error), "Give the settings that the retention service runs with.") from error
    return service.data_dir, service.database_url, service.segments


def _facts(report: Report) -> dict[str, object]:
    return {
        "clean": not report.findings,
        "leaves": report.leaves,
        "segment_bytes": report.segment_bytes,
        "service_running": report.busy,
        "findings": [_finding(each) for each in report.findings],
        "mended": [_finding(each) for each in report.mended],
    }


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "place": finding.place,
        "offset": finding.offset,
        "what": finding.what,
        "mendable": finding.mend is not None,
    }


def _tell(report: Report) -> None:
    console = Console(soft_wrap=True, highlight=False)
    for heading, findings in (("mended", report.mended), ("damaged", report.findings)):
        for finding in findings:
            at = "" if finding.offset is None else f" at {finding.offset}"
            hint = " (--repair makes it again)" if heading == "damaged" and finding.mend else ""
            console.print(f"{heading:<8} {finding.place}{at}: {finding.what}{hint}", markup=False)
    if report.busy:
        console.print("A service is at work here: its write-ahead files were left alone.")
    verdict = "damaged" if report.findings else "whole"
    console.print(f"{verdict}: {report.leaves} leaves, {report.segment_bytes} bytes of segments")
