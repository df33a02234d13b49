"""An archive of the Java classes that Spark loads, so that every later start is seconds faster.

The JVM maps the archive (class data sharing) instead of reading, checking and linking some 20,000
classes. Without it, or with one of another Java or of a folder that has moved since, everything
works, more slowly.
"""

import logging
import shutil
import sys
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from python_ingest.ingest import ingest
from python_ingest.produce import World, produce
from python_ingest.settings import PROJECT, Settings, spark_conf
from python_ingest.spark import JAVA_OPTIONS, end_jvm, java_build, java_path, start_spark

# Named in profiles.yml too.
ARCHIVE = PROJECT / ".cache" / "spark.jsa"
TRAINING = (
    "create or replace temporary view news as select * from bronze.registered_users_bz",
    "create table silver.training using delta as select * from news",
    "merge into silver.training as t using news as n on t.user_id <=> n.user_id "
    "when matched then update set * when not matched then insert *",
    "select user_id, count(*), max(mac_address) from silver.training group by user_id order by 1",
)


def make_archive(archive: Path = ARCHIVE) -> None:
    """Load the classes of an ingest and of some SQL; leave their archive and its label."""
    archive.parent.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder:
        partial = Path(folder) / archive.name
        settings = Settings(Path(folder) / "landing", Path(folder) / "lakehouse", "local")
        produce(World(users=2, days=1, seed=0, files=1, readings=100), settings.landing)
        settings.export()
        conf = dict(spark_conf(settings.target))
        conf[JAVA_OPTIONS] = conf[JAVA_OPTIONS].replace(
            f"-XX:SharedArchiveFile={archive.relative_to(PROJECT)}",
            f"-XX:ArchiveClassesAtExit={partial}",
        )
        spark = start_spark(settings, conf)
        ingest(spark, settings)
        for schema in ("bronze", "silver"):
            spark.sql(f"create schema {schema} location '{schema}'")
        spark.sql(
            "create table bronze.registered_users_bz using delta "
            f"location '{settings.lakehouse}/bronze/registered_users_bz'"
        )
        for statement in TRAINING:
            spark.sql(statement).collect()
        end_jvm(spark)  # Which writes the archive at its end.
        shutil.move(partial, archive)
        label_of(archive).write_text(made_for())


def is_current(archive: Path = ARCHIVE) -> bool:
    """Tell whether an archive is there that Java will take."""
    label = label_of(archive)
    return archive.exists() and label.exists() and label.read_text() == made_for()


def label_of(archive: Path) -> Path:
    """Give the file that says what an archive was made for."""
    return archive.with_suffix(".txt")


def made_for() -> str:
    """Say which Java takes an archive made now: this one, for these jars at these paths alone."""
    locked = sha256((PROJECT / "uv.lock").read_bytes()).hexdigest()
    return f"{java_build(java_path())}{PROJECT}\n{locked}\n"


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    if not is_current():
        sys.stderr.write("Archiving Spark's classes (once; every start is faster for it)\n")
        make_archive()
