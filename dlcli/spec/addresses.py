"""Addresses as messages and logs may hold them."""


def without_password(address: str) -> str:
    """Return an address that a log may hold: without the name and password that it may carry."""
    start, mark, rest = address.partition("://")
    host, slash, path = rest.partition("/")
    plain = f"{start}{mark}{host.rpartition('@')[2]}{slash}{path}"
    return plain.partition("?")[0] + ("?..." if "?" in plain else "")
