"""The servers of a data folder: a Kafka node (KRaft), a schema registry, a Connect worker."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.kafka_server import process
from tests.kafka_server.jars import ServerToolError, install, java
from tests.kafka_server.process import HOST, Program, Running

REGISTRY_PATH = "/apis/ccompat/v7"  # Confluent's API, as Apicurio serves it.

_CLUSTER_ID = "MkU3OEVBNTcwNTJENDM2Qk"  # Any 16 bytes in base64: the nodes never meet.
_FORMATTED = ("meta.properties", "bootstrap.checkpoint")
_JSON = "org.apache.kafka.connect.json.JsonConverter"


def start_kafka(data: Path, port: int = 0, settings: Mapping[str, str] | None = None) -> str:
    """Starts the broker of a folder (or finds it running) and gives its bootstrap address.

    Topics are not created by themselves, and old records are kept unless a topic says otherwise.
    Records stay in the folder over a stop.

    Raises:
        ServerToolError: It cannot be fetched or does not start.
    """
    with _turn(data):
        found = process.running(data, "kafka")
        if found is None:
            found = _launch_kafka(data, install("kafka", prime), port, settings or {})
        return f"{HOST}:{found.port}"


def start_registry(data: Path, port: int = 0) -> str:
    """Starts a schema registry (in memory) and gives the address for Confluent's client."""
    with _turn(data):
        found = process.running(data, "registry")
        if found is None:
            jar = next(install("registry").rglob("*-runner.jar"), None)
            if jar is None:
                raise ServerToolError("nothing to run among the registry's files")
            port = port or process.free_port()
            arguments = [
                f"-Dquarkus.http.host={HOST}",
                f"-Dquarkus.http.port={port}",
                "-Dquarkus.management.enabled=false",
                "-Dapicurio.storage.kind=sql",
                "-Dapicurio.storage.sql.kind=h2",
                "-Dapicurio.datasource.url=jdbc:h2:mem:registry",
                "-Dquarkus.log.level=WARN",
                "-Djava.util.logging.manager=org.jboss.logmanager.LogManager",
                "-jar",
                str(jar),
            ]
            answers = process.http_answers(f"{REGISTRY_PATH}/subjects")
            program = Program(["-Xms64m", "-Xmx384m"], arguments, answers)
            found = process.launch(data, "registry", program, port)
        return f"http://{HOST}:{found.port}{REGISTRY_PATH}"


def start_connect(data: Path, port: int = 0, settings: Mapping[str, str] | None = None) -> str:
    """Starts a Connect worker on the folder's broker and gives its address.

    It has the FileStream connectors; more go into the folder's `plugins` before.
    """
    broker = _broker(data)
    with _turn(data):
        found = process.running(data, "connect")
        if found is None:
            jars = install("connect")
            port = port or process.free_port()
            (data / "plugins").mkdir(exist_ok=True)
            properties = {
                "bootstrap.servers": f"{HOST}:{broker.port}",
                "group.id": "connect",
                "listeners": f"http://{HOST}:{port}",
                "rest.advertised.host.name": HOST,
                "key.converter": _JSON,
                "key.converter.schemas.enable": "false",
                "value.converter": _JSON,
                "value.converter.schemas.enable": "false",
                "config.storage.topic": "connect-configs",
                "config.storage.replication.factor": "1",
                "offset.storage.topic": "connect-offsets",
                "offset.storage.replication.factor": "1",
                "offset.storage.partitions": "1",
                "status.storage.topic": "connect-status",
                "status.storage.replication.factor": "1",
                "status.storage.partitions": "1",
                "offset.flush.interval.ms": "1000",
                "plugin.path": str(data / "plugins"),
                "plugin.discovery": "hybrid_warn",
                **(settings or {}),
            }
            main = "org.apache.kafka.connect.cli.ConnectDistributed"
            arguments = [process.log4j(data), "-cp", f"{jars}/*", main]
            arguments.append(str(_write(data / "connect.properties", properties)))
            answers = process.http_answers("/connectors")
            program = Program(["-Xms64m", "-Xmx256m"], arguments, answers)
            found = process.launch(data, "connect", program, port)
        return f"http://{HOST}:{found.port}"


def run_tool(data: Path, class_name: str, arguments: list[str]) -> int:
    """Runs one of Kafka's command-line classes, with `{bootstrap}` replaced; its exit code."""
    address = f"{HOST}:{_broker(data).port}"
    command = [java(), "-Xmx512m", process.log4j(data, "WARN"), "-cp", f"{install('tools')}/*"]
    command += [class_name, *(each.replace("{bootstrap}", address) for each in arguments)]
    return subprocess.run(command, check=False).returncode


def stop_all(data: Path) -> None:
    """Stops what runs on the folder, the broker last."""
    for name in ("connect", "registry", "kafka"):
        process.stop(data, name)


@contextmanager
def _turn(data: Path) -> Iterator[None]:
    """Lets two starts of one folder wait for each other."""
    data.mkdir(parents=True, exist_ok=True)
    with (data / "start.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _broker(data: Path) -> Running:
    found = process.running(data, "kafka")
    if found is None:
        raise ServerToolError(f"no broker runs on {data}")
    return found


def _launch_kafka(data: Path, jars: Path, port: int, settings: Mapping[str, str]) -> Running:
    port = port or process.free_port()
    config = _write(data / "server.properties", _broker_properties(data, port) | dict(settings))
    archive = jars / "classes.jsa"
    options = [f"-XX:SharedArchiveFile={archive}"] if archive.exists() else []
    classes = ["-cp", f"{jars}/*"]
    _format(data, jars, config, plain=not settings)
    arguments = [*options, process.log4j(data), *classes, "kafka.Kafka", str(config)]
    program = Program(["-Xms128m", "-Xmx512m"], arguments, process.broker_answers)
    return process.launch(data, "kafka", program, port)


def _broker_properties(data: Path, port: int) -> dict[str, str]:
    controller = f"{HOST}:{process.free_port()}"
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{controller}",
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{controller}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": str(data / "log"),
        # By their timestamps the records of tests are years old; the default of seven days would
        # delete them at the next look, which comes every five minutes.
        "log.retention.ms": "-1",
        "auto.create.topics.enable": "false",
        "num.partitions": "1",
        "default.replication.factor": "1",
        "min.insync.replicas": "1",
        "delete.topic.enable": "true",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "share.coordinator.state.topic.num.partitions": "1",
        "group.initial.rebalance.delay.ms": "0",
        "group.coordinator.rebalance.protocols": "classic,consumer,streams",
        "log.cleaner.dedupe.buffer.size": "8388608",
        "num.network.threads": "2",
        "num.io.threads": "4",
        "queued.max.requests": "100",
        "initial.broker.registration.timeout.ms": "60000",
    }


def _format(data: Path, jars: Path, config: Path, *, plain: bool) -> None:
    """Formats a new folder; with plain settings by copying one that was formatted before."""
    log = data / "log"
    if (log / "meta.properties").exists():
        return
    ready_made = jars / "formatted"
    if plain and all((ready_made / name).exists() for name in _FORMATTED):
        log.mkdir(exist_ok=True)
        for name in _FORMATTED:
            shutil.copy(ready_made / name, log / name)
        return
    command = [java(), "-XX:TieredStopAtLevel=1", process.log4j(data, "WARN"), "-cp", f"{jars}/*"]
    command += ["kafka.tools.StorageTool", "format", "-t", _CLUSTER_ID, "-c", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ServerToolError(f"the folder cannot be formatted:\n{done.stdout}{done.stderr}")


def prime(jars: Path) -> None:
    """Runs one node: with its class archive and formatted folder later starts take a third."""
    with tempfile.TemporaryDirectory(prefix="kafka-tool-") as place:
        data = Path(place)
        before = os.environ.get("KAFKA_TOOL_JVM")
        os.environ["KAFKA_TOOL_JVM"] = f"-XX:ArchiveClassesAtExit={jars / 'classes.jsa'}"
        try:
            _launch_kafka(data, jars, 0, {})
        finally:
            process.stop(data, "kafka")
            if before is None:
                del os.environ["KAFKA_TOOL_JVM"]
            else:
                os.environ["KAFKA_TOOL_JVM"] = before
        (jars / "formatted").mkdir(exist_ok=True)
        for name in _FORMATTED:
            shutil.copy(data / "log" / name, jars / "formatted" / name)


def _write(file: Path, properties: Mapping[str, str]) -> Path:
    file.write_text("".join(f"{key}={value}\n" for key, value in properties.items()))
    return file
