"""What changes the world: the actions of statements, carried out or only checked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from merganser.engine.clock import Clock
from merganser.engine.duck import Duck
from merganser.engine.execution.compile import compile_plan
from merganser.engine.log.protocol import Log, Output, Topic
from merganser.engine.plan.nodes import PlanNode
from merganser.engine.plan.upgrade import check_plan_upgrade
from merganser.engine.runtime.runner import STOP_SECONDS_MAX, TaskRunner
from merganser.engine.runtime.task import QuerySpec, Task


@dataclass(slots=True)
class Running:
    """A persistent query as the engine holds it. `paused` also before it was started."""

    task: Task
    runner: TaskRunner | None = None
    paused: bool = False


@dataclass
class TaskTable:
    """The persistent queries of an engine, in creation order.

    Attributes:
        autorun: Tasks get threads; else a test drives them.
        started: Before the engine has started, tasks wait.
    """

    duck: Duck
    log: Log
    clock: Clock
    data_dir: Path | None
    autorun: bool
    started: bool = False
    running: dict[str, Running] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def add(self, spec: QuerySpec, *, paused: bool = False) -> None:
        """Adds a query and starts it."""
        path = None
        if self.data_dir is not None:
            folder = self.data_dir / "state"
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{spec.query_id}.duckdb"
        task = Task(spec, duck=self.duck, log=self.log, clock=self.clock, state_path=path)
        with self.lock:
            self.running[spec.query_id] = Running(task, paused=paused)
            if self.started:
                self._start(self.running[spec.query_id])

    def start(self) -> None:
        """Starts all queries that were added so far."""
        with self.lock:
            self.started = True
            for entry in self.running.values():
                self._start(entry)

    def _start(self, entry: Running) -> None:
        if not self.autorun or entry.runner is not None:
            return
        entry.runner = TaskRunner(entry.task, self.log)
        if entry.paused:
            entry.runner.pause(paused=True)
        entry.runner.start()

    def remove(self, query_id: str) -> None:
        """Stops a query and forgets its state and its commit records."""
        with self.lock:
            entry = self.running.pop(query_id)
        if entry.runner is not None:
            entry.runner.stop()
        if self.started:
            entry.task.forget()

    def replace(self, spec: QuerySpec) -> None:
        """Stops a query and goes on with another plan from the same place."""
        with self.lock:
            old = self.running[spec.query_id]
        check_plan_upgrade(old.task.spec.plan, spec.plan)
        if old.runner is not None:
            old.runner.stop()
        old.task.close()
        self.add(spec, paused=old.paused)

    def pause(self, query_id: str, *, paused: bool) -> None:
        """Pauses a query, or lets it go on."""
        with self.lock:
            entry = self.running[query_id]
            entry.paused = paused
            if entry.runner is not None:
                entry.runner.pause(paused=paused)

    def stop(self) -> None:
        """Ends all threads, together; state and positions stay."""
        with self.lock:
            entries = list(self.running.values())
        for entry in entries:
            if entry.runner is not None:
                entry.runner.tell_to_stop()
        deadline = time.monotonic() + STOP_SECONDS_MAX
        for entry in entries:
            left = max(deadline - time.monotonic(), 0.0)
            # Closing a task under its thread's hands waits without end while the log is away.
            if entry.runner is None or entry.runner.stop(left):
                entry.task.close()


class RealActions:
    """Carries the effects of statements out."""

    def __init__(self, tasks: TaskTable, log: Log, close_push: Callable[[str], bool]) -> None:
        self._tasks = tasks
        self._log = log
        self._close_push = close_push
        self.seen: dict[str, int | None] = {}

    def topic(self, name: str) -> Topic | None:
        found = self._log.topic(name)
        self.seen[name] = found.partition_count if found is not None else None
        return found

    def create_topic(
        self, name: str, partition_count: int, replica_count: int | None, config: Mapping[str, str]
    ) -> None:
        self._log.create_topic(name, partition_count, replica_count, config)

    def delete_topic(self, name: str) -> None:
        self._log.delete_topic(name)

    def start_query(self, spec: QuerySpec) -> None:
        self._tasks.add(spec)

    def replace_query(self, spec: QuerySpec) -> None:
        self._tasks.replace(spec)

    def plans(self) -> Mapping[str, PlanNode]:
        return {query_id: e.task.spec.plan for query_id, e in self._tasks.running.items()}

    def stop_query(self, query_id: str) -> None:
        self._tasks.remove(query_id)

    def pause_query(self, query_id: str, *, paused: bool) -> None:
        self._tasks.pause(query_id, paused=paused)

    def close_push_query(self, query_id: str) -> bool:
        return self._close_push(query_id)

    def append(self, output: Output) -> None:
        self._log.append(output)


class DryActions:
    """Does nothing, but lets each statement of a script see what the earlier ones would do."""

    def __init__(self, tasks: TaskTable, log: Log) -> None:
        self._tasks = tasks
        self._log = log
        self._made: dict[str, Topic | None] = {}
        self._plans: dict[str, PlanNode] = {
            query_id: e.task.spec.plan for query_id, e in tasks.running.items()
        }

    def topic(self, name: str) -> Topic | None:
        return self._made[name] if name in self._made else self._log.topic(name)

    def create_topic(
        self, name: str, partition_count: int, replica_count: int | None, config: Mapping[str, str]
    ) -> None:
        replicas = (replica_count or 1,) * partition_count
        self._made[name] = Topic(name, partition_count, replicas, config)

    def delete_topic(self, name: str) -> None:
        self._made[name] = None

    def start_query(self, spec: QuerySpec) -> None:
        compile_plan(spec.plan)  # What cannot be run is refused now.
        self._plans[spec.query_id] = spec.plan

    def replace_query(self, spec: QuerySpec) -> None:
        compile_plan(spec.plan)
        check_plan_upgrade(self._plans[spec.query_id], spec.plan)
        self._plans[spec.query_id] = spec.plan

    def plans(self) -> Mapping[str, PlanNode]:
        return self._plans

    def stop_query(self, query_id: str) -> None:
        self._plans.pop(query_id, None)

    def pause_query(self, query_id: str, *, paused: bool) -> None:
        pass

    def close_push_query(self, query_id: str) -> bool:
        return True

    def append(self, output: Output) -> None:
        pass


class RestoreActions(RealActions):
    """Rebuilds what the commands made: topics are left as they are, tasks wait for the start."""

    def __init__(self, tasks: TaskTable, log: Log) -> None:
        super().__init__(tasks, log, lambda _query_id: True)
        self.recorded: Mapping[str, int | None] = {}

    def topic(self, name: str) -> Topic | None:
        count = self.recorded.get(name)
        return Topic(name, count, (1,) * count) if count is not None else None

    def create_topic(
        self, name: str, partition_count: int, replica_count: int | None, config: Mapping[str, str]
    ) -> None:
        """The topic was made when the command first ran."""

    def delete_topic(self, name: str) -> None:
        """It was deleted then; one of that name that is there now is another."""

    def append(self, output: Output) -> None:
        """INSERT VALUES is no command."""
