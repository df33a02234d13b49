"""Plain lines of the multiplexed feed, as text."""

import json


def message(topic: str, value: object, **broker: object) -> str:
    """Return a message; `value` is an object or a text, `broker` what the broker adds."""
    return json.dumps({"topic": topic, "value": value, **broker})


def workout(user: int, start: float) -> list[str]:
    """Return the start and the stop of a workout of ten minutes."""
    ids = {"user_id": user, "workout_id": 1, "session_id": 1}
    times = {"start": start, "stop": start + 600}
    return [message("workout", {**ids, "action": a, "timestamp": at}) for a, at in times.items()]
