# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Requests for many objects: what to send again if one object makes a request fail. Pure."""

from __future__ import annotations

import typing as t
from collections import deque

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

T = t.TypeVar("T")


def halves(items: Sequence[T]) -> list[Sequence[T]]:
    """Return both halves of several items."""
    return [items[: len(items) // 2], items[len(items) // 2 :]]


def send_in_parts(items: Sequence[T], send: Callable[[Sequence[T]], None], failed: Callable[[MagicError, Sequence[T]], Iterable[Sequence[T]]]) -> None:
    """Send items together, and if that fails, send the remaining ones in parts.

    :arg send: sends some of them by one request.
    :arg failed: called with the error of a request and its items; returns the parts in which to send them once more: none, all, or smaller ones.
        An error that it raises ends the run.
    """
    parts = deque([items])
    while parts:
        part = parts.popleft()
        try:
            send(part)
        except MagicError as error:
            # At the end: both halves come before the quarters of one, and the half without the item that spoils it tells that this is no outage.
            parts.extend(failed(error, part))
