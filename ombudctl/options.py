"""Options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[Path, typer.Option(help="Folder of the suite.", show_default=True)]
Target = Annotated[str, typer.Option(help="Where the suite serves.", show_default=True)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Staff = Annotated[str, typer.Option(help="Your staff id, for a suite on this machine.")]
TokenFile = Annotated[Path | None, typer.Option(help="Your token, for a suite on another machine.")]
TlsFolder = Annotated[Path | None, typer.Option(help="Folder with ca.pem, cert.pem, key.pem, for the same.")]

DATA = Path("data")
TARGET = "127.0.0.1:7700"
