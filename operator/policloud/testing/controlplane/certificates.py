"""A certificate authority of our own for one control plane, kept in one folder."""

from __future__ import annotations

import base64
import datetime as dt
import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_BEGIN = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)  # fixed: a wrong clock must not make certificates "not yet"
_END = dt.datetime(2049, 12, 31, tzinfo=dt.UTC)  # valid; what they protect lives hours, on loopback


@dataclass(frozen=True, slots=True)
class Pair:
    certificate: Path
    key: Path


class Authority:
    """Issues server and client certificates; made once, read again by later processes."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._pair = Pair(folder / "ca.crt", folder / "ca.key")
        if not self._pair.certificate.exists():
            key = ec.generate_private_key(ec.SECP256R1())
            subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"policloud {name} CA"[:64])])
            builder = (
                _builder(subject, subject, key.public_key())
                .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
                .add_extension(_key_usage(ca=True), critical=True)
                .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            )
            _write_private(self._pair.key, key)
            self._pair.certificate.write_bytes(_pem(builder.sign(key, hashes.SHA256())))

    @property
    def certificate(self) -> Path:
        return self._pair.certificate

    @property
    def pem(self) -> str:
        return self._pair.certificate.read_text()

    def server(self, name: str, hosts: Sequence[str]) -> Pair:
        """For a server reached under `hosts` (names and IP addresses)."""
        names = [_general_name(host) for host in hosts]
        return self._issue(
            name,
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])]),
            [
                (x509.SubjectAlternativeName(names), False),
                (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
            ],
        )

    def client(self, user: str, groups: Sequence[str] = ()) -> Pair:
        """For a user of the API server: common name and organisations are user and groups."""
        attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
        subject = x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, user)])
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
        return self._issue("client-" + user.replace(":", "_").replace("/", "_"), subject, [(usage, False)])

    def signing_key(self, name: str) -> Pair:
        """A bare key pair, for service account tokens: `certificate` is the public key."""
        pair = Pair(self._folder / f"{name}.pub", self._folder / f"{name}.key")
        if not pair.certificate.exists():
            key = ec.generate_private_key(ec.SECP256R1())
            _write_private(pair.key, key)
            public = key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
            pair.certificate.write_bytes(public)
        return pair

    def _issue(self, stem: str, subject: x509.Name, extensions: list[tuple[x509.ExtensionType, bool]]) -> Pair:
        pair = Pair(self._folder / f"{stem}.crt", self._folder / f"{stem}.key")
        if pair.certificate.exists():
            return pair
        authority = x509.load_pem_x509_certificate(self._pair.certificate.read_bytes())
        signer = serialization.load_pem_private_key(self._pair.key.read_bytes(), None)
        assert isinstance(signer, ec.EllipticCurvePrivateKey)  # noqa: S101 - we wrote it
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(subject, authority.subject, key.public_key())
        builder = builder.add_extension(_key_usage(ca=False), critical=True).add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical=critical)
        _write_private(pair.key, key)
        pair.certificate.write_bytes(_pem(builder.sign(signer, hashes.SHA256())))
        return pair


def kubeconfig(path: Path, *, cluster: str, server: str, ca: Path, client: Pair) -> Path:
    """Write a self-contained kubeconfig (mode 0600) whose context is named after the cluster."""

    def inline(file: Path) -> str:
        return base64.b64encode(file.read_bytes()).decode()

    user = f"{cluster}-{client.certificate.stem.removeprefix('client-')}"
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": cluster, "cluster": {"server": server, "certificate-authority-data": inline(ca)}}],
        "users": [
            {
                "name": user,
                "user": {
                    "client-certificate-data": inline(client.certificate),
                    "client-key-data": inline(client.key),
                },
            }
        ],
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": user}}],
        "current-context": cluster,
    }
    _write(path, yaml.safe_dump(content, sort_keys=False).encode())
    return path


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_BEGIN)
        .not_valid_after(_END)
    )


def _key_usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _write_private(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    _write(
        path,
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all, readable by the owner alone."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
    temporary.replace(path)
