"""Posts messages to a webhook of Slack, Teams or a service that takes the JSON of either.

The URL is a secret: it is in no log, error or file.
"""

import json
import os
from collections.abc import Mapping, Sequence
from http.client import HTTPException
from threading import Thread
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from python_ingest.errors import SettingError

SECONDS = 5.0  # that a post may take
# Teams takes Adaptive Cards only. Slack and most others take a text, and some of them nothing else.
TEAMS = (".logic.azure.com", ".api.powerplatform.com", ".webhook.office.com")


def read_webhook() -> str | None:
    """Return FITNESS_WEBHOOK, None without one; raises SettingError if it is no http(s) URL."""
    url = os.environ.get("FITNESS_WEBHOOK", "").strip()
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_good = False
    if url and not (is_good and url.isascii() and url.isprintable() and " " not in url):
        raise SettingError(
            "FITNESS_WEBHOOK is not the URL of a webhook: set it to the one that Slack or Teams "
            "shows, which begins with https://, or unset it."
        )
    return url or None


def post(url: str, lines: Sequence[str]) -> str | None:
    """Post a message; return why that failed, or None."""
    outcome: list[str | None] = ["no answer in time"]

    def send() -> None:
        data, headers = json.dumps(body(url, lines)).encode(), {"Content-Type": "application/json"}
        try:
            request = Request(url, data, headers)  # noqa: S310 - read_webhook checks the scheme
            with urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
                # urllib follows a redirect without the message.
                outcome.append(None if answer.url == url else "a redirect")
        except HTTPError as error:
            error.close()
            outcome.append(f"HTTP status {error.code}")
        except (OSError, HTTPException, ValueError) as error:  # Its message can hold the URL.
            outcome.append(type(getattr(error, "reason", error)).__name__)

    # urllib's timeout limits each step, but neither their sum nor the look-up of the host's name.
    sender = Thread(target=send, daemon=True)
    sender.start()
    sender.join(SECONDS)
    return outcome[-1]


def body(url: str, lines: Sequence[str]) -> Mapping[str, object]:
    """Return the JSON that the URL's host takes."""
    if not (urlsplit(url).hostname or "").endswith(TEAMS):
        return {"text": "\n".join(lines)}
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [{"type": "TextBlock", "text": line, "wrap": True} for line in lines],
    }
    content_type = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": content_type, "content": card}]}
