"""Random stories for worlds: a few records each, of a world's few users, devices and macs."""

from dataclasses import dataclass

from hypothesis import strategies as st

from tests.python.records import (
    GYM_LOGINS,
    INSTANTS,
    REGISTERED_USERS,
    Record,
    csv_records,
    decimal_text,
    forms,
    instants,
    json_object,
    messages,
    rates,
    seconds,
    small_ids,
    text,
)

# Seconds after START in the night, 64 days before, in which Los Angeles put its clock back: from
# 1:00 to 2:00 in summer time, the clock was put back at 0, and from 1:00 to 2:00 again.
PUT_BACK = -5583300
NIGHT = tuple(PUT_BACK + after for after in (-3600, -600, 0, 0.5, 1800, 3600))
MAX_VISIT = 12 * 3600
# Of those born on January 6 the age changes at midnight UTC: from 39 to 40, of which the zones
# begin at whole numbers, into the ages that have a formula and out of them.
BIRTHDAYS = ("01/06/1986", "01/06/2021", "01/06/1925")
DATES = (
    *("01/05/1990", "01/06/1990", "02/29/2004", "02/29/2023", "12/31/1999"),
    *("13/01/1990", "1990-01-05", "", None, *BIRTHDAYS),
)
zone_rates = st.sampled_from(
    ("72", "90", "107.99999999999999", "108", "108.42", "126", "144", "162", "180")
)


@dataclass(frozen=True)
class Ids:
    """The users, devices and mac addresses of the world with a number."""

    number: int

    @property
    def users(self) -> tuple[int, ...]:
        """Return the ids of the users."""
        return tuple(100 * self.number + n for n in (1, 2, 3))

    @property
    def unknown_user(self) -> int:
        """Return the id of a user whom nobody registers."""
        return 100 * self.number + 4

    @property
    def devices(self) -> tuple[int, ...]:
        """Return the ids of the devices that may be registered; one more never is."""
        return tuple(100 * self.number + n for n in (11, 12, 13))

    @property
    def unknown_device(self) -> int:
        """Return the id of a device that nobody registers."""
        return 100 * self.number + 14

    @property
    def macs(self) -> tuple[str, ...]:
        """Return the mac addresses that may be registered."""
        return tuple(f"aa:{user:02}" for user in self.users)

    @property
    def gyms(self) -> tuple[int, int]:
        """Return a gym that the seed knows, which other worlds use too, and an unknown one."""
        return (1 + self.number % 10, 100 * self.number + 99)

    @property
    def unknown_mac(self) -> str:
        """Return a mac address that nobody registers."""
        return f"ff:{self.number:02}"


@st.composite
def registrations(draw: st.DrawFn, ids: Ids, spoil: bool = False) -> list[Record]:
    """Draw a registration: of three users, devices and macs, so things are passed on and back."""
    values = {
        "user_id": str(draw(st.sampled_from(ids.users))),
        "device_id": str(draw(st.sampled_from(ids.devices))),
        "mac_address": draw(st.sampled_from(ids.macs)),
        "registration_timestamp": draw(instants),
    }
    return [draw(csv_records(REGISTERED_USERS, values, spoil))]


@st.composite
def visits(draw: st.DrawFn, ids: Ids, spoil: bool = False) -> list[Record]:
    """Draw a visit: open, perhaps closed, perhaps corrected, too long or impossible."""
    login, longest = draw(seconds), st.sampled_from((MAX_VISIT, MAX_VISIT + 1e-6))
    values = {
        "mac_address": draw(st.sampled_from((*ids.macs, ids.unknown_mac))),
        "gym": str(draw(st.sampled_from(ids.gyms))),
        "login": decimal_text(login, draw(forms)),
    }
    ends = st.one_of(
        st.just(""), instants, longest.map(lambda length: decimal_text(login + length))
    )
    logouts = draw(st.lists(ends, min_size=1, max_size=3))
    return [draw(csv_records(GYM_LOGINS, values | {"logout": out}, spoil)) for out in logouts]


@st.composite
def pairs_of_visits(draw: st.DrawFn, ids: Ids) -> list[Record]:
    """Draw two visits of a user with two macs, which overlap, touch or are apart."""
    owned = {
        "user_id": str(draw(st.sampled_from(ids.users))),
        "device_id": str(draw(st.sampled_from(ids.devices))),
    }
    macs = draw(st.permutations(ids.macs))
    moments, gyms = draw(st.sampled_from(((INSTANTS, ids.gyms), (NIGHT, ids.gyms[:1]))))
    a, b, c, d = (decimal_text(s) for s in sorted(draw(st.tuples(*[st.sampled_from(moments)] * 4))))
    spans = draw(st.sampled_from([[(a, c), (b, d)], [(a, d), (b, c)], [(a, b), (b, c)]]))
    gym, records = str(draw(st.sampled_from(gyms))), []
    for mac, (login, logout) in zip(macs, spans, strict=False):
        registered = owned | {"mac_address": mac, "registration_timestamp": a}
        visit = {"mac_address": mac, "gym": gym, "login": login, "logout": logout}
        records.append(draw(csv_records(REGISTERED_USERS, registered, False)))
        records.append(draw(csv_records(GYM_LOGINS, visit, False)))
    return records


@st.composite
def profiles(draw: st.DrawFn, ids: Ids, spoil: bool = False) -> list[Record]:
    """Draw profile events of a user: out of order, at equal instants, deleted and made again."""
    user_id = str(draw(st.sampled_from(ids.users)))
    records = []
    for kind in draw(
        st.lists(st.sampled_from(("new", "update", "delete")), min_size=1, max_size=3)
    ):
        payload = {"user_id": user_id, "update_type": text(kind), "timestamp": draw(instants)}
        if kind != "delete" or draw(st.booleans()):
            address = {"city": draw(st.sampled_from(('"Oslo"', '"Ob, \\"x\\""'))), "state": "null"}
            payload["dob"] = text(draw(st.sampled_from(DATES)))
            payload["gender"] = draw(st.sampled_from(('"F"', '"M"', "null", '""')))
            payload["first_name"] = draw(st.sampled_from(('"Åsa"', '"Bo"')))
            address["zip"] = draw(st.sampled_from(('"02139"', "94110")))
            payload["address"] = draw(st.sampled_from((json_object(address), "null")))
        records.append(draw(messages("user_info", payload, spoil)))
    return records


@st.composite
def workouts(draw: st.DrawFn, ids: Ids, spoil: bool = False) -> list[Record]:
    """Draw a session's starts and stops, in any order, with readings at and about them."""
    session = {
        "user_id": str(draw(st.sampled_from((*ids.users, *ids.users, ids.unknown_user)))),
        "workout_id": str(draw(small_ids)),
        "session_id": str(draw(small_ids)),
    }
    at = draw(st.lists(st.tuples(st.booleans(), instants), min_size=1, max_size=4))
    records = []
    for is_stop, time in at:
        action = text("stop" if is_stop else "start")
        payload = {**session, "timestamp": time, "action": action}
        records.append(draw(messages("workout", payload, spoil)))
    for time in draw(st.lists(st.sampled_from([time for _, time in at]), max_size=2)):
        records += draw(readings(ids, times=st.just(time)))
    return records


@st.composite
def readings(
    draw: st.DrawFn, ids: Ids, spoil: bool = False, times: st.SearchStrategy[str] = instants
) -> list[Record]:
    """Draw readings of one device and instant, which differ in value, offset and sending time."""
    device_id = draw(st.sampled_from((*ids.devices, *ids.devices, ids.unknown_device)))
    payload = {"device_id": str(device_id), "time": draw(times)}
    values = draw(st.lists(rates, min_size=1, max_size=3))
    return [draw(messages("bpm", payload | {"heartrate": rate}, spoil)) for rate in values]


@st.composite
def trainings(draw: st.DrawFn, ids: Ids) -> list[Record]:
    """Draw a user's workout with a device and a mac of their own, mostly during a visit."""
    user, device, mac = (
        draw(st.sampled_from(things)) for things in (ids.users, ids.devices, ids.macs)
    )
    owned = {"user_id": str(user), "device_id": str(device), "mac_address": str(mac)}
    session = {"user_id": str(user), "workout_id": str(draw(small_ids)), "session_id": "1"}
    # In order of time; equal ones make intervals of zero length.
    a, b, c, d = (decimal_text(s) for s in sorted(draw(st.tuples(*[seconds] * 4))))
    login, start, stop, logout = draw(st.sampled_from([(a, b, c, d), (b, a, c, d), (a, b, d, c)]))
    registered = owned | {"registration_timestamp": draw(instants)}
    visit = {"mac_address": str(mac), "gym": str(ids.gyms[0]), "login": login, "logout": logout}
    records = [
        draw(csv_records(REGISTERED_USERS, registered, False)),
        draw(csv_records(GYM_LOGINS, visit, False)),
        draw(messages("workout", {**session, "timestamp": start, "action": text("start")})),
        draw(messages("workout", {**session, "timestamp": stop, "action": text("stop")})),
    ]
    for time in draw(st.lists(st.sampled_from([start, start, b, c, stop]), max_size=3)):
        reading = {"device_id": str(device), "time": time, "heartrate": draw(rates)}
        records.append(draw(messages("bpm", reading)))
    return records


@st.composite
def measured_workouts(draw: st.DrawFn, ids: Ids) -> list[Record]:
    """Draw a workout with readings of one or two devices, mostly also those of a recovery."""
    user_id = str(draw(st.sampled_from(ids.users)))
    devices = draw(st.lists(st.sampled_from(ids.devices), min_size=1, max_size=2, unique=True))
    start = draw(st.one_of(seconds, seconds, st.sampled_from(NIGHT)))
    end = start + draw(st.sampled_from((0, 5, 40, 90)))
    born = {"update_type": '"update"', "dob": text(draw(st.sampled_from(BIRTHDAYS)))}
    profile = {"user_id": user_id, "timestamp": draw(instants), **born}
    records = [draw(messages("user_info", profile))]
    for device_id in devices:
        owned = {"user_id": user_id, "device_id": str(device_id)}
        owned["mac_address"] = draw(st.sampled_from(ids.macs))
        registered = owned | {"registration_timestamp": decimal_text(start)}
        records.append(draw(csv_records(REGISTERED_USERS, registered, False)))
    spans = [(start, end)]
    pause = draw(st.sampled_from((None, None, 0, 65, 65.000001)))
    if pause is not None:  # another workout begins after it
        spans.append((end + pause, end + pause + 5))
    for workout_id, span in enumerate(spans, 3):
        session = {"user_id": user_id, "workout_id": str(workout_id), "session_id": "1"}
        for action, time in zip(("start", "stop"), span, strict=True):
            event = {**session, "timestamp": decimal_text(time), "action": text(action)}
            records.append(draw(messages("workout", event)))
    after_start = draw(st.lists(st.sampled_from((0, 0, 3, 10, 13.5)), max_size=3))
    measured = [(start + after, device) for after in after_start for device in devices]
    shift = draw(st.sampled_from((None, 0, 0, 0, 1e-6, -1e-6)))
    if shift is not None:  # five readings in each of both spans, one fewer if shifted
        for about_end in (-10, -8, -6, -4, -2, 55, 57.5, 60, 62.5, 65):
            measured.append((end + about_end + shift, draw(st.sampled_from(devices))))
    for time, device_id in measured:
        reading = {"device_id": str(device_id), "time": decimal_text(time)}
        records.append(draw(messages("bpm", {**reading, "heartrate": draw(zone_rates)})))
    return records
