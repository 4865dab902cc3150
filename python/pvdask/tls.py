"""Encryption: which certificate this side shows, and whose it trusts. Where one is named, nothing else is spoken."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pvdask.errors import InputError

FOLDER_VARIABLE = "PVDASK_TLS"
"""Names a folder as `pvdask certificates` makes it; for what names no files of its own."""

CA_NAME, CERTIFICATE_NAME, KEY_NAME = "ca.pem", "certificate.pem", "key.pem"


@dataclass(frozen=True)
class TLSFiles:
    """Files of one side of an encrypted connection, PEM; none named means what dask's own configuration says.

    Parameters
    ----------
    ca_file : str
        Certificate of the authority whose certificates are trusted.
    certificate : str
        This side's certificate.
    key : str
        Its private key. Read where it is; never sent, nor kept in a state file.
    """

    ca_file: str = ""
    certificate: str = ""
    key: str = ""

    def __bool__(self) -> bool:
        return bool(self.ca_file or self.certificate or self.key)

    @classmethod
    def of_folder(cls, folder: str | os.PathLike[str]) -> TLSFiles:
        """Name the files of a folder.

        Parameters
        ----------
        folder : path
            As `pvdask certificates` makes it.

        Returns
        -------
        TLSFiles
            Their names.
        """
        place = Path(folder).absolute()
        return cls(*(str(place / name) for name in (CA_NAME, CERTIFICATE_NAME, KEY_NAME)))

    @classmethod
    def of_environment(cls, environment: Mapping[str, str] = os.environ) -> TLSFiles:
        """Name the files of the folder in `FOLDER_VARIABLE`, if it is set.

        Parameters
        ----------
        environment : mapping of str to str, optional
            The environment.

        Returns
        -------
        TLSFiles
            Their names, or none.
        """
        folder = environment.get(FOLDER_VARIABLE, "")
        return cls.of_folder(folder) if folder else cls()

    def check(self) -> None:
        """See that the files are there and fit together.

        Raises
        ------
        InputError
            Where one is missing or cannot be used.
        """
        if not self:
            return
        for path, what in ((self.ca_file, "TLSCAFile"), (self.certificate, "TLSCertificate"), (self.key, "TLSKey")):
            if not path:
                raise InputError(
                    f"{what}: no file is named; encryption needs TLSCAFile, TLSCertificate and TLSKey together."
                )
            if not os.access(path, os.R_OK):
                raise InputError(f"{what}: the file {path} is missing or cannot be read.")
        self.context()

    def context(self) -> ssl.SSLContext:
        """Make the context of a client.

        Returns
        -------
        ssl.SSLContext
            It trusts the authority alone; names of hosts are not looked at, as Dask does not (its workers have addresses).

        Raises
        ------
        InputError
            Where a file is not what it has to be.
        """
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except (ssl.SSLError, OSError) as error:
            raise InputError(f"TLSCAFile: {self.ca_file} is no certificate of an authority in PEM ({error}).") from None
        context.check_hostname = False
        try:
            context.load_cert_chain(self.certificate, self.key)
        except (ssl.SSLError, OSError) as error:
            raise InputError(
                f"TLSCertificate {self.certificate} and TLSKey {self.key} are no certificate and its private key in PEM ({error})."
            ) from None
        return context

    def security(self) -> Any:
        """Make what distributed takes.

        Returns
        -------
        distributed.Security
            Of these files, refusing anything unencrypted; of dask's own configuration where none is named.
        """
        from distributed.security import Security

        if not self:
            return Security()
        return Security(
            tls_ca_file=self.ca_file,
            tls_client_cert=self.certificate,
            tls_client_key=self.key,
            require_encryption=True,
        )

    def cluster_environment(self) -> dict[str, str]:
        """Write dask's configuration of a scheduler and workers with these files.

        Returns
        -------
        dict of str to str
            Environment variables.
        """
        prefix = "DASK_DISTRIBUTED__COMM__"
        variables = {f"{prefix}REQUIRE_ENCRYPTION": "True", f"{prefix}TLS__CA_FILE": self.ca_file}
        for role in ("SCHEDULER", "WORKER", "CLIENT"):
            variables |= {f"{prefix}TLS__{role}__CERT": self.certificate, f"{prefix}TLS__{role}__KEY": self.key}
        return variables


def explain(error: BaseException) -> str | None:
    """Say in plain words why an encrypted connection was not made.

    Parameters
    ----------
    error : BaseException
        What opening it raised.

    Returns
    -------
    str or None
        None where it was not for encryption.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message}): it is of another authority than TLSCAFile, or has expired"
    if isinstance(error, ssl.SSLError):
        return f"it did not agree on encryption ({error.reason or error}): it does not speak TLS, or does not trust our certificate"
    return None
