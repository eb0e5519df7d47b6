"""What the Containerfile says, done without a container engine: its instructions make layers over this machine's files.

Those stand for the base image's, and the tests' own Python for its Python. Each command has a mount namespace of its
own, for which the tests need Linux and the right to mount.
"""

import fnmatch
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONTAINERFILE = ROOT / "deploy" / "Containerfile"
WRITABLE = "/var/lib/ombud"


@dataclass
class Stage:
    """One stage.

    Attributes:
        layer: The files that it adds to the base.
        environment: Its `ENV`.
        user: Its `USER`.
        entrypoint: Its `ENTRYPOINT`.
    """

    layer: Path
    environment: dict[str, str] = field(default_factory=dict)
    user: str = "0:0"
    entrypoint: list[str] = field(default_factory=list)

    def path(self, inside: str) -> Path:
        """Where a path of the stage is on this machine, if the stage itself made it."""
        return self.layer / inside.lstrip("/")


def can_build() -> bool:
    """Whether this machine lets the tests mount."""
    program = shutil.which("unshare")
    if program is None:
        return False
    return subprocess.run([program, "--mount", "true"], capture_output=True, check=False).returncode == 0  # noqa: S603 - as it says


def built(folder: Path) -> Stage:
    """Builds the stages one after the other, each over the base; gives the last.

    Args:
        folder: Where the layers go.
    """
    stages: dict[str, Stage] = {}
    let_in = CONTAINERFILE.with_suffix(".dockerignore").read_text("utf-8").split()
    directory, stage = "/", Stage(folder)
    for instruction, argument in _instructions():
        words = argument.split()
        if instruction == "FROM":
            directory, stage = "/", Stage(folder / f"layer-{len(stages)}")
            stage.layer.mkdir(parents=True)
            stages[words[2] if "AS" in words else "last"] = stage
        elif instruction == "WORKDIR":
            directory = argument
            stage.path(directory).mkdir(parents=True)
        elif instruction == "RUN":
            command = entering(stage, ["sh", "-euc", f"cd {directory}; {argument}"], building=True)
            subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own Containerfile
        elif instruction == "COPY" and words[0].startswith("--from="):
            source = stages[words[0].removeprefix("--from=")]
            shutil.copytree(source.path(words[1]), stage.path(words[2]), symlinks=True)
        elif instruction == "COPY":
            _copy(words[:-1], stage.path(str(Path(directory, words[-1]))), let_in)
        else:
            _declare(stage, instruction, argument)
    return stages["last"]


def entering(
    stage: Stage, command: Sequence[str], *, building: bool = False, mounts: Mapping[str, Path] | None = None
) -> list[str]:
    """The command line that runs a command in a stage.

    Args:
        stage: The stage.
        command: The command and its arguments.
        building: Whether it runs as root and what it writes goes to the stage; else it runs as the stage's user,
            without any capability and on a root that is read-only, as under the manifests.
        mounts: By where it is seen, a folder or file of this machine; read-only but for `WRITABLE`.
    """
    seen = dict(mounts or {})
    root, work = (stage.layer.with_suffix(suffix) for suffix in (".root", ".work"))
    root.mkdir(exist_ok=True)
    work.mkdir(exist_ok=True)
    user, _, group = stage.user.partition(":")
    rights = f"setpriv --reuid={user} --regid={group} --clear-groups --bounding-set=-all --no-new-privs"
    # Nothing may come from the checkout or from a home.
    hidden = [path for path in ("/home", "/root", "/tmp", f"/{ROOT.parts[1]}") if Path(path).is_dir()]  # noqa: S108 - emptied
    script = [
        f"mount -t overlay overlay -o lowerdir=/,upperdir={stage.layer},workdir={work} {root}",
        *_bound(Path(sys.base_prefix), f"{root}/usr/local"),
        f"mount --rbind /dev {root}/dev",
        f"mount -t proc proc {root}/proc",
        # As the root itself resolves it: a link to `/run` would lead out of it.
        *(line for there, here in seen.items() for line in _bound(here, f"{root}{os.path.realpath(there)}")),
        *(f"mount -t tmpfs -o mode=1777 tmpfs {root}{path}" for path in hidden),
        *([] if building else [f"mount -o remount,ro {root}"]),
        *(f'export {name}="{value}"' for name, value in stage.environment.items()),
        # In the base image the linker knows where its Python's library is.
        "export LD_LIBRARY_PATH=/usr/local/lib",
        f"exec chroot {root} {'' if building else rights} {shlex.join(command)}",
    ]
    return ["unshare", "--mount", "--propagation", "private", "sh", "-euc", "\n".join(script)]


def _bound(here: Path, there: str) -> Iterator[str]:
    yield f"mkdir -p {there}" if here.is_dir() else f"mkdir -p {Path(there).parent}; touch {there}"
    yield f"mount --bind {here} {there}"
    if not there.endswith(WRITABLE):
        yield f"mount -o remount,bind,ro {there}"


def _instructions() -> Iterator[tuple[str, str]]:
    text = re.sub(r"^#.*\n", "", CONTAINERFILE.read_text("utf-8"), flags=re.MULTILINE)
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        if line:
            instruction, _, argument = line.partition(" ")
            yield instruction, argument


def _declare(stage: Stage, instruction: str, argument: str) -> None:
    match instruction:
        case "ENV":
            stage.environment |= dict(word.split("=", 1) for word in argument.split())
        case "USER":
            stage.user = argument
        case "ENTRYPOINT":
            stage.entrypoint = re.findall(r'"([^"]+)"', argument)
        case "ARG" | "LABEL" | "EXPOSE" | "CMD":
            pass
        case _:
            raise AssertionError(f"{instruction} is not known here")


def _copy(sources: Sequence[str], target: Path, let_in: Sequence[str]) -> None:
    """Copies what the context lets in: nothing but what a `!` names, and of that not what a `**/` names."""
    allowed = [Path(pattern.removeprefix("!")) for pattern in let_in if pattern.startswith("!")]
    kept_out = [pattern.removeprefix("**/") for pattern in let_in if pattern.startswith("**/")]
    found = [path for pattern in sources for path in sorted(ROOT.glob(pattern))]
    for source in found:
        name = source.relative_to(ROOT)
        assert any(each == name or each in name.parents for each in allowed), f"{name} is kept out"
        if source.is_dir():
            shutil.copytree(source, target, ignore=lambda _, names: {n for n in names if _matches(n, kept_out)})
        else:
            into = target / source.name if len(found) > 1 or target.is_dir() else target
            into.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, into)


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)
