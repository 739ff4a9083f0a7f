"""Words that stand for the same thing in different places of the API, and the connectors that exist."""

from __future__ import annotations

from dataclasses import dataclass

SEGMENTS = ("data_sources", "data_sets", "data_sinks")
WORD = {"data_sources": "SOURCE", "data_sets": "DATASET", "data_sinks": "SINK"}
SEGMENT = {word: segment for segment, word in WORD.items()}
ID_KEY = {"data_sources": "data_source_id", "data_sets": "data_set_id", "data_sinks": "data_sink_id"}

ROLES = ("collaborator", "operator", "admin", "owner")
"""Access roles, weakest first."""


@dataclass(frozen=True)
class ConnectorKind:
    """A connector: how it is reached and which keys its login needs."""

    id: int
    type: str
    connection: str
    name: str
    address: tuple[str, ...] = ()
    secret: tuple[str, ...] = ()
    api: bool = False

    @property
    def required(self) -> tuple[str, ...]:
        return self.address + self.secret


_DATABASE = ("host", "username"), ("password",)
CONNECTORS = {
    kind.type: kind
    for kind in (
        ConnectorKind(1, "s3", "file", "Amazon S3", ("access_key_id",), ("secret_key",)),
        ConnectorKind(2, "gcs", "file", "Google Cloud Storage", ("project_id",), ("json_creds",)),
        ConnectorKind(3, "ftp", "file", "FTP / SFTP", ("host", "username"), ("password",)),
        ConnectorKind(4, "gdrive", "file", "Google Drive", ("account",), ("refresh_token",)),
        ConnectorKind(5, "postgres", "database", "PostgreSQL", *_DATABASE),
        ConnectorKind(6, "mysql", "database", "MySQL", *_DATABASE),
        ConnectorKind(7, "snowflake", "database", "Snowflake", *_DATABASE),
        ConnectorKind(8, "redshift", "database", "Amazon Redshift", *_DATABASE),
        ConnectorKind(9, "bigquery", "database", "Google BigQuery", ("project_id",), ("json_creds",)),
        ConnectorKind(10, "kafka", "stream", "Apache Kafka", ("bootstrap_servers",), ("sasl_password",)),
        ConnectorKind(11, "rest", "api", "REST API", ("url",), ("token",), api=True),
        ConnectorKind(12, "nexla_rest", "webhook", "Nexla webhook"),
        ConnectorKind(13, "supabase", "database", "Supabase", *_DATABASE),
        ConnectorKind(14, "mongo", "database", "MongoDB", *_DATABASE),
        ConnectorKind(15, "file_upload", "file", "File upload"),
        ConnectorKind(16, "sqlserver", "database", "SQL Server", *_DATABASE),
        ConnectorKind(17, "databricks", "database", "Databricks", ("host",), ("token",)),
    )
}
"""A handful of the published connector types; other types are accepted and behave like a plain API."""

FILE_TYPES = frozenset(kind.type for kind in CONNECTORS.values() if kind.connection == "file")
DATABASE_TYPES = frozenset(kind.type for kind in CONNECTORS.values() if kind.connection == "database")
PUSHED_TYPES = frozenset({"nexla_rest", "kafka", "file_upload"})
"""Sources whose data arrives by itself: they have no schedule."""

SECRET_WORDS = ("password", "secret", "token", "key", "creds", "passphrase")


def is_secret_name(name: str) -> bool:
    lowered = name.lower()
    return any(word in lowered for word in SECRET_WORDS) and lowered != "access_key_id"


def connector_kind(type_name: str) -> ConnectorKind:
    return CONNECTORS.get(type_name) or ConnectorKind(99, type_name, "api", type_name.replace("_", " ").title(), api=True)
