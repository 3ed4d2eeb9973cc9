# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Pre-shared keys at Cloudflare: finds the tunnel; generates, sets and confirms a key; validates this in check mode."""

from __future__ import annotations

import secrets
import string
import typing as t
from collections.abc import Mapping
from dataclasses import dataclass, field

from ansible_collections.cloudflare.magic.plugins.module_utils._client import canonical, check_id, list_objects, member, read_object
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import REFUSED, UNKNOWN, MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._policy import Policy
from ansible_collections.cloudflare.magic.plugins.module_utils._text import is_mask, listing
from ansible_collections.cloudflare.magic.plugins.module_utils._times import age, from_future, last_generated_on, parse_timestamp, same_moment

if t.TYPE_CHECKING:
    from ansible_collections.cloudflare.magic.plugins.module_utils._client import Client

ALPHABET = string.ascii_letters + string.digits

_HEAL = "The key in force is now unknown, and Cloudflare never shows it. Run the task again with rotate: always, which creates a new key."
HOW_TO_REHEARSE = "From now on, set dry_run: read_only for a check mode that sends no such request, and report this to Cloudflare."


def make_key(length: int) -> str:
    """Return a random key of letters and digits that every known device accepts: some reject a leading 0."""
    return secrets.choice(ALPHABET.replace("0", "")) + "".join(secrets.choice(ALPHABET) for dummy in range(length - 1))


def is_usable(key: str) -> bool:
    """Return whether a string in a response can be a key: not empty, not a mask, and of characters that can be saved and typed."""
    return bool(key) and key.isprintable() and not is_mask(key)


def list_ipsec_tunnels(client: Client) -> list[dict[str, t.Any]]:
    """Return all IPsec tunnels of the account."""
    return [_named(tunnel) for tunnel in list_objects(client, "ipsec_tunnels", "IPsec tunnel")]


def read_tunnel(client: Client, tunnel_id: str) -> dict[str, t.Any]:
    """Return one IPsec tunnel."""
    return _named(read_object(client, "ipsec_tunnels", "ipsec_tunnel", tunnel_id, "IPsec tunnel"))


def _named(tunnel: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return a tunnel whose name is a text that can be saved, or None."""
    name = tunnel.get("name")
    if name is None:
        return tunnel
    return {**tunnel, "name": name.encode("utf-8", "backslashreplace").decode("utf-8") if isinstance(name, str) else None}


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


def _request_key(client: Client, tunnel_id: str, params: Mapping[str, str] | None = None) -> t.Any:
    answer = client.request("POST", ["ipsec_tunnels", tunnel_id, "psk_generate"], params=params)
    if isinstance(answer, dict):
        client.keep_secret(answer.get("psk"))
    return answer


def _generate_once(client: Client, tunnel_id: str) -> dict[str, t.Any]:
    answer = _request_key(client, tunnel_id)
    if not is_usable(member(answer, "psk", str, "generating a key", UNKNOWN)):
        raise MagicError("Cloudflare's response to generating a key contains no usable key.", reached=UNKNOWN)
    check_id(answer, "ipsec_tunnel_id", tunnel_id, "generating a key")
    return t.cast("dict[str, t.Any]", answer)


def generate(client: Client, tunnel_id: str, warnings: list[str]) -> dict[str, t.Any]:
    """Have Cloudflare generate a key, and return its response with the key that is in force.

    If a response is lost, the key may have changed, and nobody can read it. The key generated last is the one in
    force, so one more is generated then, and the tunnel is read to confirm that it is the latest.

    :arg warnings: gets a line if a response was lost.
    :raises MagicError: if there is no key, or none that is certainly in force.
    """
    try:
        return _generate_once(client, tunnel_id)
    except MagicError as error:
        if error.reached != UNKNOWN:
            raise
        lost = error
    story = f"The response with the key of tunnel {tunnel_id} was lost ({str(lost).rstrip('.')})"
    try:
        answer = _generate_once(client, tunnel_id)
        confirmed, ours = last_generated_on(read_tunnel(client, tunnel_id)), last_generated_on(answer)
        certain = parse_timestamp(confirmed) is not None and same_moment(confirmed, ours)
    except MagicError as error:
        # The failure is that of the first request, which may have changed the key, regardless of the next one.
        raise lost.explained(f"{story}, and it could not be replaced: {error} {_HEAL}") from None
    if not certain:
        raise lost.explained(f"{story}. Another key was generated, but the tunnel does not confirm that it is the latest one. {_HEAL}")
    warnings.append(f"{story}. One more key was generated, and it is confirmed to be the one in force.")
    return answer


class Applied(t.NamedTuple):
    """What Cloudflare responds about keys to set, by tunnel ID; never a key."""

    applied: dict[str, str | None]  # last_generated_on, where it says it
    unapplied: dict[str, str]  # the reason
    repeated: bool = False  # whether this is the response to a repeated request: an earlier one may have set what this one did not


def set_keys(client: Client, keys: Mapping[str, str], validate_only: bool = False) -> Applied:
    """Set chosen keys. Setting a key twice has the same effect as once, so the request is repeated if a response is lost.

    :arg keys: by tunnel id.
    :raises MagicError: if there is no response. A response may also report that some or all keys were not set, or not mention a tunnel.
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
    parts = [answer.get(name) if isinstance(answer, dict) else None for name in ("successfully_applied_psks", "unapplied_psks")]
    applied, unapplied = ({canonical(name): said for name, said in part.items()} if isinstance(part, dict) else {} for part in parts)
    result = Applied({}, {}, client.sent - before > 1)
    for tunnel_id, key in keys.items():
        name = canonical(tunnel_id)
        if name in unapplied:
            result.unapplied[tunnel_id] = client.readable(unapplied[name], keys.values())
        elif name in applied and _is_about(applied[name], name, key):
            result.applied[tunnel_id] = last_generated_on(applied[name])
    return result


def _is_about(said: t.Any, name: str, key: str) -> bool:
    """Return whether a response is about this tunnel and key: a response about another one says nothing about this one."""
    about = said if isinstance(said, dict) else {}
    ids = [canonical(about[called]) for called in ("id", "ipsec_tunnel_id") if isinstance(about.get(called), str)]
    psk = about.get("psk")
    return all(said_id == name for said_id in ids) and (not isinstance(psk, str) or psk == key or is_mask(psk) or not psk)


def set_key(client: Client, tunnel_id: str, key: str, validate_only: bool = False) -> str | None:
    """Set the chosen key of one tunnel.

    :returns: ``last_generated_on``, where Cloudflare says it.
    :raises MagicError: if it is not certainly applied.
    """
    again = "Run the task again: setting the same key twice is safe."
    try:
        applied, unapplied, repeated = set_keys(client, {tunnel_id: key}, validate_only)
    except MagicError as error:
        if error.reached != UNKNOWN or validate_only:
            raise
        raise error.explained(f"{error} {again}") from None
    if tunnel_id in unapplied and repeated and not validate_only:
        raise MagicError(
            f"Cloudflare did not set the key of tunnel {tunnel_id}: {unapplied[tunnel_id]}. An earlier request may have set it. {again}", reached=UNKNOWN
        )
    if tunnel_id in unapplied:
        raise MagicError(f"Cloudflare did not set the key of tunnel {tunnel_id}: {unapplied[tunnel_id]}. The previous key is still in force.")
    if tunnel_id not in applied and not validate_only:
        raise MagicError(f"Cloudflare's response does not say whether the key of tunnel {tunnel_id} was set. {again}", reached=UNKNOWN)
    return applied.get(tunnel_id)


class Keeper:
    """The store of keys, which is notified before and after a key is replaced. This one stores nothing."""

    def interrupted(self, dummy_object_id: str) -> bool:
        """Return whether a run was killed while it replaced this tunnel's key."""
        return False

    def begin(self, object_id: str, name: str | None) -> None:
        """Record that the key is about to be replaced.

        :raises MagicError: if that cannot be recorded. Nothing has been sent.
        """

    def unchanged(self, object_id: str) -> None:
        """Remove that record: the key certainly was not replaced."""

    def doubts(self, dummy_object_id: str, dummy_before: str | None) -> list[str]:
        """Return warnings if the stored key is not the key in force, which was generated at this time."""
        return []


@dataclass
class Outcome:
    """The outcome for a key.

    :ivar after: ``last_generated_on`` of the key in force.
    :ivar psk: the key in force, if it was generated now.
    :ivar validated: None unless in check mode.
    :ivar problem: why the task fails although ``psk`` may have a key.
    """

    after: str | None = None
    psk: str | None = field(default=None, repr=False)
    validated: bool | None = None
    problem: str | None = None


def _replace(client: Client, tunnel_id: str, name: str | None, key: str | None, keeper: Keeper, warnings: list[str]) -> Outcome:
    """Replace the key in force, after that was recorded."""
    keeper.begin(tunnel_id, name)
    try:
        if key is not None:
            return Outcome(set_key(client, tunnel_id, key))
        answer = generate(client, tunnel_id, warnings)
    except MagicError as error:
        if error.reached != UNKNOWN:
            keeper.unchanged(tunnel_id)
        raise
    return Outcome(last_generated_on(answer), answer["psk"])


def _rehearse(client: Client, tunnel_id: str, key: str | None, asks: bool, before: str | None, warnings: list[str]) -> Outcome:
    """Have Cloudflare validate the request without carrying it out, and check whether it did carry it out.

    Cloudflare's description says that ``validate_only`` changes nothing; two of its guides use this request to generate the key.

    :arg key: the user's; None to generate one.
    :arg asks: whether to send the request that would generate it.
    """
    psk = None if key is None and asks else key or make_key(48)
    problem = None
    answer: t.Any = None
    try:
        if psk is None:
            answer = _request_key(client, tunnel_id, {"validate_only": "true"})
            check_id(answer, "ipsec_tunnel_id", tunnel_id, "generating a key")
            psk = answer["psk"] if isinstance(answer, dict) and isinstance(answer.get("psk"), str) and answer["psk"] else None
        else:
            set_key(client, tunnel_id, psk, validate_only=True)
    except MagicError as error:
        if error.reached != UNKNOWN:
            raise
        problem = error
    made = psk if key is None else None
    ours = last_generated_on(answer)
    try:
        after = last_generated_on(read_tunnel(client, tunnel_id))
    except MagicError as error:
        state = f"It is not known whether Cloudflare replaced the key of tunnel {tunnel_id} although the request asked it not to: {error}"
        return Outcome(before, made, False, f"{state} If it did, the key in this result is in force. {HOW_TO_REHEARSE}")
    if same_moment(before, after):
        if problem is not None:
            problem.reached = REFUSED  # the tunnel shows that nothing happened
            raise problem
        return Outcome(before, validated=True)
    if ours is not None and not same_moment(ours, after):
        warnings.append(f"The key of tunnel {tunnel_id} was replaced by another user or process during this check. The check changed nothing.")
        return Outcome(after, validated=True)
    story = f"Cloudflare has replaced the key of tunnel {tunnel_id}, although the request asked only for validation (validate_only)."
    if made is None and key is None:
        return Outcome(after, None, False, f"{story} {_HEAL}")
    warnings.append(f"{story} The new key is in force and is delivered as in a real run. {HOW_TO_REHEARSE}")
    return Outcome(after, made, False)


def _look(client: Client, options: Mapping[str, t.Any], check_mode: bool) -> tuple[str, dict[str, t.Any] | None]:
    """Return the ID of the tunnel, and the tunnel if it has to be read."""
    tunnel_id: str = options["ipsec_tunnel_id"]
    if options["name"] is not None:
        tunnel = find_tunnel(list_ipsec_tunnels(client), options["name"])
        return tunnel["id"], tunnel
    if options["rotate"] != "always" or check_mode:
        return tunnel_id, read_tunnel(client, tunnel_id)
    return tunnel_id, None


def rotate(client: Client, options: Mapping[str, t.Any], check_mode: bool, keeper: Keeper | None = None) -> dict[str, t.Any]:
    """Do the work of ``ipsec_psk``.

    :arg options: validated by ``OPTIONS`` and ``check_one``.
    :arg keeper: is notified before a key is replaced.
    :returns: the module's result; ``psk`` is in it if a key was generated, ``warnings`` if there are any.
    :raises MagicError: if it failed; the text describes the state of the object.
    """
    keeper = keeper or Keeper()
    policy = Policy.of(options)
    warnings: list[str] = []
    tunnel_id, tunnel = _look(client, options, check_mode)
    name = options["name"] if tunnel is None else tunnel.get("name")
    before, now = last_generated_on(tunnel), client.now()
    generated = parse_timestamp(before) if policy.rotate != "always" else None
    reason = policy.why_due(generated, now, keeper.interrupted(tunnel_id))
    if from_future(before, now):
        warnings.append(f"The key of tunnel {tunnel_id} is dated in the future ({before}), so its age is not known. A clock at Cloudflare may be wrong.")
    outcome = Outcome(before)
    if reason == "not_due":
        warnings += keeper.doubts(tunnel_id, before)
    elif check_mode:
        outcome = _rehearse(client, tunnel_id, options["psk"], options["dry_run"] == "request", before, warnings)
    else:
        outcome = _replace(client, tunnel_id, name, options["psk"], keeper, warnings)
    after = "(the time of the rotation)" if outcome.validated else outcome.after
    result: dict[str, t.Any] = {
        "changed": reason != "not_due",
        "ipsec_tunnel_id": tunnel_id,
        "name": name,
        "reason": reason,
        "psk_age": age(before, now),
        "psk": outcome.psk,
        "validated": outcome.validated,
        "psk_metadata": {"last_generated_on": outcome.after},
        "diff": {"before": {"last_generated_on": before if tunnel is not None else "(not read)"}, "after": {"last_generated_on": after}},
        "warnings": warnings or None,
        "failed": True if outcome.problem else None,
        "msg": outcome.problem,
    }
    return {key: value for key, value in result.items() if value is not None}
