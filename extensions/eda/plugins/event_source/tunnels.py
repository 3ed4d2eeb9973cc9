# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
short_description: Emit events for the tunnels of Cloudflare WAN or Magic Transit
version_added: 1.1.0
author:
  - The cloudflare.magic contributors (@cloudflare)
description:
  - Polls the IPsec and GRE tunnels of an account of Cloudflare WAN (formerly Magic WAN) or Magic Transit, and emits an event when something has
    happened. An event never contains a pre-shared key (PSK).
  - Each event has C(type), which is one of O(events); C(account_id); C(tunnel) with C(id), C(name) and C(tunnel_type) (V(ipsec), V(gre)); C(at), the
    time of the poll by Cloudflare's clock; and C(repeated), see below.
  - V(psk_due) is emitted once for each key, when it is older than O(max_age), or when an IPsec tunnel has none. It has C(reason) (V(expired),
    V(missing)), C(psk_age) in seconds, C(last_generated_on), C(max_age) in seconds, and C(reminder), see O(remind_after).
  - V(psk_replaced) is emitted when there is a new key, regardless of who created it. It has C(last_generated_on) and C(before), the time of the
    previous key.
  - V(tunnel_health) is emitted when the state from Cloudflare's health checks changes. It has C(state) and C(before) (V(healthy), V(degraded),
    V(down), V(unknown)), and C(healthy_share), C(data_centers), C(worst) and C(checked_until) of M(cloudflare.magic.tunnel_health_info).
  - V(tunnel_changed) is emitted when a field that the modules can set was changed. It has C(fields), the names of the changed fields, such as
    V(health_check.rate), and C(name_before).
  - V(tunnel_made) is emitted when a tunnel was created, and V(tunnel_deleted) when a tunnel was deleted.
  - In text from Cloudflare, such as names, control characters are escaped and C({) is replaced by C(\x7b), because ansible-rulebook turns events into
    variables, and Ansible would interpret such text as a template. Use ids to act on tunnels.
  - What was seen and emitted is kept in O(state_file). The very first poll emits no events for what already exists, except for keys that are due. A
    restart continues where the last run ended.
  - An event is written to that file before it is emitted, and removed at most a second after ansible-rulebook has accepted it. If a process was
    killed in between, the next process emits the remaining events with C(repeated) set to V(true), but V(psk_due) only if the key is still the same.
    C(meta.uuid) is then the same as the first time.
requirements:
  - ansible-rulebook >= 1.2
  - ansible-core >= 2.18 and requests >= 2.25, in the Python that runs ansible-rulebook
notes:
  - The API token needs one of the permissions C(Magic WAN Read), C(Magic Transit Read), C(Magic WAN Write) or C(Magic Transit Write) for the account, and
    C(Account Analytics Read) unless V(tunnel_health) is left out of O(events).
  - Each poll sends one request for each of O(tunnel_types), and one query for V(tunnel_health), or several if there are more than 10,000 rows of
    data.
  - After an error, the source waits for 5 seconds, increasing up to 5 minutes if there are more errors, or as long as Cloudflare asks for, up to
    330 seconds. It stops immediately if options are wrong, or if Cloudflare rejects the credential at the first poll.
  - If several tunnels have the same name, the log has a warning once.
options:
  events:
    description:
      - The events to emit.
    type: list
    elements: str
    choices:
      - psk_due
      - psk_replaced
      - tunnel_health
      - tunnel_changed
      - tunnel_made
      - tunnel_deleted
    default:
      - psk_due
      - psk_replaced
      - tunnel_health
      - tunnel_changed
      - tunnel_made
      - tunnel_deleted
  tunnel_types:
    description:
      - The types of tunnels to poll.
    type: list
    elements: str
    choices:
      - ipsec
      - gre
    default:
      - ipsec
      - gre
  names:
    description:
      - Names of tunnels, or shell patterns such as V(branch-*), for which events are emitted. If not set, events are emitted for all tunnels.
    type: list
    elements: str
  exclude:
    description:
      - Names, shell patterns or ids of tunnels for which no events are emitted, such as those of another team.
    type: list
    elements: str
  max_age:
    description:
      - The age from which a key is due, such as V(90d), V(12h), V(2w) or V(45m), or in seconds.
    type: str
    default: 90d
  remind_after:
    description:
      - How long after V(psk_due) to emit it once more, with C(reminder) set to V(true), if the key is still in force, in the form of O(max_age). It
        is also emitted once more when the source starts, because a previous run may have been killed while it acted.
      - Set this option if it is safe to run the action once more, as it is with V(rotate=expired) of M(cloudflare.magic.ipsec_psks). Then no key is
        forgotten.
      - If not set, V(psk_due) is emitted once for each key, and the log lists at the start which keys are still due.
    type: str
  window:
    description:
      - How far back from the current time to use the data of the health checks.
    type: str
    default: 5m
  min_healthy_share:
    description:
      - Of the data centers that reported, the share that must see a tunnel as healthy for it to be V(healthy).
    type: float
    default: 0.9
  poll_interval:
    description:
      - How long to wait between two polls, at least 1 second. The wait is longer if a poll needs many queries, so that half of the rate limit is left
        for others.
    type: str
    default: 1m
  state_file:
    description:
      - The file that keeps what was seen and emitted. Its folder must exist. The file contains names, times, states and digests, but no keys. Only
        one event source at a time can use it, and it belongs to one account.
      - By default, a separate file for each account and URL in the folder C(cloudflare_magic) below E(XDG_STATE_HOME), or C(~/.local/state). If a
        container is discarded after each run, set a path that persists.
    type: path
  feedback:
    description:
      - Whether ansible-rulebook (1.3 or newer, started with C(--persistence-id)) reports when its rules have seen an event. Otherwise, an event
        counts as emitted as soon as ansible-rulebook has added it to its queue.
    type: bool
    default: false
  api_token:
    description:
      - An API token of Cloudflare. Mutually exclusive with O(api_key) and O(api_email).
      - If neither O(api_token) nor O(api_key) nor O(api_email) is set, the environment variable E(CLOUDFLARE_API_TOKEN) is used, or else
        E(CLOUDFLARE_API_KEY) with E(CLOUDFLARE_EMAIL). As soon as one of them is set, all three variables are ignored.
    type: str
  api_key:
    description:
      - The global API key of a user, together with O(api_email).
    type: str
  api_email:
    description:
      - The e-mail address of the user that O(api_key) belongs to.
    type: str
  account_id:
    description:
      - The id of the account. Required, here or in the environment variable E(CLOUDFLARE_ACCOUNT_ID).
    type: str
  api_url:
    description:
      - The base URL of the API. If not set, the environment variable E(CLOUDFLARE_BASE_URL) is used, or else V(https://api.cloudflare.com/client/v4).
    type: str
    aliases:
      - base_url
  timeout:
    description:
      - The maximum number of seconds for one complete response.
    type: float
    default: 30.0
  max_retries:
    description:
      - The maximum number of retries of a request within one poll.
    type: int
    default: 4
  validate_certs:
    description:
      - Whether to check the server's certificate.
    type: bool
    default: true
  ca_path:
    description:
      - A file or folder with CA certificates to trust instead of those of the system.
    type: path
"""

EXAMPLES = r"""
- name: Keys that are due, with the credentials from the environment
  cloudflare.magic.tunnels:
    events:
      - psk_due
    max_age: 90d
    remind_after: 1d
    state_file: /var/lib/eda/tunnels.json

- name: The health of some tunnels
  cloudflare.magic.tunnels:
    api_token: "{{ cloudflare_api_token }}"
    account_id: 023e105f4ecef8ad9ca31a8372d0c353
    events:
      - tunnel_health
    names:
      - branch-*
    poll_interval: 30s
    state_file: /var/lib/eda/tunnel-health.json
"""

import asyncio
import copy
import logging
import sys
import threading
import typing as t
from pathlib import Path


def _find_own_collection() -> None:
    """Let Python find the collection of this file: ansible-rulebook runs it by its path, and does not search Ansible's collection paths."""
    above = Path(__file__).absolute().parents
    if [folder.name for folder in above[4:7]] != ["magic", "cloudflare", "ansible_collections"]:
        return
    if str(above[7]) not in sys.path:
        sys.path.append(str(above[7]))
    import ansible_collections

    if str(above[6]) not in ansible_collections.__path__:
        ansible_collections.__path__.append(str(above[6]))


try:
    _find_own_collection()
    from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
    from ansible_collections.cloudflare.magic.plugins.plugin_utils._polling import SAVE_AFTER, Polling, backoff
except ImportError as exc:
    raise ImportError(
        "This plugin needs its collection, cloudflare.magic, installed as a whole, and ansible-core >= 2.18 in the Python that runs ansible-rulebook "
        f"({sys.executable}): {exc}"
    ) from None

if t.TYPE_CHECKING:
    from collections.abc import Callable

    Json = dict[str, t.Any]

_LOG = logging.getLogger("cloudflare.magic.tunnels")

# Seconds after which ansible-rulebook no longer reports on an event.
_LONGEST_FEEDBACK = 3600.0

_Result = t.TypeVar("_Result")


async def main(queue: asyncio.Queue[t.Any], args: dict[str, t.Any]) -> None:
    """Emit events until it is stopped."""
    args = dict(args)
    feedback: asyncio.Queue[t.Any] | None = args.pop("eda_feedback_queue", None)
    loop = asyncio.get_running_loop()
    saving: asyncio.TimerHandle | None = None
    with Polling(args, _LOG.warning) as polling:
        failures = 0
        while True:
            try:
                for event in await _in_thread(polling.poll):
                    await _emit(queue, feedback, event)
                    polling.told(event)
                    # Of thousands of events, each save would write all tunnels and wait for the disk. The queue may be full for long before the next event.
                    if saving is None or saving.when() <= loop.time():
                        saving = loop.call_later(SAVE_AFTER, polling.settle)
                polling.settle()
                failures, seconds = 0, polling.pause
            except MagicError as error:
                if polling.is_hopeless(error):
                    raise
                failures, seconds = failures + 1, backoff(error, failures)
                _LOG.warning("%s Next poll in %.0f s.", error, seconds)
            await asyncio.sleep(seconds)


async def _emit(queue: asyncio.Queue[t.Any], feedback: asyncio.Queue[t.Any] | None, event: Json) -> None:
    """Deliver an event, and return when it was received."""
    # ansible-rulebook may add members to it.
    await queue.put(copy.deepcopy(event))
    if feedback is not None:
        try:
            await asyncio.wait_for(feedback.get(), _LONGEST_FEEDBACK)
        except asyncio.TimeoutError:
            _LOG.warning("ansible-rulebook does not say whether its rules have seen an event: %s of tunnel %s.", event["type"], event["tunnel"]["id"])


async def _in_thread(work: Callable[[], _Result]) -> _Result:
    """Return the result of a blocking function. Unlike the threads of asyncio, its thread does not delay the end of the process."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[_Result] = loop.create_future()

    def finish(result: _Result | None, error: BaseException | None) -> None:
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(t.cast("_Result", result))

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except BaseException as exc:  # pylint: disable=broad-exception-caught # the caller that waits for it gets it
            error = exc
        try:
            loop.call_soon_threadsafe(finish, result, error)
        except RuntimeError:
            pass  # the loop is closed, and nothing waits for the result

    threading.Thread(target=run, name="cloudflare.magic.tunnels", daemon=True).start()
    return await done
