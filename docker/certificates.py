"""Write a certificate authority and a certificate for each name into a folder: for trying out, never for service.

    certificates.py FOLDER NAME…

Leaves ``authority.pem`` (what nodes trust), and ``NAME.pem`` and ``NAME.key`` (what the TLS front shows). What is there
already stays, as long as it is good for another month.
"""

import datetime as dt
import sys
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAYS = 365


def main(arguments: list[str]) -> int:
    """Write what is missing; 2 for wrong usage."""
    if len(arguments) < 2:
        print("usage: certificates.py FOLDER NAME…", file=sys.stderr)
        return 2
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    now = dt.datetime.now(dt.UTC)
    if not all(is_good(folder / f"{name}.pem", now) for name in ("authority", *arguments[1:])):
        make(folder, arguments[1:], now)
    return 0


def is_good(path: Path, now: dt.datetime) -> bool:
    """Whether there is a certificate that is still good in a month."""
    if not path.exists():
        return False
    ends_at = x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
    return ends_at > now + dt.timedelta(days=30)


def make(folder: Path, names: list[str], now: dt.datetime) -> None:
    """A new authority, whose key is forgotten at once, and one certificate a name."""
    authority_key = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tonglu, for trying out")])
    authority = (
        begun(issuer, issuer, authority_key, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    for name in names:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = (
            begun(subject, issuer, key, now)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
            )
            .sign(authority_key, hashes.SHA256())
        )
        write(folder / f"{name}.key", private(key), 0o600)
        write(folder / f"{name}.pem", certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    write(folder / "authority.pem", authority.public_bytes(serialization.Encoding.PEM), 0o644)


def begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: dt.datetime
) -> x509.CertificateBuilder:
    """A certificate's first half: who, by whom, how long."""
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=DAYS))
    )


def key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    """An authority signs certificates, a server signs handshakes (RFC 5280, 4.2.1.3)."""
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def private(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The key as PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def write(path: Path, content: bytes, mode: int) -> None:
    """Write a file, whole or not at all."""
    draft = path.with_suffix(".new")
    draft.touch(mode=mode)
    draft.chmod(mode)
    draft.write_bytes(content)
    draft.replace(path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
