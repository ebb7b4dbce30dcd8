"""Which addresses may be reached when others say where to: those of the public internet, and what the operator lists.

A name is no answer to this question, for its owner decides what it resolves to, and may decide anew between a check and
the connection. So the address itself is checked, when it is about to be connected to.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

_FORBIDDEN: Sequence[Network] = tuple(
    map(
        ipaddress.ip_network,
        (
            # Forms that carry an IPv4 address inside: where they lead is somebody else's routing.
            "::/96",  # IPv4-compatible, RFC 4291 2.5.5.1
            "::ffff:0:0/96",  # IPv4-mapped, RFC 4291 2.5.5.2
            "::ffff:0:0:0/96",  # IPv4-translated, RFC 2765
            "64:ff9b::/96",  # NAT64, RFC 6052
            "64:ff9b:1::/48",  # NAT64 of a site, RFC 8215
            "2001::/32",  # Teredo, RFC 4380
            "2002::/16",  # 6to4, RFC 3056
            # Reserved, and newer than some tables of this.
            "3fff::/20",  # documentation, RFC 9637
            "5f00::/16",  # segment routing, RFC 9602
            "fec0::/10",  # site-local, RFC 3879
            "192.0.0.0/24",  # protocol assignments, RFC 6890
            "192.88.99.0/24",  # 6to4 relays, RFC 7526
            # Public by number, and answered by the host's own cloud.
            "168.63.129.16/32",
        ),
    )
)


class AddressRefused(OSError):
    """The address may not be reached."""


def refuse_forbidden(host: str, allowed: Iterable[Network]) -> Address:
    """The address that `host` (an address, with or without an IPv6 zone) stands for.

    Raises:
        AddressRefused: it is none of the public internet and in no allowed network, or is no address.
    """
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        raise AddressRefused("not a network address") from None
    if any(address in network for network in allowed):
        return address
    if (
        not address.is_global
        or address.is_multicast
        or address.is_reserved
        or any(address in network for network in _FORBIDDEN)
    ):
        raise AddressRefused("the address is not one of the public internet")
    return address
