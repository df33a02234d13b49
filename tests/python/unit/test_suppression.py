"""Whose line it is: lines of people who are forgotten are refused, and nobody else's."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fitness.privacy.forget import allow
from fitness.privacy.people import Ownership, ownerships
from python_ingest.feeds import MULTIPLEX, feeds_by_folder, read_feeds
from python_ingest.parse.frames import csv_lines, json_lines
from python_ingest.parse.json_lines import JsonReader
from python_ingest.suppression import Registration, Span, Suppressions, instant
from tests.python import reference_silver

OLD, NEW = "an old key of the project", "a new key of the project"
ALWAYS = Span()
LINEAGE = ("a file", datetime(2026, 1, 5, tzinfo=UTC))
FEEDS = {feed.table: feed for feed in read_feeds()}
MAC = "a4:c1:38:00:00:07"
# User 70, who had device 71 from 100 to 200 seconds and MAC since 150 seconds.
FORGOTTEN = Suppressions((NEW.encode(),)).forget(
    [("user", 70, ALWAYS), ("device", 71, Span(100.0, 200.0)), ("mac", MAC, Span(150.0))]
)


def refused(line: str, suppressions: Suppressions = FORGOTTEN) -> bool:
    """Return whether a line of the multiplexed feed is refused, read as the ingest reads it."""
    reader = JsonReader(feeds_by_folder()[MULTIPLEX])
    [(table, columns)] = json_lines([(line.encode(), *LINEAGE)], reader)
    [lands] = suppressions.lets_land(FEEDS.get(table), columns)
    return not lands


def refused_csv(table: str, text: str) -> list[str]:
    """Return the records of a CSV file that are refused."""
    found: list[str] = []
    for _, columns in csv_lines(text.encode(), LINEAGE, FEEDS[table]):
        lands = FORGOTTEN.lets_land(FEEDS[table], columns)
        found += [raw for raw, each in zip(columns["_raw"], lands, strict=True) if not each]
    return found


def reading(device: object, time: object = 150) -> str:
    return f'{{"topic":"bpm","value":{{"device_id":{device},"time":{time},"heartrate":60}}}}'


# --- Who owned what ---------------------------------------------------------------------------

PASSED_ON = [("d", 10.0, 1), ("d", 20.0, 2)]
RETURNED = [*PASSED_ON, ("d", 30.0, 1)]


@pytest.mark.parametrize(
    ("registrations", "owned"),
    [
        ([("d", 10.0, 1)], [(1, None, None)]),
        (PASSED_ON, [(1, None, 20.0), (2, 20.0, None)]),
        (RETURNED, [(1, None, 20.0), (2, 20.0, 30.0), (1, 30.0, None)]),
        ([("d", 10.0, 1), ("d", 20.0, 1), ("d", 30.0, 2)], [(1, None, 30.0), (2, 30.0, None)]),
        # Several at one instant: in order of the users, of whom the last one has it.
        ([("d", 10.0, 2), ("d", 10.0, 1)], [(1, None, 10.0), (2, 10.0, None)]),
        ([*PASSED_ON, ("d", 20.0, 3)], [(1, None, 20.0), (3, 20.0, None)]),
        ([("d", 10.0, 2), ("d", 20.0, 1), ("d", 20.0, 2)], [(2, None, 20.0), (2, 20.0, None)]),
        # The same microsecond.
        ([*PASSED_ON, ("d", 20.0000001, 3)], [(1, None, 20.0), (3, 20.0000001, None)]),
    ],
)
def test_another_users_registration_ends_an_ownership(
    registrations: list[tuple[str | int, float, int]],
    owned: list[tuple[int, float | None, float | None]],
) -> None:
    found = ownerships(registrations[::-1])
    assert [(each.user_id, each.span.begin, each.span.end) for each in found] == owned


@given(
    st.lists(
        st.tuples(
            st.sampled_from((1, 2)), st.sampled_from((0.0, 5.0, 5.5, 9.25)), st.integers(1, 3)
        )
    )
)
def test_ownerships_are_those_of_silver(registrations: list[tuple[int, float, int]]) -> None:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    rows = [
        {"device_id": key, "registered_at": epoch + timedelta(seconds=at), "user_id": user}
        for key, at, user in registrations
    ]

    def seconds(time: datetime | None) -> float | None:
        is_bound = time not in (None, reference_silver.BEGINNING)
        return (time - epoch).total_seconds() if time and is_bound else None

    expected = [
        (
            row["device_id"],
            row["user_id"],
            Span(seconds(row["valid_from"]), seconds(row["valid_to"])),
        )
        for owned in reference_silver.ownerships(rows, "device_id").values()
        for row in owned
    ]
    found = ownerships([*registrations])
    assert Counter((own.key, own.user_id, own.span) for own in found) == Counter(expected)


def test_what_is_to_be_forgotten_of_an_ownership_is_cut_at_each_registration() -> None:
    first = Ownership("d", 1, Span(None, 30.0), (10.0, 20.0))
    assert first.spans == (Span(None, 10.0), Span(10.0, 20.0), Span(20.0, 30.0))
    later = Ownership("d", 1, Span(10.0), (10.0,))
    assert later.spans == (Span(10.0),)


# --- Lines with a user id ---------------------------------------------------------------------


@pytest.mark.parametrize("topic", ["user_info", "workout"])
def test_a_line_with_a_user_id_is_refused_by_it_alone(topic: str) -> None:
    def line(user: int) -> str:
        return f'{{"topic":"{topic}","value":{{"user_id":{user},"device_id":71,"timestamp":150}}}}'

    assert refused(line(70))
    assert not refused(line(71))
    assert not refused(line(7))


def test_a_registration_of_a_forgotten_persons_device_by_somebody_else_lands() -> None:
    header = "user_id,device_id,mac_address,registration_timestamp"
    theirs, others = f"70,5,{MAC},1", f"8,71,{MAC},160"
    text = "\n".join((header, theirs, others))
    assert refused_csv("registered_users_bz", text) == [theirs]


# --- Lines with a device or mac address -------------------------------------------------------


@pytest.mark.parametrize(
    ("time", "is_refused"),
    [
        (99.999999, False),
        (100, True),
        (199.999999, True),
        (200, False),
        (199.9999996, False),  # The next microsecond is nearer.
        ('"150"', True),  # No time: whenever it was.
        ("null", True),
    ],
)
def test_a_reading_is_refused_in_the_time_in_which_the_device_was_theirs(
    time: object, is_refused: bool
) -> None:
    assert refused(reading(71, time)) == is_refused
    assert not refused(reading(72, time))


def test_a_span_without_bounds_has_all_times() -> None:
    suppressions = Suppressions((NEW.encode(),)).forget([("device", 1, Span(None, 5.0))])
    assert refused(reading(1, 0), suppressions)
    assert not refused(reading(1, 5), suppressions)
    suppressions = suppressions.forget([("device", 1, Span(9.0, None))])
    assert not refused(reading(1, 8), suppressions)
    assert refused(reading(1, 1e300), suppressions)
    assert refused(reading(1, "1e999"), suppressions)  # Infinite for the ingest.


def test_a_visit_is_refused_in_the_time_in_which_the_mac_address_was_theirs() -> None:
    lines = [f"{MAC},1,149,160", f"{MAC},1,150,", f"{MAC},1,,160", "aa,1,150,160"]
    text = "\n".join(("mac_address,gym,login,logout", *lines))
    assert refused_csv("gym_logins_bz", text) == lines[1:3]


# --- Lines that cannot be read ----------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        '{"topic":"weather","value":{"user_id":70}}',
        '{"topic":"weather","value":"{\\"user_id\\": 70}"}',
        '{"topic":"weather","value":"{\\n\\t\\"user_id\\" :\\n 70}"}',
        '{"topic":"weather","value":"{\\"inner\\":\\"{\\\\\\"user_id\\\\\\":\\\\\\"70\\\\\\"}\\"}"}',
        '{"user_id":70',
        '{"user_id":"70"}',
        "{'user_id':70}",
        '{"a":[{"b":{"user_id":70}}]}',
        '{"topic":"workout","value":{"user_id":"70","action":"start"}}',
        '{"topic":"workout","value":{"user_id":70.0,"action":"start"}}',
        '{"topic":"workout","value":"{\\"user_id\\":70,}"}',
        '{"topic":"workout","value":"{\\"user_id\\":70} {\\"user_id\\":8}"}',
        '{"topic":"bpm","value":"{\\"device_id\\":71,\\"time\\":999,}"}',
        '{"topic":"bpm","value":{"device_id":"71","time":999}}',
        f'{{"topic":"weather","mac_address":"{MAC}"}}',
        f'{{"topic":"weather","value":"{{\\"mac_address\\":\\"{MAC}\\"}}"}}',
    ],
)
def test_a_line_that_cannot_be_read_is_refused_by_the_ids_in_its_text(line: str) -> None:
    assert refused(line)


@pytest.mark.parametrize(
    "line",
    [
        "70 71",
        '{"topic":"weather","value":{"user_id":7,"other":70}}',
        '{"topic":"weather","value":{"user_id":700,"my_user_id":70}}',
        '{"topic":"weather","value":{"user_id":7,"device_id":71}}',  # the user's alone
        '{"topic":"weather","value":{"device_id":70,"mac_address":"70"}}',
        f'{{"topic":"weather","value":{{"mac_address":"","x":"{MAC}"}}}}',
        '{"topic":"workout","value":{"user_id":"7","device_id":71}}',
        '{"topic":"workout","value":{}}',
        '{"topic":"bpm","value":[70, 71]}',
    ],
)
def test_a_line_that_cannot_be_read_lands_if_no_id_in_it_is_forgotten(line: str) -> None:
    assert not refused(line)


def test_a_malformed_line_of_csv_is_refused_if_one_of_its_values_is_a_forgotten_id() -> None:
    theirs = ["70", "5, 70 ,aa,1,1", f"5,6,{MAC}", '"71,x', "8;71;aa;1", ",71,aa,1"]
    others = ["170,171,aa,1,1", "7,1,aa:bb,1,1"]
    header = "user_id,device_id,mac_address,registration_timestamp"
    assert refused_csv("registered_users_bz", "\n".join((header, *theirs, *others))) == theirs
    # Without a header no line can be read. A visit has no user id: 70 is a gym.
    lines = [f"{MAC},5,6,7", "aa,70,6,7"]
    assert refused_csv("gym_logins_bz", "\n".join(lines)) == lines[:1]


# --- Later changes ----------------------------------------------------------------------------


def test_a_device_that_somebody_else_registers_is_refused_until_then() -> None:
    closed = FORGOTTEN.closed_by([("device", 71, 160.0, 8), ("mac", MAC, 170.0, 8)])
    assert closed.spans("device", 71) == (Span(100.0, 160.0),)
    assert closed.spans("mac", MAC) == (Span(150.0, 170.0),)
    assert refused(reading(71, 159.999999), closed)
    assert not refused(reading(71, 160), closed)
    assert FORGOTTEN.spans("device", 71) == (Span(100.0, 200.0),)


@pytest.mark.parametrize("reverse", [False, True])
def test_the_first_registration_within_a_span_ends_it(reverse: bool) -> None:
    registrations = [("device", 71, at, 8) for at in (20.0, 160.0, 180.0, 300.0)]
    closed = FORGOTTEN.closed_by(registrations[::-1] if reverse else registrations)
    assert closed.spans("device", 71) == (Span(100.0, 160.0),)


@pytest.mark.parametrize(
    "registration",
    [
        ("device", 71, 160.0, 70),  # their own
        ("device", 71, 99.0, 8),
        ("device", 71, 200.0, 8),
        ("device", 71, 100.0, 8),  # at the instant of their own
        ("device", 72, 160.0, 8),
        ("mac", "71", 160.0, 8),
    ],
)
def test_other_registrations_end_no_span(registration: Registration) -> None:
    assert FORGOTTEN.closed_by([registration]) == FORGOTTEN


def test_a_registration_that_lands_late_ends_only_the_part_before_their_next_own() -> None:
    [owned] = ownerships([("d", 10.0, 70), ("d", 30.0, 70)])
    forgotten = FORGOTTEN.forget([("device", "d", span) for span in owned.spans])
    earlier = forgotten.closed_by([("device", "d", 5.0, 8)])
    assert earlier.spans("device", "d") == (Span(None, 5.0), Span(10.0, 30.0), Span(30.0))
    between = forgotten.closed_by([("device", "d", 20.0, 8)])
    assert between.spans("device", "d") == (Span(None, 10.0), Span(10.0, 20.0), Span(30.0))


def test_who_is_allowed_again_returns_with_a_new_registration() -> None:
    forgotten = Suppressions(
        (NEW.encode(), OLD.encode()),
        {**FORGOTTEN.hashes, **Suppressions((OLD.encode(),)).forget([("user", 70, ALWAYS)]).hashes},
    )
    allowed = allow(forgotten, "user", 70)
    assert allowed.spans("user", 70) == ()
    assert not refused('{"topic":"workout","value":{"user_id":70}}', allowed)
    assert refused(reading(71, 150), allowed)
    back = allowed.closed_by([("device", 71, 160.0, 70)])
    assert not refused(reading(71, 160), back)
    assert refused(reading(71, 159), back)
    assert allowed.forget([("user", 70, ALWAYS)]).spans("user", 70) == (ALWAYS,)


# --- Chunks of lines --------------------------------------------------------------------------

LINES = st.sampled_from(
    (
        *(reading(device, time) for device in (71, 72, '"71"', "null") for time in (99, 150)),
        *(f'{{"topic":"bpm","value":"[{device}]"}}' for device in (71, 72)),
        '{"topic":"bpm","value":"{\\"device_id\\":71"}',
    )
)


@given(st.lists(LINES, min_size=1, max_size=8))
def test_a_line_is_refused_whatever_else_is_in_its_chunk(lines: list[str]) -> None:
    reader = JsonReader(feeds_by_folder()[MULTIPLEX])
    [(table, columns)] = json_lines([(line.encode(), *LINEAGE) for line in lines], reader)
    lands = FORGOTTEN.lets_land(FEEDS[table], columns)
    assert lands == [not refused(line) for line in lines]


def test_an_id_is_looked_up_once_however_many_lines_have_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_up = Counter[object]()
    names = Suppressions.names

    def counted(self: Suppressions, kind: str, value: object) -> list[str]:
        looked_up[kind, value] += 1
        return names(self, kind, value)

    reader = JsonReader(feeds_by_folder()[MULTIPLEX])
    lines = [(reading(device).encode(), *LINEAGE) for device in (1, 2, 3) * 100]
    [(table, columns)] = json_lines(lines, reader)
    monkeypatch.setattr(Suppressions, "names", counted)
    assert all(FORGOTTEN.lets_land(FEEDS[table], columns))
    assert looked_up == {("device", device): 1 for device in (1, 2, 3)}


def test_instants_are_rounded_to_the_microsecond_halves_to_the_even_one() -> None:
    assert [instant(seconds) for seconds in (0.0000005, 0.0000015)] == [0, 2]
    assert instant(1767657300.299999) == 1767657300299999
