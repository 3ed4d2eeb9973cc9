# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this doc fragment is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  api_token:
    description:
      - A Cloudflare API token, owned by a user or by the account. It is sent in the header C(Authorization).
      - Mutually exclusive with O(api_key) and O(api_email).
      - If none of O(api_token), O(api_key) and O(api_email) is set, the environment variable E(CLOUDFLARE_API_TOKEN) is used, or otherwise
        E(CLOUDFLARE_API_KEY) with E(CLOUDFLARE_EMAIL). If any of these options is set, all three variables are ignored.
    type: str
  api_key:
    description:
      - The global API key of a user, used together with O(api_email). Use O(api_token) if possible, because it can be limited to the permissions that
        are needed.
      - See O(api_token) for the environment variable E(CLOUDFLARE_API_KEY).
    type: str
  api_email:
    description:
      - The email address of the user that O(api_key) belongs to.
      - See O(api_token) for the environment variable E(CLOUDFLARE_EMAIL).
    type: str
  account_id:
    description:
      - The id of the account, 32 hexadecimal characters.
      - Required, here or in the environment variable E(CLOUDFLARE_ACCOUNT_ID).
    type: str
  api_url:
    description:
      - The base URL of the API.
      - If not set, the environment variable E(CLOUDFLARE_BASE_URL) is used, or otherwise V(https://api.cloudflare.com/client/v4).
      - Unencrypted C(http://) URLs are rejected unless the host is a loopback address.
      - Proxies are taken from the environment variables E(HTTPS_PROXY), E(HTTP_PROXY) and E(NO_PROXY), including those set with the task's
        C(environment) keyword. Redirects are never followed, and a C(~/.netrc) file is never used.
    type: str
    aliases:
      - base_url
  timeout:
    description:
      - The maximum time in seconds for one complete response, from its first byte to its last. Establishing the connection has a separate limit of 10
        seconds.
      - Responses larger than 32 MiB are rejected, regardless of how long they take.
    type: float
    default: 30.0
  max_retries:
    description:
      - The maximum number of retries for a request. V(0) disables retries.
      - Read requests are retried after connection errors and after the HTTP statuses 408, 409, 429 and 5xx. Write requests are only retried if they
        certainly had no effect, that is, after 409 and 429 and if no connection was established, or if repeating them does no harm.
      - The wait time is what the server requests in C(Retry-After) or C(Ratelimit), up to 330 seconds. Otherwise, it is an increasing back-off of up
        to 30 seconds.
    type: int
    default: 4
  validate_certs:
    description:
      - Whether to verify the TLS certificate of the server.
    type: bool
    default: true
  ca_path:
    description:
      - A file with the certificates of the certification authorities to trust, in PEM format, or a folder of such files prepared by C(openssl
        rehash).
    type: path
"""

    PSK = r"""
requirements:
  - requests >= 2.25 (with urllib3 >= 1.26), on the controller
notes:
  - The account needs Cloudflare WAN or Magic Transit, which are part of Cloudflare's Enterprise plan. The emulator in this collection does not need
    an account.
  - The API token needs the permission C(Magic WAN Write) or C(Magic Transit Write) for the account. Check mode needs it too.
  - In a loop, the fact alone does not count as a receiver, because Ansible discards the facts of all items if one item fails. Use C(register) or
    O(vault_file).
  - A result that contains a key is censored, as with C(no_log), on every supported version of ansible-core. A notice on standard error says what
    happened. Failures and results without a key remain readable.
  - On ansible-core 2.22 and later, keys are also registered as secrets, and Ansible masks them in later output. Before 2.22, a later task that prints
    the variable shows the key, so use C(no_log=true) on tasks that handle it.
  - The work is done on the controller, regardless of the connection of the host, and of C(become) and C(delegate_to). To reach Cloudflare through
    another machine, set C(HTTPS_PROXY) in the task's C(environment).
options:
  rotate:
    description:
      - When to generate a new key.
    type: str
    choices:
      always: Each time the task runs.
      missing: Only if the tunnel never had a key, or if O(vault_file) says that a run was interrupted while it replaced the key.
      expired: Like V(missing), and also if the key is older than O(max_age), according to Cloudflare's clock.
    default: always
  max_age:
    description:
      - With O(rotate=expired), the age above which a key is replaced, as a whole number with a unit, such as V(90d), V(12h), V(2w) or V(45m), or in
        seconds.
      - Cloudflare reports when a key was I(generated). Cloudflare decides whether this includes a key that was chosen elsewhere and then set.
    type: str
  set_fact:
    description:
      - Whether to also store a generated key in the fact C(cloudflare_magic_ipsec_psks) of the host, which is a dictionary with tunnel ids as keys.
        Its values have the keys C(psk), C(name) (if known) and C(last_generated_on). With O(vault_file), the fact also contains the keys from the
        file.
      - The fact lasts until the end of the run. With a fact cache other than C(memory), it would be stored in plain text. In this case, the fact is
        not set, and a warning is issued.
    type: bool
    default: true
  vault_file:
    description:
      - A YAML file on the controller, encrypted as a whole with Ansible Vault, that stores the key. A relative path is relative to the folder of the
        playbook.
      - It contains the variable C(cloudflare_magic_ipsec_psks), a dictionary with tunnel ids as keys, as in O(set_fact). Its values also have
        C(saved_on) and, after a rotation, C(previous_psk). While a key is being replaced, the entry has C(replacing_since). Use the file with
        C(vars_files) or M(ansible.builtin.include_vars), and view it with C(ansible-vault view).
      - The file is created if it does not exist. Entries of other tunnels, other variables, and comments outside the variable are kept.
      - Everything that can fail (the folder, the vault password, the content, the disk space) is checked before a key is generated. The file is
        replaced as a whole and has the mode 0600. It is locked in the meantime. For this lock, an empty file with the suffix C(.lock) remains next to
        it.
    type: path
  vault_id:
    description:
      - The vault identity to encrypt O(vault_file) with. It must be one of those that the run was started with.
      - By default, an existing file keeps its identity, and a new file gets the identity that Ansible itself would use (C(vault_encrypt_identity), or
        otherwise the first identity).
    type: str
"""

    # Modules that work where the task runs, and what they need there
    WRITES = r"""
requirements:
  - requests >= 2.25 (with urllib3 >= 1.26), on the controller
notes:
  - The API token needs the permission C(Magic WAN Write) or C(Magic Transit Write) for the account.
  - The account needs Cloudflare WAN or Magic Transit, which are part of Cloudflare's Enterprise plan. The emulator in this collection does not need
    an account.
  - Only options that the task sets are compared and sent. Addresses and prefixes are compared by value, so V(fd00::0a/127) and V(fd00::a/127) are
    equal.
  - To unset a text, set it to an empty string. To unset a list, set it to an empty list.
  - If a response is lost, the request is not repeated blindly. The task fails. If you run it again, it reads the current state and does what remains
    to be done.
  - The work is done on the controller, regardless of the connection of the host, and of C(become) and C(delegate_to). To reach Cloudflare through
    another machine, set C(HTTPS_PROXY) in the task's C(environment).
options:
  state:
    description:
      - Whether the object should exist.
    type: str
    choices:
      present: The object is created if it does not exist, and updated if it differs.
      absent: The object is deleted if it exists.
    default: present
"""

    READS = r"""
requirements:
  - requests >= 2.25 (with urllib3 >= 1.26), on the controller
notes:
  - The work is done on the controller, regardless of the connection of the host, and of C(become) and C(delegate_to). To reach Cloudflare through
    another machine, set C(HTTPS_PROXY) in the task's C(environment).
  - The API token needs one of the permissions C(Magic WAN Read), C(Magic Transit Read), C(Magic WAN Write) or C(Magic Transit Write) for the account.
  - The account needs Cloudflare WAN or Magic Transit, which are part of Cloudflare's Enterprise plan. The emulator in this collection does not need
    an account.
options: {}
"""

    # The health of tunnels in an inventory
    HEALTH = r"""
notes:
  - With O(health), the API token also needs the permission C(Account Analytics Read) for the account. One query is sent for all tunnels. Further
    queries are sent only if a response has 10,000 rows, with one row for each tunnel and data center. Without the permission, there are no hosts.
  - Analytics data is delayed, and a cache adds its age to the delay. C(tunnel_health_checked_until) is the end of the period for which data was
    requested.
options:
  health:
    description:
      - Whether to request the results of Cloudflare's health checks for the tunnels from GraphQL Analytics, for the variables C(tunnel_health),
        C(tunnel_health_share) and C(tunnel_health_checked_until).
      - A tunnel without data is V(unknown), and neither V(healthy) nor V(down). The same applies to a tunnel whose health check is off.
    type: bool
    default: false
    version_added: 1.1.0
  health_window:
    description:
      - How far back to look, as in O(cloudflare.magic.tunnel_health_info#module:window). With a cache, a different window is requested again.
    type: str
    default: 5m
    version_added: 1.1.0
  health_min_healthy_share:
    description:
      - A tunnel is V(healthy) if at least this share of the data centers that have reported consider it healthy, as in
        O(cloudflare.magic.tunnel_health_info#module:min_healthy_share).
    type: float
    default: 0.9
    version_added: 1.1.0
"""

    # The same for what stands outside Magic WAN and Magic Transit, and has permissions of its own
    WRITES_ELSEWHERE = r"""
requirements:
  - requests >= 2.25 (with urllib3 >= 1.26), on the controller
notes:
  - Only options that the task sets are compared and sent. To unset a text, set it to an empty string. To unset a list, set it to an empty list.
  - If a response is lost, the request is not repeated blindly. The task fails. If you run it again, it reads the current state and does what remains
    to be done.
  - The work is done on the controller, regardless of the connection of the host, and of C(become) and C(delegate_to). To reach Cloudflare through
    another machine, set C(HTTPS_PROXY) in the task's C(environment).
options:
  state:
    description:
      - Whether the object should exist.
    type: str
    choices:
      present: The object is created if it does not exist, and updated if it differs.
      absent: The object is deleted if it exists.
    default: present
"""

    READS_ELSEWHERE = r"""
requirements:
  - requests >= 2.25 (with urllib3 >= 1.26), on the controller
notes:
  - The work is done on the controller, regardless of the connection of the host, and of C(become) and C(delegate_to). To reach Cloudflare through
    another machine, set C(HTTPS_PROXY) in the task's C(environment).
options: {}
"""

    # The fields that IPsec and GRE tunnels share
    TUNNEL = r"""
options:
  interface_address:
    description:
      - Cloudflare's IPv4 address inside the tunnel with the prefix length V(/31) or V(/30), from 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or
        169.254.240.0/20. The customer's device has the other address.
      - Required for a new tunnel.
    type: str
  interface_address6:
    description:
      - Cloudflare's IPv6 address inside the tunnel with its prefix length, usually V(/127).
    type: str
  description:
    description:
      - A free-text description.
    type: str
  health_check:
    description:
      - How Cloudflare checks whether the tunnel works. Options that are not set keep their values. For a new tunnel, Cloudflare chooses the values.
    type: dict
    suboptions:
      enabled:
        description:
          - Whether to run health checks.
        type: bool
      rate:
        description:
          - How often to run health checks.
        type: str
        choices:
          - low
          - mid
          - high
      type:
        description:
          - The type of probe to send, either an ICMP reply or an ICMP request.
        type: str
        choices:
          - reply
          - request
      direction:
        description:
          - Whether the response returns through the tunnel (V(bidirectional)) or through the Internet (V(unidirectional)).
          - For a new tunnel, Cloudflare chooses V(bidirectional) with Cloudflare WAN, and V(unidirectional) with Magic Transit.
        type: str
        choices:
          - unidirectional
          - bidirectional
      target:
        description:
          - The address to check. With an empty string, Cloudflare computes the address, which is usually the customer's endpoint.
          - Cloudflare ignores it if the direction of the task or of the tunnel is V(bidirectional). In this case, it is left out, and a warning is
            issued.
          - Either an address, or a dictionary with the key C(saved), as returned by the modules. The key C(effective) is ignored.
        type: raw
  automatic_return_routing:
    description:
      - Whether traffic returns through the tunnel that it came from. Cloudflare must enable this for the account.
    type: bool
  bgp:
    description:
      - BGP with the customer's device over the tunnel. After it is set, it cannot be removed from a tunnel through Cloudflare's API.
    type: dict
    suboptions:
      customer_asn:
        description:
          - The autonomous system number of the customer's device. Required for BGP.
        type: int
      extra_prefixes:
        description:
          - Prefixes to announce to the device in addition to those of the account. The order does not matter.
        type: list
        elements: str
      md5_key:
        description:
          - The MD5 key of the session, which protects against misconfiguration. Cloudflare does not treat it as a secret. Both Cloudflare and the
            modules show it to anyone who can read the tunnel.
        type: str
      import_filter_id:
        description:
          - The id of a filter for the routes that Cloudflare accepts.
        type: str
      export_filter_id:
        description:
          - The id of a filter for the routes that Cloudflare announces.
        type: str
      import_filter:
        description:
          - The name of the filter for the routes that Cloudflare accepts, instead of O(bgp.import_filter_id). An empty string removes the filter.
        type: str
      export_filter:
        description:
          - The name of the filter for the routes that Cloudflare announces, instead of O(bgp.export_filter_id). An empty string removes the filter.
        type: str
"""
