"""Certificates are always verified, a company's own authority and proxy work, and nothing of this machine leaves it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.client.auth import ServiceKeyTokens
from nexla_mcp.client.client import NexlaClient
from nexla_mcp.client.errors import ApiUnreachableError
from nexla_mcp.client.permits import PermitLedger
from tests.client.odd_api import KEY, Answer, odd_api, odd_client

HOST = "nexla.example.test"


class Authority:
    """A company's own certificate authority."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Example Corp CA")])
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        self.certificate = self._signed(self.name, self.key.public_key(), constraints, critical=True)
        self.bundle = folder / "company-ca.pem"
        self.bundle.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def server(self, host: str) -> ssl.SSLContext:
        """The context of a server that this authority vouches for."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        alternative = x509.SubjectAlternativeName([x509.DNSName(host)])
        certificate = self._signed(name, key.public_key(), alternative, critical=False)
        file = self.folder / f"{host}.pem"
        private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _signed(
        self, name: x509.Name, key: ec.EllipticCurvePublicKey, extension: x509.ExtensionType, *, critical: bool
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(extension, critical=critical)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .sign(self.key, hashes.SHA256())
        )


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return Authority(tmp_path)


@asynccontextmanager
async def proxy(port: int) -> AsyncIterator[tuple[str, list[str]]]:
    """A proxy that leads every CONNECT to a local port; (its address, what it was asked)."""
    asked: list[str] = []

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.CancelledError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked
    server.close()


async def test_an_unknown_authority_is_refused_and_named(authority: Authority, catalog: Catalog) -> None:
    async with odd_api(lambda _: Answer([]), tls=authority.server("localhost")) as api, odd_client(api) as client:
        with pytest.raises(ApiUnreachableError, match="certificate cannot be verified") as error:
            await client.call(catalog.operation("runtimes_list"), {})
        assert api.asked == []
    assert "SSL_CERT_FILE" in error.value.hint
    assert error.value.sent is False


async def test_a_companys_own_bundle_is_used(authority: Authority, catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))
    async with odd_api(lambda _: Answer([]), tls=authority.server("localhost")) as api, odd_client(api) as client:
        assert (await client.call(catalog.operation("runtimes_list"), {})).body == []


async def test_a_certificate_of_another_host_is_refused(
    authority: Authority, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))
    async with odd_api(lambda _: Answer([]), tls=authority.server(HOST)) as api, odd_client(api) as client:
        with pytest.raises(ApiUnreachableError, match="certificate"):
            await client.call(catalog.operation("runtimes_list"), {})


async def test_the_way_through_a_proxy(authority: Authority, catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy sees the name of the host and nothing else; the certificate behind it is verified all the same."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))
    async with (
        odd_api(lambda _: Answer([]), tls=authority.server(HOST)) as api,
        proxy(int(api.url.rsplit(":", 1)[1])) as (way, asked),
    ):
        monkeypatch.setenv("HTTPS_PROXY", way)
        async with NexlaClient(f"https://{HOST}", lambda http: ServiceKeyTokens(http, KEY), PermitLedger()) as client:
            assert (await client.call(catalog.operation("runtimes_list"), {})).body == []
    assert asked[0].startswith(f"CONNECT {HOST}:443")
    assert KEY not in "".join(asked)


async def test_a_proxy_that_refuses(authority: Authority, catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    async with odd_api(lambda _: Answer(status=407), sign_in=False) as api:
        monkeypatch.setenv("HTTPS_PROXY", api.url)
        async with NexlaClient(f"https://{HOST}", lambda http: ServiceKeyTokens(http, KEY), PermitLedger()) as client:
            with pytest.raises(ApiUnreachableError, match="the proxy refused") as error:
                await client.call(catalog.operation("runtimes_list"), {})
    assert "HTTPS_PROXY" in error.value.hint
    assert error.value.sent is False


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "ALL_PROXY"])
async def test_what_is_meant_for_this_machine_never_goes_through_a_proxy(
    authority: Authority, catalog: Catalog, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """Over plain http the key would travel readable to the proxy."""
    async with odd_api(lambda _: Answer([])) as api, proxy(9) as (way, asked):
        monkeypatch.setenv(variable, way)
        for url in (api.url, api.url.replace("127.0.0.1", "localhost")):
            async with NexlaClient(url, lambda http: ServiceKeyTokens(http, KEY), PermitLedger()) as client:
                assert (await client.call(catalog.operation("runtimes_list"), {})).body == []
    assert asked == []
