"""Trust in one certificate and no other: for a gateway on this machine, whose file is here to read.

Such a connection goes to an address of this machine, which no certificate names.
"""

from __future__ import annotations

import ssl
from pathlib import Path

__all__ = ["pinned"]

_END = "-----END CERTIFICATE-----\n"


def pinned(certificate: str) -> ssl.SSLContext:
    """Trusts the first certificate in a file, by whatever name. Raises OSError if there is none."""
    own, end, _ = Path(certificate).read_text("ascii", "replace").partition(_END)
    if not end:
        raise OSError(f"{certificate} holds no certificate")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    # It is trusted itself, whoever signed it.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    # Not those that signed it: with them everybody would be trusted whom they have signed for.
    context.load_verify_locations(cadata=own[own.find("-----BEGIN CERTIFICATE-----") :] + end)
    return context
