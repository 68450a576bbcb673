"""The jars of the servers: fetched once by Maven into a cache that all checkouts share."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

Part = Literal["kafka", "tools", "connect", "registry"]
PARTS: tuple[Part, ...] = ("kafka", "tools", "connect", "registry")
ATTEMPTS_MAX = 3  # A registry that is asked for 200 files now and then refuses one.

_POM = Path(__file__).resolve().parent / "pom.xml"


class ServerToolError(Exception):
    """A server cannot be fetched, started or asked."""


def missing_programs() -> list[str]:
    """The programs that this machine lacks."""
    return [name for name in (java(), "mvn") if shutil.which(name) is None]


def java() -> str:
    """The JVM to use."""
    home = os.environ.get("JAVA_HOME")
    return str(Path(home) / "bin" / "java") if home else "java"


def jars_root() -> Path:
    """Where the jars are: a changed pom.xml gets a folder of its own.

    `KAFKA_TOOL_CACHE` replaces the default, ~/.cache/kafka-tool.
    """
    cache = os.environ.get("KAFKA_TOOL_CACHE")
    root = Path(cache) if cache else Path.home() / ".cache" / "kafka-tool"
    return root / hashlib.sha256(_POM.read_bytes()).hexdigest()[:12]


def installed(part: Part) -> bool:
    """Whether the jars of a part are there."""
    return (jars_root() / part / ".done").exists()


def install(part: Part, prime: Callable[[Path], None] | None = None) -> Path:
    """The folder with the jars of a part, fetched if they are not there.

    `prime` is called on a new folder before it counts as installed.

    Raises:
        ServerToolError: Maven could not fetch them.
    """
    root = jars_root()
    folder = root / part
    if installed(part):
        return folder
    root.mkdir(parents=True, exist_ok=True)
    with (root / "install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not installed(part):
            shutil.rmtree(folder, ignore_errors=True)
            _fetch(part, folder)
            for archive in folder.glob("*.tar.gz"):
                with tarfile.open(archive) as packed:
                    packed.extractall(folder, filter="data")
                archive.unlink()
            if prime is not None:
                prime(folder)
            (folder / ".done").write_text(part + "\n")
    return folder


def _fetch(part: Part, folder: Path) -> None:
    command = ["mvn", "-B", "-q", "-f", str(_POM), f"-P{part}", "dependency:copy-dependencies"]
    command += ["-DincludeScope=runtime", "-Dmdep.useBaseVersion=true"]
    command += [f"-DoutputDirectory={folder}"]
    said = ""
    for _ in range(ATTEMPTS_MAX):
        done = subprocess.run(
            command, capture_output=True, stdin=subprocess.DEVNULL, text=True, check=False
        )
        if done.returncode == 0:
            return
        said = done.stdout + done.stderr
    raise ServerToolError(f"Maven could not fetch the jars of {part}:\n{said}")
