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

from ansible_collections.cloudflare.magic.plugins.module_utils._client import (
    UNKNOWN,
    MagicError,
    check_segment,
    list_objects,
    listing,
    member,
    read_object,
    scrub,
)
from ansible_collections.cloudflare.magic.plugins.module_utils._options import SHARED, ArgumentSpec

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from ansible_collections.cloudflare.magic.plugins.module_utils._client import Client

# What all modules that make keys share: when, and where the keys go.
_POLICY = SHARED.merge(
    ArgumentSpec(
        {
            "rotate": {"type": "str", "choices": ["always", "missing", "expired"], "default": "always"},
            "max_age": {"type": "str"},
            "set_fact": {"type": "bool", "default": True},
            "vault_file": {"type": "path"},
            "vault_id": {"type": "str"},
        },
        required_if=[("rotate", "expired", ("max_age",))],
    )
)

OPTIONS = _POLICY.merge(
    ArgumentSpec(
        {
            "ipsec_tunnel_id": {"type": "str"},
            "name": {"type": "str"},
            "psk": {"type": "str", "no_log": True},
        },
        mutually_exclusive=[("ipsec_tunnel_id", "name")],
        required_one_of=[("ipsec_tunnel_id", "name")],
    )
)

FLEET_OPTIONS = _POLICY.merge(
    ArgumentSpec(
        {
            "names": {"type": "list", "elements": "str"},
            "ipsec_tunnel_ids": {"type": "list", "elements": "str"},
            "psks": {"type": "dict", "no_log": True},
            "psk_length": {"type": "int", "default": 48, "no_log": False},
            "batch_size": {"type": "int", "default": 50},
            "stage": {"type": "bool", "default": False},
        },
        mutually_exclusive=[("names", "psks"), ("ipsec_tunnel_ids", "psks")],
        required_one_of=[("names", "ipsec_tunnel_ids", "psks")],
    )
)

# Masking a shorter string than this would damage all of Ansible's output.
SHORTEST_KEY = 8
SHORTEST_GOOD_KEY = 32

# The answer to psk_generate has nanoseconds, the tunnel afterwards rounded microseconds.
TOLERANCE = timedelta(milliseconds=1)

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
        raise MagicError(
            "last_generated_on: Cloudflare's answer holds no readable timestamp, so the key's age is unknown. Use rotate: always, or report it."
        ) from None


def last_generated_on(holder: t.Any) -> str | None:
    """Return ``psk_metadata.last_generated_on`` of a tunnel or of an answer with a key; None where there never was a key."""
    metadata = holder.get("psk_metadata") if isinstance(holder, dict) else None
    value = metadata.get("last_generated_on") if isinstance(metadata, dict) else None
    return value if isinstance(value, str) and value else None


def age(timestamp: str | None, now: datetime) -> int | None:
    """Return the seconds since a timestamp of the API; None if there is none, or it cannot be read."""
    try:
        moment = parse_timestamp(timestamp)
    except MagicError:
        return None
    return None if moment is None else max(0, int((now - moment).total_seconds()))


def why_due(rotate: str, generated: datetime | None, max_age: int | None, now: datetime) -> str:
    """Return the reason to make a key now: ``always``, ``missing`` or ``expired``, or ``not_due``.

    :arg max_age: seconds; only looked at with ``rotate=expired``.
    """
    if rotate == "always":
        return "always"
    if generated is None:
        return "missing"
    if rotate == "expired" and max_age is not None and (now - generated).total_seconds() > max_age:
        return "expired"
    return "not_due"


def check_key(name: str, key: str) -> list[str]:
    """Return warnings on a key that a user supplies.

    :arg name: how to call the option in messages.
    :raises MagicError: if it cannot be used. The message does not hold it.
    """
    if len(key) < SHORTEST_KEY:
        raise MagicError(
            f"{name} is shorter than {SHORTEST_KEY} characters. Give at least {SHORTEST_GOOD_KEY}, or leave {name} out to have Cloudflare generate one."
        )
    if not key.isprintable():
        raise MagicError(
            f"{name} holds a line break or another control character, which no device takes. Remove it (a file's last line break: use the trim filter)."
        )
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
    elif options["name"] is None or not options["name"].strip():
        raise MagicError("name is empty. Give the tunnel's name, or its ipsec_tunnel_id instead.")
    _check_policy(options)
    return [] if options["psk"] is None else check_key("psk", options["psk"])


def check_fleet(options: Mapping[str, t.Any]) -> list[str]:
    """Check the options of ``ipsec_psks``; see ``check``."""
    _check_policy(options)
    for name in ("names", "ipsec_tunnel_ids", "psks"):
        if options[name] is not None and not options[name]:
            raise MagicError(f"{name} is empty. Name at least one tunnel; names: ['*'] means all of them.")
        if any(not str(item).strip() for item in options[name] or []):
            raise MagicError(f"{name} holds an empty string. Leave it out.")
    for tunnel_id in options["ipsec_tunnel_ids"] or []:
        check_segment("ipsec_tunnel_ids", tunnel_id)
    if not 32 <= options["psk_length"] <= 64:
        raise MagicError("psk_length must be from 32 to 64 characters.")
    if options["batch_size"] < 1:
        raise MagicError("batch_size must be at least 1.")
    if options["stage"] and options["vault_file"] is None:
        raise MagicError("stage needs vault_file, which keeps the keys until they are sent. Give vault_file, or leave stage out.")
    if options["stage"] and options["psks"] is not None:
        raise MagicError("stage makes keys, and psks supplies them: they exclude each other. Keys of your own can go to the devices first as they are.")
    warnings = []
    for name, key in (options["psks"] or {}).items():
        if not isinstance(key, str):
            raise MagicError(f"psks: the key of '{name}' is not a string (YAML has read another type). Put it between quotes.")
        warnings += check_key(f"psks: the key of '{name}'", key)
    return warnings


def _check_policy(options: Mapping[str, t.Any]) -> None:
    if options["max_age"] is not None:
        parse_age(options["max_age"])
        if options["rotate"] == "always":
            raise MagicError("max_age has no effect with rotate: always, which makes a key each time. Write rotate: expired, or leave max_age out.")
    elif options["rotate"] == "expired":
        # Ansible takes an option that is null for one that is there.
        raise MagicError("max_age is missing, which rotate: expired needs. Write an age like 90d, 12h, 2w or 45m.")
    if options["vault_file"] is not None and not options["vault_file"].strip():
        raise MagicError("vault_file is empty. Give the path of the file, or leave it out.")
    if options["vault_id"] is not None and options["vault_file"] is None:
        raise MagicError("vault_id has no effect without vault_file. Give vault_file, or leave vault_id out.")


def list_tunnels(client: Client) -> list[dict[str, t.Any]]:
    """Return all IPsec tunnels of the account."""
    return list_objects(client, "ipsec_tunnels", "IPsec tunnel")


def read_tunnel(client: Client, tunnel_id: str) -> dict[str, t.Any]:
    """Return one IPsec tunnel."""
    return read_object(client, "ipsec_tunnels", "ipsec_tunnel", tunnel_id, "IPsec tunnel")


def find_tunnel(tunnels: list[dict[str, t.Any]], name: str) -> dict[str, t.Any]:
    """Return the tunnel of that name.

    :raises MagicError: if there is none, or more than one; it lists what exists.
    """
    found = [tunnel for tunnel in tunnels if tunnel.get("name") == name]
    if len(found) == 1:
        return found[0]
    if found:
        ids = listing(tunnel["id"] for tunnel in found)
        raise MagicError(f"name: {len(found)} IPsec tunnels are called '{name}' ({ids}). Give ipsec_tunnel_id instead.")
    names = listing(str(tunnel.get("name")) for tunnel in tunnels)
    exist = f"These exist: {names}." if names else "The account has no IPsec tunnels."
    raise MagicError(f"name: no IPsec tunnel is called '{name}'. {exist} Check name and account_id.")


def _generate_once(client: Client, tunnel_id: str) -> dict[str, t.Any]:
    answer = client.request("POST", ["ipsec_tunnels", tunnel_id, "psk_generate"])
    if not member(answer, "psk", str, "generating a key", UNKNOWN):
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
    heal = "The key in force is now unknown, and Cloudflare never shows it. Run the task again with rotate: always, which makes a new key and heals it."
    try:
        answer = _generate_once(client, tunnel_id)
        confirmed = parse_timestamp(last_generated_on(read_tunnel(client, tunnel_id)))
        ours = parse_timestamp(last_generated_on(answer))
    except MagicError as error:
        # The failure is that of the first request, which may have changed the key, whatever became of the next one.
        raise lost.explained(f"{story}, and it could not be replaced: {error} {heal}") from None
    if confirmed is None or ours is None or abs(confirmed - ours) > TOLERANCE:
        raise lost.explained(f"{story}. Another key was generated, but the tunnel does not confirm that it is the last one. {heal}")
    warnings.append(f"{story}. One more key was generated, and it is confirmed to be the one in force.")
    return answer


class Applied(t.NamedTuple):
    """What Cloudflare says of keys that it was asked to set, by tunnel id; never a key."""

    applied: dict[str, str | None]  # last_generated_on, where it says it
    unapplied: dict[str, str]  # the reason
    repeated: bool = False  # whether this is the answer to a repeated request: an earlier one may have set what this one did not


def set_keys(client: Client, keys: Mapping[str, str], validate_only: bool = False) -> Applied:
    """Set chosen keys. Doing it twice is the same as once, so a lost answer is simply asked for again.

    :arg keys: by tunnel id.
    :raises MagicError: if there is no answer. An answer may also say that some or all keys were not set, or say nothing of a tunnel.
    """
    before = client.sent
    answer = client.request(
        "POST",
        ["ipsec_tunnels", "psk"],
        params={"validate_only": "true"} if validate_only else None,
        body={"psks": [{"id": tunnel_id, "psk": key} for tunnel_id, key in keys.items()]},
        repeatable=True,
        secrets=list(keys.values()),
    )
    members = [answer.get(name) if isinstance(answer, dict) else None for name in ("successfully_applied_psks", "unapplied_psks")]
    applied, unapplied = (member if isinstance(member, dict) else {} for member in members)
    return Applied(
        {tunnel_id: last_generated_on(applied[tunnel_id]) for tunnel_id in keys if tunnel_id in applied and tunnel_id not in unapplied},
        {tunnel_id: str(scrub(str(unapplied[tunnel_id]), list(keys.values()))) for tunnel_id in keys if tunnel_id in unapplied},
        client.sent - before > 1,
    )


def set_key(client: Client, tunnel_id: str, key: str, validate_only: bool = False) -> str | None:
    """Set the chosen key of one tunnel.

    :returns: ``last_generated_on``, where Cloudflare says it.
    :raises MagicError: if it is not certainly applied.
    """
    applied, unapplied, dummy = set_keys(client, {tunnel_id: key}, validate_only)
    if tunnel_id in unapplied:
        raise MagicError(f"Cloudflare did not set the key of tunnel {tunnel_id}: {unapplied[tunnel_id]}. The key in force is the one before.")
    if tunnel_id not in applied and not validate_only:
        raise MagicError(
            f"Cloudflare's answer does not say whether the key of tunnel {tunnel_id} was set. Run the task again: setting the same key twice does no harm."
        )
    return applied.get(tunnel_id)


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
    generated = parse_timestamp(before) if options["rotate"] != "always" else None
    max_age = parse_age(options["max_age"]) if options["max_age"] is not None else None
    reason = why_due(options["rotate"], generated, max_age, now)
    result: dict[str, t.Any] = {"changed": reason != "not_due", "ipsec_tunnel_id": tunnel_id, "name": name, "reason": reason, "psk_age": age(before, now)}
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
        if key is None:
            answer = generate(client, tunnel_id, warnings)
            after = last_generated_on(answer)
            result["psk"] = answer["psk"]
        else:
            after = set_key(client, tunnel_id, key)
    shown = before if tunnel is not None else "(not read)"
    result["diff"] = {"before": {"last_generated_on": shown}, "after": {"last_generated_on": after}}
    result["psk_metadata"] = {"last_generated_on": before if check_mode else after}
    result["warnings"] = warnings or None
    return {name: value for name, value in result.items() if value is not None}


def run_fleet(client: Client, options: Mapping[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    """Do a step of ``ipsec_psks`` for the action plugin, which makes and keeps the keys: list the tunnels, or set a batch of keys.

    :arg options: with ``_keys``, a dictionary by tunnel id, the keys to set.
    """
    before = client.sent
    keys = options.get("_keys")
    try:
        if keys is None:
            tunnels = [{name: tunnel.get(name) for name in ("id", "name", "psk_metadata")} for tunnel in list_tunnels(client)]
            return {"changed": False, "tunnels": tunnels, "requests": client.sent - before}
        answer = set_keys(client, keys, check_mode)
    except MagicError as error:
        error.sent = client.sent - before
        raise
    return {
        "changed": bool(answer.applied),
        "applied": answer.applied,
        "unapplied": answer.unapplied,
        "repeated": answer.repeated,
        "requests": client.sent - before,
    }
