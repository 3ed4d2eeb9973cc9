# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Pre-shared keys: when one is due, and how to make, set and confirm one."""

from __future__ import annotations

import re
import typing as t
from datetime import datetime, timedelta, timezone

from ansible_collections.cloudflare.magic.plugins.module_utils._client import UNKNOWN, MagicError, check_segment
from ansible_collections.cloudflare.magic.plugins.module_utils._options import SHARED, ArgumentSpec

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ansible_collections.cloudflare.magic.plugins.module_utils._client import Client

OPTIONS = SHARED.merge(
    ArgumentSpec(
        {
            "ipsec_tunnel_id": {"type": "str"},
            "name": {"type": "str"},
            "rotate": {"type": "str", "choices": ["always", "missing", "expired"], "default": "always"},
            "max_age": {"type": "str"},
            "psk": {"type": "str", "no_log": True},
            "set_fact": {"type": "bool", "default": True},
            "vault_file": {"type": "path"},
            "vault_id": {"type": "str"},
        },
        mutually_exclusive=[("ipsec_tunnel_id", "name")],
        required_one_of=[("ipsec_tunnel_id", "name")],
        required_if=[("rotate", "expired", ("max_age",))],
    )
)

# Masking a shorter string than this would damage all of Ansible's output.
SHORTEST_KEY = 8
SHORTEST_GOOD_KEY = 32

# The answer to psk_generate has nanoseconds, the tunnel afterwards rounded microseconds.
TOLERANCE = timedelta(milliseconds=1)

_MOST_NAMES = 50
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_TIMESTAMP = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:[.,](\d+))? ?([Zz]|[+-]\d\d:?\d\d)?", re.ASCII)


def parse_age(text: str) -> int:
    """Return seconds for an age like ``90d``, ``12h``, ``2w``, ``45m``, ``30s`` or ``3600``.

    :raises MagicError: if it is none.
    """
    match = re.fullmatch(r"\s*(\d{1,9})\s*([smhdw]?)\s*", text, re.ASCII)
    if not match:
        raise MagicError(f"max_age: '{text}' is not an age. Write a whole number with a unit, like 90d, 12h, 2w or 45m, or seconds.")
    return int(match.group(1)) * _SECONDS[match.group(2)]


def parse_timestamp(text: t.Any) -> datetime | None:
    """Return the point in time of an RFC 3339 timestamp, read leniently; any number of decimals is rounded to microseconds.

    :returns: an aware datetime, or None if there is none (absent, empty, or Go's zero time).
    :raises MagicError: if there is a text that cannot be read.
    """
    if not text:
        return None
    match = _TIMESTAMP.fullmatch(text.strip()) if isinstance(text, str) else None
    try:
        if not match:
            raise ValueError(text)
        day, clock, decimals, zone = match.groups()
        zone = "+00:00" if zone in (None, "Z", "z") else zone if ":" in zone else f"{zone[:3]}:{zone[3:]}"
        moment = datetime.fromisoformat(f"{day}T{clock}{zone}")
        if moment.year == 1:
            return None
        return moment + timedelta(microseconds=round(float(f"0.{decimals or 0}") * 1e6))
    except (ValueError, OverflowError):
        raise MagicError("last_generated_on: Cloudflare's answer holds no readable timestamp, so the key's age is unknown. Use rotate: always, or report it.") from None


def last_generated_on(holder: t.Any) -> str | None:
    """Return ``psk_metadata.last_generated_on`` of a tunnel or of an answer with a key; None where there never was a key."""
    metadata = holder.get("psk_metadata") if isinstance(holder, dict) else None
    value = metadata.get("last_generated_on") if isinstance(metadata, dict) else None
    return value if isinstance(value, str) and value else None


def why_due(rotate: str, generated: datetime | None, max_age: int | None, now: datetime) -> str:
    """Return the reason to make a key now: ``always``, ``missing`` or ``expired``, or ``not_due``.

    :arg max_age: seconds; only looked at with ``rotate=expired``.
    """
    if rotate == "always":
        return "always"
    if generated is None:
        return "missing"
    if rotate == "expired" and max_age is not None and now - generated > timedelta(seconds=max_age):
        return "expired"
    return "not_due"


def check_key(name: str, key: str) -> list[str]:
    """Return warnings on a key that a user supplies.

    :arg name: how to call the option in messages.
    :raises MagicError: if it cannot be used. The message does not hold it.
    """
    if len(key) < SHORTEST_KEY:
        raise MagicError(f"{name} is shorter than {SHORTEST_KEY} characters. Give at least {SHORTEST_GOOD_KEY}, or leave {name} out to have Cloudflare generate one.")
    if not key.isprintable():
        raise MagicError(f"{name} holds a line break or another control character, which no device takes. Remove it (a file's last line break: use the trim filter).")
    if len(key) < SHORTEST_GOOD_KEY:
        return [f"{name} is shorter than {SHORTEST_GOOD_KEY} characters: longer random keys are safer."]
    return []


def check(options: Mapping[str, t.Any]) -> list[str]:
    """Check what the argument specification cannot, before anything is sent.

    :returns: warnings.
    :raises MagicError: naming the option and the mend.
    """
    if options["ipsec_tunnel_id"] is not None:
        check_segment("ipsec_tunnel_id", options["ipsec_tunnel_id"])
    elif not options["name"].strip():
        raise MagicError("name is empty. Give the tunnel's name, or its ipsec_tunnel_id instead.")
    if options["max_age"] is not None:
        parse_age(options["max_age"])
        if options["rotate"] == "always":
            raise MagicError("max_age has no effect with rotate: always, which makes a key each time. Write rotate: expired, or leave max_age out.")
    if options["vault_file"] is not None and not options["vault_file"].strip():
        raise MagicError("vault_file is empty. Give the path of the file, or leave it out.")
    if options["vault_id"] is not None and options["vault_file"] is None:
        raise MagicError("vault_id has no effect without vault_file. Give vault_file, or leave vault_id out.")
    return [] if options["psk"] is None else check_key("psk", options["psk"])


def _member(value: t.Any, name: str, kind: type, what: str) -> t.Any:
    """Return a member of an answer that has to be there.

    :raises MagicError: if it isn't.
    """
    member = value.get(name) if isinstance(value, dict) else None
    if not isinstance(member, kind):
        raise MagicError(f"Cloudflare's answer to {what} has no '{name}' of the documented form.", reached=UNKNOWN)
    return member


def list_tunnels(client: Client) -> list[dict[str, t.Any]]:
    """Return all IPsec tunnels of the account; the API has no pages here."""
    tunnels = _member(client.request("GET", ["ipsec_tunnels"]), "ipsec_tunnels", list, "the list of IPsec tunnels")
    return [tunnel for tunnel in tunnels if isinstance(tunnel, dict) and isinstance(tunnel.get("id"), str)]


def read_tunnel(client: Client, tunnel_id: str) -> dict[str, t.Any]:
    """Return one IPsec tunnel."""
    tunnel: dict[str, t.Any] = _member(client.request("GET", ["ipsec_tunnels", tunnel_id]), "ipsec_tunnel", dict, "reading the IPsec tunnel")
    return tunnel


def _listing(items: Iterable[str]) -> str:
    names = sorted(items)
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more


def find_tunnel(tunnels: list[dict[str, t.Any]], name: str) -> dict[str, t.Any]:
    """Return the tunnel of that name.

    :raises MagicError: if there is none, or more than one; it lists what exists.
    """
    found = [tunnel for tunnel in tunnels if tunnel.get("name") == name]
    if len(found) == 1:
        return found[0]
    if found:
        ids = _listing(tunnel["id"] for tunnel in found)
        raise MagicError(f"name: {len(found)} IPsec tunnels are called '{name}' ({ids}). Give ipsec_tunnel_id instead.")
    names = _listing(str(tunnel.get("name")) for tunnel in tunnels)
    exist = f"These exist: {names}." if names else "The account has no IPsec tunnels."
    raise MagicError(f"name: no IPsec tunnel is called '{name}'. {exist} Check name and account_id.")


def _generate_once(client: Client, tunnel_id: str) -> dict[str, t.Any]:
    answer = client.request("POST", ["ipsec_tunnels", tunnel_id, "psk_generate"])
    if not _member(answer, "psk", str, "generating a key"):
        raise MagicError("Cloudflare's answer to generating a key holds an empty key.", reached=UNKNOWN)
    return t.cast("dict[str, t.Any]", answer)


def generate(client: Client, tunnel_id: str, warnings: list[str]) -> dict[str, t.Any]:
    """Have Cloudflare generate a key, and return its answer with the key that is in force.

    An answer that got lost may have changed the key, which nobody can read any more. The key generated last is the one in
    force, so one more is generated then, and the tunnel is read to confirm that it was the last.

    :arg warnings: gets a line if an answer was lost.
    :raises MagicError: if there is no key, or none that is certainly in force.
    """
    try:
        return _generate_once(client, tunnel_id)
    except MagicError as error:
        if error.reached != UNKNOWN:
            raise
        lost = error
    story = f"The answer with the key of tunnel {tunnel_id} was lost ({str(lost).rstrip('.')})"
    heal = "The key in force is now unknown, and Cloudflare never shows it. Run the task again: that makes a new key and heals it."
    try:
        answer = _generate_once(client, tunnel_id)
        confirmed = parse_timestamp(last_generated_on(read_tunnel(client, tunnel_id)))
        ours = parse_timestamp(last_generated_on(answer))
    except MagicError as error:
        raise error.explained(f"{story}, and it could not be replaced: {error} {heal}") from None
    if confirmed is None or ours is None or abs(confirmed - ours) > TOLERANCE:
        raise lost.explained(f"{story}. Another key was generated, but the tunnel does not confirm that it is the last one. {heal}")
    warnings.append(f"{story}. One more key was generated, and it is confirmed to be the one in force.")
    return answer


def set_key(client: Client, tunnel_id: str, key: str, validate_only: bool = False) -> dict[str, t.Any]:
    """Set a chosen key. Doing it twice is the same as once, so a lost answer is simply asked for again.

    :returns: what Cloudflare says of the key, without the key.
    :raises MagicError: if it is not certainly applied.
    """
    answer = client.request(
        "POST",
        ["ipsec_tunnels", "psk"],
        params={"validate_only": "true"} if validate_only else None,
        body={"psks": [{"id": tunnel_id, "psk": key}]},
        repeatable=True,
        secrets=[key],
    )
    answer = answer if isinstance(answer, dict) else {}
    unapplied = answer.get("unapplied_psks") or {}
    if unapplied:
        reason = str(unapplied.get(tunnel_id, "no reason given")).replace(key, "********") if isinstance(unapplied, dict) else "no reason given"
        raise MagicError(f"Cloudflare did not set the key of tunnel {tunnel_id}: {reason}. The key in force is the one before.")
    applied = answer.get("successfully_applied_psks") or {}
    mine = applied.get(tunnel_id) if isinstance(applied, dict) else None
    if mine is None and not validate_only:
        raise MagicError(f"Cloudflare's answer does not say whether the key of tunnel {tunnel_id} was set. Run the task again: setting the same key twice does no harm.")
    return {name: value for name, value in mine.items() if name != "psk"} if isinstance(mine, dict) else {}


def run(client: Client, options: Mapping[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    """Do the work of ``ipsec_psk``.

    :arg options: validated by ``OPTIONS`` and ``check``.
    :returns: the module's result; ``psk`` is in it if a key was generated, ``warnings`` if there are any.
    :raises MagicError: if it failed; the text says what state things are in.
    """
    tunnel_id, name, key = options["ipsec_tunnel_id"], options["name"], options["psk"]
    warnings: list[str] = []
    tunnel: dict[str, t.Any] | None = None
    if name is not None:
        tunnel = find_tunnel(list_tunnels(client), name)
        tunnel_id = tunnel["id"]
    elif options["rotate"] != "always":
        tunnel = read_tunnel(client, tunnel_id)
        name = tunnel.get("name")
    before = last_generated_on(tunnel)
    now = datetime.now(timezone.utc)
    try:
        generated = parse_timestamp(before)
    except MagicError:
        if options["rotate"] != "always":
            raise
        generated = None
    max_age = parse_age(options["max_age"]) if options["max_age"] is not None else None
    reason = why_due(options["rotate"], generated, max_age, now)
    result: dict[str, t.Any] = {"changed": reason != "not_due", "ipsec_tunnel_id": tunnel_id, "name": name, "reason": reason}
    if generated is not None:
        result["psk_age"] = max(0, int((now - generated).total_seconds()))
    after = before
    if reason != "not_due" and check_mode:
        if key is None:
            # Whatever this answers is never a key: it is thrown away.
            client.request("POST", ["ipsec_tunnels", tunnel_id, "psk_generate"], params={"validate_only": "true"})
        else:
            set_key(client, tunnel_id, key, validate_only=True)
        result["validated"] = True
        after = "(the time of the rotation)"
    elif reason != "not_due":
        answer = generate(client, tunnel_id, warnings) if key is None else set_key(client, tunnel_id, key)
        after = last_generated_on(answer)
        if key is None:
            result["psk"] = answer["psk"]
    shown = before if tunnel is not None else "(not read)"
    result["diff"] = {"before": {"last_generated_on": shown}, "after": {"last_generated_on": after}}
    result["psk_metadata"] = {"last_generated_on": before if check_mode else after}
    result["warnings"] = warnings
    return {name: value for name, value in result.items() if value is not None}
