"""Generates the SDK's message, stub and type modules from protos/, and the image that buf reads.

Run with the interpreter of the codegen environment (`make protos`). Arguments: the output folder
(default sdk) and, with --image FILE, where to write the descriptor image.
"""

import argparse
import subprocess
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.rpc import code_pb2
from protovalidate._gen.buf.validate import validate_pb

ROOT = Path(__file__).resolve().parent.parent
PROTOS = ROOT / "protos"
VALIDATE = "buf/validate/validate.proto"


def _validate_set() -> bytes:
    """The descriptors of buf.validate and what it imports, in dependency order."""
    ordered: dict[str, bytes] = {}

    def visit(desc) -> None:
        for dependency in desc.dependencies:
            visit(dependency)
        ordered.setdefault(desc.proto.name, desc.proto.to_binary())

    visit(validate_pb._DESC)
    descriptors = FileDescriptorSet()
    for raw in ordered.values():
        descriptors.file.add().ParseFromString(raw)
    return descriptors.SerializeToString(deterministic=True)


def _protoc(arguments: list[str]) -> None:
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *arguments], check=True)  # noqa: S603 - own arguments


def main() -> None:
    """Generates everything below the output folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", nargs="?", type=Path, default=ROOT / "sdk")
    parser.add_argument("--image", type=Path)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    sources = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.rglob("*.proto"))
    with tempfile.TemporaryDirectory() as scratch:
        validate_set = Path(scratch, "validate.binpb")
        validate_set.write_bytes(_validate_set())
        common = [
            f"--descriptor_set_in={validate_set}",
            f"-I{PROTOS}",
            f"-I{files('grpc_tools') / '_proto'}",
            f"-I{Path(code_pb2.__file__).parent.parent.parent}",
            f"--plugin=protoc-gen-mypy={Path(sys.executable).parent / 'protoc-gen-mypy'}",
            f"--plugin=protoc-gen-mypy_grpc={Path(sys.executable).parent / 'protoc-gen-mypy_grpc'}",
        ]
        _protoc([*common, f"--python_out={options.out}", f"--mypy_out=quiet:{options.out}", VALIDATE])
        _protoc(
            [
                *common,
                f"--python_out={options.out}",
                f"--grpc_python_out={options.out}",
                f"--mypy_out=quiet:{options.out}",
                f"--mypy_grpc_out=quiet:{options.out}",
                *sources,
            ]
        )
        if options.image:
            image = ["--include_imports", "--include_source_info", f"--descriptor_set_out={options.image}"]
            _protoc([*common, *image, *sources])
    _drop_empty_stubs(options.out)


def _drop_empty_stubs(out: Path) -> None:
    """Removes the *_pb2_grpc modules of files that declare no service."""
    for stub in out.glob("ombud/*/v1/*_pb2_grpc.py"):
        if "Stub(" not in stub.read_text():
            stub.unlink()
            stub.with_suffix(".pyi").unlink(missing_ok=True)


if __name__ == "__main__":
    main()
