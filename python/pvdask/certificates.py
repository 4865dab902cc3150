"""TLS files for tests and trials: an authority that signs one certificate, and is forgotten."""

from __future__ import annotations

import datetime
import ipaddress
import os
from pathlib import Path
from typing import Any

from pvdask.errors import InputError
from pvdask.tls import CA_NAME, CERTIFICATE_NAME, KEY_NAME


def write_certificates(folder: Path, days: int, *, not_before_days: int = 0) -> None:
    """Make an authority, a certificate that it signed, and that one's key; the authority's own key is not kept.

    Parameters
    ----------
    folder : pathlib.Path
        New or empty; made readable for its owner alone.
    days : int
        How long the certificates are valid from their beginning.
    not_before_days : int, optional
        Days from now until they are valid; negative for ones that have been for a while, and may have expired.

    Raises
    ------
    InputError
        Where the folder cannot be made, or holds anything.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise InputError(
                f"The folder {folder} is not empty; name a new one: keys that are in use must not be lost."
            )
    except OSError as error:
        raise InputError(f"The folder {folder} cannot be made ({error.strerror}).") from None
    start = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=not_before_days, minutes=-5)
    valid = (start, start + datetime.timedelta(days=days, minutes=10))
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = _certificate("pvdask trial authority", ca_key.public_key(), None, ca_key, valid)
    certificate = _certificate("pvdask trial", key.public_key(), authority, ca_key, valid)
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    contents = {
        CA_NAME: authority.public_bytes(pem),
        CERTIFICATE_NAME: certificate.public_bytes(pem),
        KEY_NAME: private,
    }
    for name, content in contents.items():
        with open(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)


def _certificate(name: str, key: Any, authority: Any, ca_key: Any, valid: tuple[Any, Any]) -> Any:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import NameOID

    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    hosts = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if authority is None else authority.subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(valid[0])
        .not_valid_after(valid[1])
        .add_extension(x509.BasicConstraints(ca=authority is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
    )
    return builder.sign(ca_key, hashes.SHA256())
