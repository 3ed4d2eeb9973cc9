# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The form of Cloudflare's answers."""

from __future__ import annotations

import json
from typing import Any

from flask import Response

from .values import Json


def as_json(body: Any, status: int = 200) -> Response:
    """Return an answer with this body."""
    return Response(json.dumps(body), status, mimetype="application/json")


def failure(status: int, errors: list[Json]) -> Response:
    """Return the answer of a request that has failed."""
    return as_json({"success": False, "errors": errors, "messages": [], "result": None}, status)


def success(result: Any, messages: list[Json] | None = None, status: int = 200, **more: Any) -> Response:
    """Return the answer of a request that has not."""
    return as_json(dict({"success": True, "errors": [], "messages": messages or [], "result": result}, **more), status)
