"""Kafka as the source, with a real broker on loopback: through kills, losses and outages."""

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyspark
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from fitness.samples.records import BPM, USER_INFO, WORKOUT
from fitness.settings import export
from tests.python.lake import FITNESS, Lake, free_port, wait_until

BROKER = "org.apache.kafka:kafka_2.13:4.1.0"
SUBMIT = Path(pyspark.__file__).parent / "bin" / "spark-submit"


class Broker:
    """A Kafka broker of one node, its jars fetched by Spark's own resolver."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server, controller = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
        self.settings = folder / "server.properties"
        self.settings.write_text(
            "process.roles=broker,controller\n"
            "node.id=1\n"
            f"controller.quorum.bootstrap.servers={controller}\n"
            f"listeners=PLAINTEXT://{self.server},CONTROLLER://{controller}\n"
            "controller.listener.names=CONTROLLER\n"
            f"log.dirs={folder}/data\n"
            "offsets.topic.replication.factor=1\n"
        )
        format_it = ("format", "-t", "MkU3OEVBNTcwNTJENDM2Qg", "--standalone", "-c")
        code = self.run("kafka.tools.StorageTool", *format_it, str(self.settings)).wait()
        assert code == 0, (folder / "broker.log").read_text()[-2000:]
        self.process = self.start()

    def run(self, main: str, *arguments: str) -> "subprocess.Popen[bytes]":
        """Run a program of Kafka's."""
        with (self.folder / "broker.log").open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - a jar of Kafka's
                [SUBMIT, "--packages", BROKER, "--class", main, "spark-internal", *arguments],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start(self) -> "subprocess.Popen[bytes]":
        """Start the broker, and wait until it answers."""
        self.process = self.run("kafka.Kafka", str(self.settings))
        wait_until(self.answers, "the broker answers")
        return self.process

    def answers(self) -> bool:
        """Return whether the broker answers."""
        try:
            AdminClient({"bootstrap.servers": self.server, "log_level": 0}).list_topics(timeout=2)
        except Exception:
            return False
        return True

    def stop(self) -> None:
        """Kill the broker."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def create_topics(self, *topics: str) -> None:
        """Create topics of two partitions."""
        admin = AdminClient({"bootstrap.servers": self.server})
        new = [NewTopic(topic, num_partitions=2, replication_factor=1) for topic in topics]
        for made in admin.create_topics(new).values():
            made.result(timeout=30)

    def send(self, topic: str, values: list[str]) -> None:
        """Send records, each with its number as its key."""
        producer = Producer({"bootstrap.servers": self.server, "log_level": 0})
        for number, value in enumerate(values):
            producer.produce(topic, value, key=str(number))
            producer.poll(0)
        assert producer.flush(60) == 0


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    broker = Broker(tmp_path_factory.mktemp("broker"))
    yield broker
    broker.stop()


def start_ingest(lake: Lake, broker: Broker, *arguments: str) -> "subprocess.Popen[str]":
    export(lake.settings)
    return subprocess.Popen(  # noqa: S603 - our own command line
        [*FITNESS, "ingest", *arguments],
        env=os.environ | {"FITNESS_KAFKA": broker.server},
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def bronze(lake: Lake, table: str) -> Counter[tuple[object, ...]]:
    """Count a table's rows by where they came from and their payload."""
    if not (lake.settings.lakehouse / "bronze" / table / "_delta_log").exists():
        return Counter()
    lake.forget_logs()
    names = ("device_id", "time", "heartrate") if table == "heart_rate_bz" else ("user_id",)
    return Counter(tuple(row[name] for name in names) for row in lake.rows(f"bronze.{table}"))


def readings(start: int, count: int) -> list[str]:
    return [f'{{"device_id":1,"time":{t},"heartrate":60}}' for t in range(start, start + count)]


def expected(count: int) -> Counter[tuple[object, ...]]:
    return Counter((1, float(t), 60.0) for t in range(count))


@pytest.mark.slow
def test_records_land_once_through_kills_and_an_outage_of_the_broker(
    warm_lake: Lake, tmp_path: Path, broker: Broker
) -> None:
    lake = Lake(tmp_path)
    broker.create_topics(BPM, WORKOUT)  # user_info is made later
    broker.send(BPM, readings(0, 20_000))
    broker.send(WORKOUT, ['{"user_id":1,"action":"start","timestamp":5}', "no JSON"])
    first = start_ingest(lake, broker)
    wait_until(lambda: (lake.settings.positions / "kafka.json").exists(), "a batch begins")
    time.sleep(1)
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    output, _ = (again := start_ingest(lake, broker)).communicate()
    assert again.returncode == 0, output
    assert bronze(lake, "heart_rate_bz") == expected(20_000)
    rows = {str(row["_raw"]): row for row in lake.rows("bronze.workouts_bz")}
    assert len(rows) == 2
    row = next(row for row in rows.values() if not row["_is_malformed"])
    assert (row["user_id"], row["action"], row["topic"], row["key"]) == (1, "start", WORKOUT, "0")
    assert str(row["_source_file"]).startswith("kafka:/workout/")

    # The checkpoint is lost, a topic is new, and the broker goes away while the ingest runs.
    (lake.settings.checkpoints / "kafka").rename(tmp_path / "lost")
    broker.create_topics(USER_INFO)
    broker.send(USER_INFO, ['{"user_id":7,"update_type":"new","timestamp":5}'])
    process = start_ingest(lake, broker, "--continuous", "--interval", "1s")
    wait_until(lambda: bronze(lake, "user_info_bz") == Counter({(7,): 1}), "the new topic landed")
    broker.stop()
    time.sleep(5)
    broker.start()
    broker.send(BPM, readings(20_000, 1_000))
    wait_until(lambda: bronze(lake, "heart_rate_bz") == expected(21_000), "the rest landed", 300)
    os.kill(process.pid, signal.SIGTERM)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    assert "kafka: its checkpoint is gone" in output
    assert bronze(lake, "heart_rate_bz") == expected(21_000)
    assert bronze(lake, "workouts_bz").total() == 2
