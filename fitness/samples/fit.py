"""Import activity files (.fit) of sports watches and bike computers as landing records."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from operator import itemgetter
from pathlib import Path

import fitdecode

from fitness.samples import records
from python_ingest.atomic_write import atomic_write
from python_ingest.errors import FitnessError

_WANTED = ("file_id", "user_profile", "session", "record")
_GENDERS = {"male": "M", "female": "F"}

_Fields = Mapping[str, object]


class FitError(FitnessError, ValueError):
    """A .fit file that cannot be imported; the message names the file and says why."""


class NotFitError(FitError):
    """The file is not a FIT file, or cannot be read at all."""


class DamagedFitError(FitError):
    """The file is cut short, or its content does not match its checksum."""


class NoHeartRateError(FitError):
    """The file is sound but none of its records has a heart rate and a time."""


@dataclass(frozen=True)
class Session:
    """A session of an activity: [start, end) in epoch seconds, and how many readings are in it.

    `avg_bpm` and `max_bpm` are the device's own summary, None where it wrote none.
    """

    start: int
    end: float
    readings: int
    avg_bpm: int | None
    max_bpm: int | None


@dataclass(frozen=True)
class Imported:
    """What one .fit file became: its ids, its sessions, all its readings, the files written."""

    source: Path
    user_id: int
    device_id: int
    sessions: tuple[Session, ...]
    readings: int
    written: tuple[Path, ...]


@dataclass(frozen=True)
class _Activity:
    """A decoded file; `readings` are (epoch seconds, bpm) in order of time, at least one."""

    source: Path
    digest: str
    device: str  # names the device (or, if it has no serial number, the file) that made it
    gender: str | None
    readings: list[tuple[int, int]]
    sessions: tuple[Session, ...]


def import_fit(
    files: Sequence[Path], out: Path, user: int | None = None, device: int | None = None
) -> list[Imported]:
    """Land the heart rate and the sessions of .fit `files` under the landing folder `out`.

    Every session becomes a workout (workout_id is its start in epoch seconds, session_id its
    place in the file from 0) and every record with a heart rate a reading, unchanged. `user` and
    `device` are the ids to land under; where None they are derived from the serial number of the
    device, so that a device always lands under the same ids. Importing a file again under the
    same ids writes the same files with the same lines. All files are decoded before the first is
    written.

    Raises a FitError when a file is refused (nothing is written then), ValueError for an id
    that is not a positive 64-bit integer, OSError when `out` cannot be written.
    """
    if not all(number is None or 0 < number < 2**63 for number in (user, device)):
        raise ValueError(f"user {user}, device {device}: give ids between 1 and 2^63 - 1")
    activities = [_decode(path) for path in files]
    return [_land(activity, out, user, device) for activity in activities]


def _decode(path: Path) -> _Activity:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise NotFitError(f"{path}: cannot be read ({error.strerror}); give a .fit file") from error
    if not content:
        raise NotFitError(f"{path}: empty, not a FIT file; give an activity's .fit")
    messages = _messages(path, content)
    # Until its clock is set a device counts seconds from its start. The decoder leaves such a time
    # a number; its record is skipped.
    readings = [
        (int(time.timestamp()), bpm)
        for record in messages["record"]
        if isinstance(time := record.get("timestamp"), datetime)
        and (bpm := _whole(record.get("heart_rate"))) is not None
    ]
    if not readings:
        raise NoHeartRateError(
            f"{path}: no record has a heart rate and a time; wear a sensor, or leave this file out"
        )
    file_id: _Fields = next(iter(messages["file_id"]), {})
    profile: _Fields = next(iter(messages["user_profile"]), {})
    digest = blake2b(content).hexdigest()
    serial = file_id.get("serial_number")
    readings.sort(key=itemgetter(0))  # Stable: of two in one second, the later record counts.
    return _Activity(
        source=path,
        digest=digest,
        device=f"{file_id.get('manufacturer')}/{serial}" if serial else digest,
        gender=_GENDERS.get(str(profile.get("gender"))),
        readings=readings,
        sessions=_sessions(messages["session"], [time for time, _ in readings]),
    )


def _messages(path: Path, content: bytes) -> dict[str, list[_Fields]]:
    """Return the fields of the wanted messages by message name, in order of the file."""
    found: dict[str, list[_Fields]] = {name: [] for name in _WANTED}
    try:
        with fitdecode.FitReader(
            content,
            check_crc=fitdecode.CrcCheck.RAISE,
            error_handling=fitdecode.ErrorHandling.IGNORE,
        ) as reader:
            for frame in reader:
                if isinstance(frame, fitdecode.FitDataMessage) and frame.name in found:
                    found[frame.name].append({field.name: field.value for field in frame.fields})
    except fitdecode.FitHeaderError as error:
        raise NotFitError(f"{path}: not a FIT file ({error}); give an activity's .fit") from error
    # The checksum stands at the end: on damage before it the decoder fails in any way.
    except Exception as error:
        raise DamagedFitError(
            f"{path}: cut short or damaged ({type(error).__name__}: {error}); copy it again"
        ) from error
    return found


def _sessions(summaries: Sequence[_Fields], times: Sequence[int]) -> tuple[Session, ...]:
    """Find the sessions of the sorted `times`; a single one when `summaries` name none.

    A session lasts its elapsed time, as the device summed it up; where the readings go on for a
    second and more after that, or there is no such time, until a second after the last one. (Some
    devices leave pauses out; all take the last reading a fraction late.) It ends no later than the
    next one begins, else a reading would count twice. A reading at or after the end belongs to no
    session, and lands all the same.
    """
    begun: list[tuple[int, _Fields]] = [
        (int(start.timestamp()), summary)
        for summary in summaries
        if isinstance(start := summary.get("start_time"), datetime)
    ]
    begun = sorted(begun, key=itemgetter(0)) or [(times[0], {})]
    limits = [start for start, _ in begun[1:]] + [2**63]
    sessions = []
    for (start, summary), limit in zip(begun, limits, strict=True):
        first, past = bisect_left(times, start), bisect_left(times, limit)
        elapsed = summary.get("total_elapsed_time")
        end = start + elapsed if isinstance(elapsed, int | float) else start
        if first < past and times[past - 1] >= end + 1:
            end = times[past - 1] + 1
        end = round(min(end, limit), 3)
        summarised = (_whole(summary.get(f"{name}_heart_rate")) for name in ("avg", "max"))
        sessions.append(Session(start, end, bisect_left(times, end) - first, *summarised))
    return tuple(sessions)


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _land(activity: _Activity, out: Path, user: int | None, device: int | None) -> Imported:
    user_id = user or _derived_id("user", activity.device)
    device_id = device or _derived_id("device", activity.device)
    mac = records.mac_address(_derived_id("mac", str(device_id)))
    # Named after all that the lines depend on: a file is replaced by the same lines only.
    name = f"fit-{_derived_id('file', f'{activity.digest}/{user_id}/{device_id}'):016x}"

    registrations = out / records.REGISTERED_USERS / f"{name}.csv"
    with atomic_write(registrations) as file:
        file.write(records.csv_line(*records.REGISTERED_USERS_HEADER))
        file.write(records.csv_line(user_id, device_id, mac, activity.sessions[0].start))
    multiplex = out / records.MULTIPLEX / f"{name}.json"
    with atomic_write(multiplex) as file:
        # The file's profile has only the gender: it must not replace the profile of a given user.
        gender = activity.gender if user is None else None
        events = _events(activity, user_id, device_id, gender)
        for offset, (topic, key, time, value) in enumerate(events):
            text = records.json_text(value)
            line = records.multiplex_line(
                topic, text, key=str(key), partition=0, offset=offset, timestamp=time
            )
            file.write(line)
    written = (registrations, multiplex)
    count = len(activity.readings)
    return Imported(activity.source, user_id, device_id, activity.sessions, count, written)


def _events(
    activity: _Activity, user_id: int, device_id: int, gender: str | None
) -> Iterator[tuple[str, int, float, _Fields]]:
    """Return topic, key, epoch seconds and payload of every event."""
    if gender:
        began = activity.sessions[0].start
        profile = {"user_id": user_id, "update_type": "new", "timestamp": began, "gender": gender}
        yield records.USER_INFO, user_id, began, profile
    for index, session in enumerate(activity.sessions):
        ids = {"user_id": user_id, "workout_id": session.start, "session_id": index}
        for action, time in (("start", session.start), ("stop", session.end)):
            yield records.WORKOUT, user_id, time, ids | {"timestamp": time, "action": action}
    for time, bpm in activity.readings:
        yield records.BPM, device_id, time, {"device_id": device_id, "time": time, "heartrate": bpm}


def _derived_id(kind: str, origin: str) -> int:
    """Return a positive 63-bit number that depends on `kind` and `origin` alone."""
    digest = blake2b(f"{kind}/{origin}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1 or 1
