# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What an event source does except for waiting: it polls an account, knows which events were emitted, and how long to wait after an error."""

from __future__ import annotations

import os
import random
import typing as t
from collections import Counter
from contextlib import ExitStack

from ansible_collections.cloudflare.magic.plugins.module_utils._calls import list_all
from ansible_collections.cloudflare.magic.plugins.module_utils._client import LONGEST_RETRY_AFTER, Client
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._events import HEALTH, OPTIONS, Seen, Watch, compare, name_of
from ansible_collections.cloudflare.magic.plugins.module_utils._health import pause, same_names
from ansible_collections.cloudflare.magic.plugins.module_utils._kinds import TUNNEL_TYPES
from ansible_collections.cloudflare.magic.plugins.module_utils._module import checked, settings_for
from ansible_collections.cloudflare.magic.plugins.module_utils._watch import Wish, look, span
from ansible_collections.cloudflare.magic.plugins.plugin_utils._state_file import StateFile, default_path

if t.TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from types import TracebackType

    from ansible_collections.cloudflare.magic.plugins.module_utils._known import State

    Json = dict[str, t.Any]

# Seconds to wait after consecutive errors.
_FIRST_BACKOFF = 5.0
_LONGEST_BACKOFF = 300.0

# Seconds after which it is saved what was told: of thousands of tunnels, the file has megabytes, and each save waits for the disk.
SAVE_AFTER = 1.0


def backoff(error: MagicError, failures: int) -> float:
    """Return the seconds to wait after an error.

    :arg failures: the number of consecutive errors before it.
    """
    seconds = min(_LONGEST_BACKOFF, _FIRST_BACKOFF * 2.0 ** min(failures, 30)) * random.uniform(0.5, 1)
    return max(seconds, min(error.retry_after or 0.0, LONGEST_RETRY_AFTER))


class Polling:
    """An account that is polled, as a context manager.

    :arg args: the arguments of the event source.
    :arg warn: called with a line for users.
    :raises MagicError: if they cannot be used.
    """

    def __init__(self, args: Mapping[str, t.Any], warn: Callable[[str], None]) -> None:
        options = checked(OPTIONS, args)
        self._watch = Watch.of(options)
        self._wish = Wish.of({**options, "since": None, "wait_for": None, "wait_timeout": "0"})
        self._client = Client(settings_for(options))
        settings = self._client.settings
        path = options["state_file"]
        self._file = StateFile(default_path(settings, os.environ) if path is None else path, own_folder=path is None)
        self._held = ExitStack()
        self._warn = warn
        self._warned: set[str] = set()
        self._state: State | None = None
        self._succeeded = False
        self._saved = True
        self._queries = 0

    def __enter__(self) -> Polling:
        with ExitStack() as stack:
            stack.callback(self._client.close)
            stack.enter_context(self._file)
            self._state = self._file.read()
            settings, state = self._client.settings, self._state
            if state is not None and (state.account_id, state.api_url) != (settings.account_id, settings.api_url):
                raise self._file.problem("it belongs to another account or URL", "Give each account its own state_file.")
            self._held = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None) -> None:
        self.settle()
        self._held.close()

    @property
    def pause(self) -> float:
        """Seconds until the next poll."""
        return float(pause(self._wish.poll_interval, max(self._queries, 1)))

    def poll(self) -> list[Json]:
        """Poll the account, and return the events. They are saved before: a process after a kill knows which events may not have been delivered.

        :raises MagicError: if it cannot be read, or nothing can be saved. The state is then unchanged.
        """
        seen = self._look()
        outcome = compare(self._state, seen, self._watch, started=not self._succeeded)
        if outcome.state != self._state or not self._saved:
            self._file.save(outcome.state)
        self._state, self._succeeded, self._saved = outcome.state, True, True
        for note in outcome.notes:
            self._warn_once(note)
        return list(outcome.events)

    def told(self, event: Json) -> None:
        """Note that someone has taken an event. ``settle`` saves that, soon.

        If the process is killed before, no event is lost, because what has to be told was saved first: the next process tells it again, as a repeated one.
        """
        if self._state is not None:
            self._state.unsent = [other for other in self._state.unsent if other is not event]
            self._saved = False

    def settle(self) -> None:
        """Save which events were taken. If that fails now, it is saved with the next ones, or with the next look."""
        if self._state is None or self._saved:
            return
        try:
            self._file.save(self._state)
            self._saved = True
        except MagicError as error:
            self._warn_once(f"{error} If ansible-rulebook stops now, events that it has already received will be emitted once more.")

    def is_hopeless(self, error: MagicError) -> bool:
        """Return whether an error is caused by the options: Cloudflare rejected the first poll, and would reject the next one."""
        return not self._succeeded and error.failure is not None and not error.transient

    def _warn_once(self, line: str) -> None:
        if line not in self._warned:
            self._warned.add(line)
            self._warn(line)

    def _look(self) -> Seen:
        client = self._client
        lists = {kind: list_all(client, TUNNEL_TYPES[kind]) for kind in self._watch.types}
        there = Counter(name_of(item) for items in lists.values() for item in items)
        names = {name_of(item) for items in lists.values() for item in items if self._watch.means(item["id"], name_of(item))}
        for line in same_names(names, there):
            self._warn_once(line)
        health = self._health(names, there) if HEALTH in self._watch.events else None
        return Seen.of(client.settings.account_id, client.settings.api_url, client.now(), lists, health)

    def _health(self, names: Collection[str], there: Collection[str]) -> list[Json] | None:
        """Return the health of the selected tunnels; None if it cannot be read this time, because events about keys do not depend on it."""
        client = self._client
        start, until = span(client.now(), self._wish.window, None)
        before = client.sent
        try:
            found = look(client, names, there, start, until).result(until, self._wish.min_healthy_share) if names else []
        except MagicError as error:
            if not self._succeeded and not error.transient:
                raise
            self._warn(f"The health of the tunnels could not be read this time: {error}")
            return None
        self._queries = client.sent - before
        return found
