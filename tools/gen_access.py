"""Writes who may call what, docs/access.md, from the access options of the generated modules.

Run with the interpreter of the codegen environment (`make protos`). Arguments: the folder of the generated modules
(default sdk), and the file to write (default docs/access.md).
"""

import argparse
import importlib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEAD = """# Who may call what

Made by `make protos` from the `access` option of each RPC; the servers enforce the same option and deny everything
else. A call needs one of the workloads, and where roles are named a person with one of them behind it. *Second
person*: whoever took the first part of the act is refused here. How workloads and people are proved stands in
[ADR 7](adr/0007-tokens-on-loopback-mtls-elsewhere.md).
"""


def page(sdk: Path) -> str:
    """The page, of the modules below the folder."""
    sys.path.insert(0, str(sdk))
    access = importlib.import_module("ombud.common.v1.access_pb2").access
    lines = [HEAD]
    for path in sorted(sdk.glob("ombud/*/v1/*_service_pb2.py")):
        module = importlib.import_module(".".join(path.relative_to(sdk).with_suffix("").parts))
        for service in module.DESCRIPTOR.services_by_name.values():
            lines += [f"## {service.full_name}", "", "| RPC | workloads | roles | second person |", "|---|---|---|---|"]
            lines += [_row(method.name, method.GetOptions().Extensions[access]) for method in service.methods]
            lines.append("")
    return "\n".join(lines)


def _row(name, option) -> str:
    workloads = "everybody" if option.public else ", ".join(sorted(option.workloads)) or "nobody"
    roles = ", ".join(sorted(option.roles)) or "-"
    return f"| {name} | {workloads} | {roles} | {'yes' if option.second_person else '-'} |"


def main() -> None:
    """Writes the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sdk", nargs="?", type=Path, default=ROOT / "sdk")
    parser.add_argument("out", nargs="?", type=Path, default=ROOT / "docs" / "access.md")
    options = parser.parse_args()
    options.out.write_text(page(options.sdk), encoding="utf-8")


if __name__ == "__main__":
    main()
