"""Which authorities a charger must trust to reach us, by the way chargers name them."""

from collections.abc import Sequence
import hashlib

from cryptography import x509

from .charger import Charger
from .model import CertificateId, RootUse


class LastRoot(Exception):
    """Without this certificate the charger might not be able to connect any more."""


def needs(chain: Sequence[x509.Certificate], certificate: CertificateId) -> bool:
    """Say whether a server's chain hangs on a certificate.

    The chain may be without its root, which is then known by its name alone.
    """
    try:
        digest = hashlib.new(certificate.algorithm.lower())
    except ValueError:
        return False
    wanted = certificate.issuer_name_hash.lower()
    for each in chain:
        copy = digest.copy()
        copy.update(each.issuer.public_bytes())
        if copy.hexdigest() == wanted:
            return True
    return False


async def delete_root(
    charger: Charger,
    certificate: CertificateId,
    chain: Sequence[x509.Certificate],
    *,
    force: bool = False,
) -> bool:
    """Have a charger trust an authority no more; False when it did not know it.

    `chain` is what our listener presents. Raises `LastRoot`, and sends nothing, for the
    last authority by which the charger knows a central system and for the one on which
    `chain` hangs, unless `force`; and the errors of `commands`.
    """
    commands = charger.commands("DeleteCertificate")
    if not force:
        roots = await commands.installed_certificates(RootUse.CENTRAL_SYSTEM)
        if certificate in roots and len(roots) == 1:
            raise LastRoot
        if needs(chain, certificate):
            raise LastRoot
    return await commands.delete_certificate(certificate)
