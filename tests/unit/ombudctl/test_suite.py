from pathlib import Path

import pytest

from ombudctl.output import CommandError
from ombudctl.suite import reach


def test_suite_elsewhere_is_not_reached_without_certificates_that_can_be_used(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"ombud\.example:7700 is not on this host"):
        reach("ombud.example:7700", token="t")
    for name in ("ca.pem", "cert.pem", "key.pem"):
        (tmp_path / name).write_text("nothing")
    with pytest.raises(CommandError, match=r"ca\.pem: holds not certificates in PEM"):
        reach("ombud.example:7700", tls=tmp_path)
