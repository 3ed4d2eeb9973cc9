# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the emulator's answers say."""

from __future__ import annotations

from datetime import datetime, timezone


def errors(answer):
    """Return the errors of an answer that is not a success."""
    body = answer.json()
    assert body["success"] is False and body["result"] is None and body["messages"] == []
    return body["errors"]


def result(answer):
    """Return the result of an answer that is a success."""
    body = answer.json()
    assert (answer.status_code, body["success"], body["errors"]) == (200, True, [])
    return body["result"]


def moment(timestamp):
    """Return a timestamp in a form that sorts by time: those of answers have from none to nine decimals."""
    whole, _point, decimals = timestamp.rstrip("Z").partition(".")
    assert timestamp.endswith("Z") and not decimals.endswith("0") and len(decimals) <= 9
    return datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S"), decimals.ljust(9, "0")


def seconds_ago(timestamp):
    """Return how long ago a timestamp in UTC was."""
    moment = datetime.strptime(timestamp[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc)
    return (datetime.now(timezone.utc) - moment).total_seconds()
