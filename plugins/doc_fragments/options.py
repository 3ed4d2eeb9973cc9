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
      - An API token of Cloudflare, owned by a user or by the account. Sent in the header C(Authorization).
      - Excludes O(api_key) and O(api_email).
      - If neither O(api_token) nor O(api_key) nor O(api_email) is set, the environment variable E(CLOUDFLARE_API_TOKEN) is used, or else
        E(CLOUDFLARE_API_KEY) with E(CLOUDFLARE_EMAIL). As soon as one of them is set, all three variables are ignored.
    type: str
  api_key:
    description:
      - The global API key of a user, together with O(api_email). Prefer O(api_token), which can be limited to what is needed.
      - See O(api_token) for the environment variable E(CLOUDFLARE_API_KEY).
    type: str
  api_email:
    description:
      - The e-mail address of the user that O(api_key) belongs to.
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
      - If not set, the environment variable E(CLOUDFLARE_BASE_URL) is used, or else V(https://api.cloudflare.com/client/v4).
      - Unencrypted C(http://) is refused unless the host is a loopback address.
      - Proxies are taken from the environment variables E(HTTPS_PROXY), E(HTTP_PROXY) and E(NO_PROXY), of the task's C(environment) keyword too.
        Redirects are never followed, and a C(~/.netrc) file is never used.
    type: str
    aliases:
      - base_url
  timeout:
    description:
      - How many seconds one whole answer may take, from its first byte to its last. Making the connection has its own limit of 10 seconds.
      - An answer of more than 32 MiB is not taken, however long it takes.
    type: float
    default: 30.0
  max_retries:
    description:
      - How often to repeat a request at most. V(0) switches retries off.
      - Reading is repeated after connection errors and after the HTTP statuses 408, 409, 429 and 5xx. Writing is only
        repeated if it certainly had no effect, that is after 409 and 429 and if no connection was made, or if doing it twice does no harm.
      - Waits as long as the server asks for in C(Retry-After) or C(Ratelimit), up to 330 seconds, else with an increasing back-off of up to 30 seconds.
    type: int
    default: 4
  validate_certs:
    description:
      - Whether to check the TLS certificate of the server.
    type: bool
    default: true
  ca_path:
    description:
      - A file with the certificates of the certification authorities to trust, in PEM format, or a folder of such files prepared by C(openssl rehash).
    type: path
"""

    PSK = r"""
requirements:
  - requests >= 2.25 (with urllib3 >= 1.26), on the controller
notes:
  - The account needs Cloudflare WAN or Magic Transit, which are part of Cloudflare's Enterprise plan. The emulator in this collection
    needs no account.
  - The API token needs the permission C(Magic WAN Write) or C(Magic Transit Write) for the account. Check mode needs it too.
  - In a loop, the fact alone does not count as a receiver, because Ansible drops the facts of all items when one fails. Use C(register) or O(vault_file).
  - A result that holds a key is censored, as with C(no_log), on every supported version of ansible-core, and a notice on standard error
    says what happened. Failures and results without a key stay readable.
  - On ansible-core 2.22 and later keys are also registered as secrets, and Ansible masks them in later output. Before 2.22
    a later task that prints the variable shows the key, so use C(no_log=true) on tasks that handle it.
  - The work is done on the controller, whatever the connection of the host is, and whatever C(become) and C(delegate_to) say. To reach Cloudflare
    through another machine, set C(HTTPS_PROXY) in the task's C(environment).
options:
  rotate:
    description:
      - When to make a new key.
    type: str
    choices:
      always: Each time that the task runs.
      missing: Only if the tunnel never had a key, or O(vault_file) says that a run was interrupted while it replaced the key.
      expired: As V(missing), and also if the key is older than O(max_age), by Cloudflare's clock.
    default: always
  max_age:
    description:
      - With O(rotate=expired), the age above which a key is replaced, as a whole number with a unit, like V(90d), V(12h), V(2w) or V(45m), or in seconds.
      - Cloudflare reports when a key was I(generated). Whether a key that was chosen elsewhere and set counts, too, is up to Cloudflare.
    type: str
  set_fact:
    description:
      - Whether to also put a generated key into the fact C(cloudflare_magic_ipsec_psks) of the host, a dictionary by tunnel id.
        Its values have the keys C(psk), C(name) (where known) and C(last_generated_on). With O(vault_file), the keys that the file has are in it, too.
      - The fact lasts until the end of the run. With a fact cache other than C(memory) it would be stored in clear, so it is left out then, with a warning.
    type: bool
    default: true
  vault_file:
    description:
      - A YAML file on the controller, encrypted as a whole with Ansible Vault, that keeps the key. A relative path starts at the folder of the playbook.
      - It holds the variable C(cloudflare_magic_ipsec_psks), a dictionary by tunnel id as in O(set_fact), whose values also have C(saved_on) and, after
        a rotation, C(previous_psk). While a key is being replaced, the entry has C(replacing_since). Use it with C(vars_files) or
        M(ansible.builtin.include_vars), and look at it with C(ansible-vault view).
      - Created if it does not exist. Entries of other tunnels, other variables and comments outside of the variable stay.
      - Everything that can fail (the folder, the vault password, the content, the room on the disk) is checked before a key is made. The file
        is replaced as a whole, has the mode 0600, and is locked meanwhile, for which an empty file with the ending C(.lock) stays beside it.
    type: path
  vault_id:
    description:
      - The vault identity to encrypt O(vault_file) with, one of those the run was started with.
      - By default an existing file keeps its own, and a new one gets the identity that Ansible itself would use
        (C(vault_encrypt_identity), or else the first one).
    type: str
"""

    # Modules that work where the task runs, and what they need there
    WRITES = r"""
requirements:
  - requests >= 2.25 (with urllib3 >= 1.26), on the controller
notes:
  - The API token needs the permission C(Magic WAN Write) or C(Magic Transit Write) for the account. Check mode needs it too.
  - The account needs Cloudflare WAN or Magic Transit, which are part of Cloudflare's Enterprise plan. The emulator in this collection
    needs no account.
  - Only what the task sets is compared and sent. Addresses and prefixes are compared by value, so that V(fd00::0a/127) and V(fd00::a/127) are the same.
  - Text is unset with an empty string, a list with an empty list.
  - If an answer is lost, nothing is repeated blindly. The task fails, and running it again reads what there is and does what is left.
  - The work is done on the controller, whatever the connection of the host is, and whatever C(become) and C(delegate_to) say. To reach Cloudflare
    through another machine, set C(HTTPS_PROXY) in the task's C(environment).
options:
  state:
    description:
      - Whether there shall be such an object.
    type: str
    choices:
      present: It is made if there is none, and changed where it differs.
      absent: It is deleted if there is one.
    default: present
"""

    READS = r"""
requirements:
  - requests >= 2.25 (with urllib3 >= 1.26), on the controller
notes:
  - The work is done on the controller, whatever the connection of the host is, and whatever C(become) and C(delegate_to) say. To reach Cloudflare
    through another machine, set C(HTTPS_PROXY) in the task's C(environment).
  - The API token needs one of the permissions C(Magic WAN Read), C(Magic Transit Read), C(Magic WAN Write) or C(Magic Transit Write) for the account.
  - The account needs Cloudflare WAN or Magic Transit, which are part of Cloudflare's Enterprise plan. The emulator in this collection
    needs no account.
options: {}
"""

    # The health of tunnels in an inventory
    HEALTH = r"""
notes:
  - With O(health), the API token also needs the permission C(Account Analytics Read) for the account. One query is sent for all tunnels, and further
    ones only where an answer has 10,000 rows, one for each tunnel and data center. Without the permission there are no hosts.
  - Analytics come with a delay, and a cache adds its age. C(tunnel_health_checked_until) says up to when data was asked for.
options:
  health:
    description:
      - Whether to ask what Cloudflare's health checks say of the tunnels, from GraphQL Analytics, for the variables C(tunnel_health), C(tunnel_health_share)
        and C(tunnel_health_checked_until).
      - A tunnel of which there is no data is V(unknown), and neither V(healthy) nor V(down). So is one whose health check is off.
    type: bool
    default: false
    version_added: 1.0.0
  health_window:
    description:
      - How far back to look, as O(cloudflare.magic.tunnel_health_info#module:window). With a cache, another window is asked for anew.
    type: str
    default: 5m
    version_added: 1.0.0
  health_min_healthy_share:
    description:
      - A tunnel is V(healthy) if at least this share of the data centers that have reported see it so, as
        O(cloudflare.magic.tunnel_health_info#module:min_healthy_share).
    type: float
    default: 0.9
    version_added: 1.0.0
"""

    # The same for what stands outside of Magic WAN and Magic Transit, and has permissions of its own
    WRITES_ELSEWHERE = r"""
requirements:
  - requests >= 2.25 (with urllib3 >= 1.26), on the controller
notes:
  - Only what the task sets is compared and sent. Text is unset with an empty string, a list with an empty list.
  - If an answer is lost, nothing is repeated blindly. The task fails, and running it again reads what there is, and does what is left.
  - The work is done on the controller, whatever the connection of the host is, and whatever C(become) and C(delegate_to) say. To reach Cloudflare
    through another machine, set C(HTTPS_PROXY) in the task's C(environment).
options:
  state:
    description:
      - Whether there is to be such an object.
    type: str
    choices:
      present: It is created if there is none, and changed where it differs.
      absent: It is deleted if there is one.
    default: present
"""

    READS_ELSEWHERE = r"""
requirements:
  - requests >= 2.25 (with urllib3 >= 1.26), on the controller
notes:
  - The work is done on the controller, whatever the connection of the host is, and whatever C(become) and C(delegate_to) say. To reach Cloudflare
    through another machine, set C(HTTPS_PROXY) in the task's C(environment).
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
      - Cloudflare's IPv6 address inside the tunnel with prefix length, usually V(/127).
    type: str
  description:
    description:
      - A free-text description.
    type: str
  health_check:
    description:
      - How Cloudflare checks whether the tunnel works. Options that are not set stay as they are, or as Cloudflare chooses for a new tunnel.
    type: dict
    suboptions:
      enabled:
        description:
          - Whether to check at all.
        type: bool
      rate:
        description:
          - How often.
        type: str
        choices:
          - low
          - mid
          - high
      type:
        description:
          - What to send, an ICMP reply or an ICMP request.
        type: str
        choices:
          - reply
          - request
      direction:
        description:
          - Whether the answer comes back through the tunnel (V(bidirectional)) or through the Internet (V(unidirectional)).
          - For a new tunnel, Cloudflare chooses V(bidirectional) with Cloudflare WAN, and V(unidirectional) with Magic Transit.
        type: str
        choices:
          - unidirectional
          - bidirectional
      target:
        description:
          - The address to check. An empty string means the one that Cloudflare computes, usually the customer's endpoint.
          - Cloudflare ignores it if the direction is V(bidirectional), be it that of the task or that of the tunnel. It is left out then, with a warning.
          - Either an address, or a dictionary with the key C(saved), as the modules return it; its key C(effective) is ignored.
        type: raw
  automatic_return_routing:
    description:
      - Whether traffic returns through the tunnel that it came from. Cloudflare has to enable this for the account.
    type: bool
  bgp:
    description:
      - BGP with the customer's device over the tunnel. Cloudflare's API has no way to remove it from a tunnel again.
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
          - The MD5 key of the session, which guards against misconfiguration. Cloudflare does not treat it as a secret, and shows it to everybody
            who may read the tunnel, and so do the modules.
        type: str
      import_filter_id:
        description:
          - The id of a filter for what Cloudflare accepts.
        type: str
      export_filter_id:
        description:
          - The id of a filter for what Cloudflare announces.
        type: str
      import_filter:
        description:
          - The name of the filter for what Cloudflare accepts, in place of O(bgp.import_filter_id). An empty string takes the filter back.
        type: str
      export_filter:
        description:
          - The name of the filter for what Cloudflare announces, in place of O(bgp.export_filter_id). An empty string takes the filter back.
        type: str
"""
