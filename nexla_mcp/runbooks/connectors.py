"""Connector words by kind, as far as a diagnosis has to tell them apart."""

from __future__ import annotations

PUSHED = ("nexla_rest", "webhook", "kafka", "kinesis", "pubsub", "file_upload", "jms", "confluent", "event_hub", "api_push")
FILES = (
    "s3",
    "gcs",
    "ftp",
    "sftp",
    "gdrive",
    "google_drive",
    "azure_blb",
    "azure_data_lake",
    "azure_blob",
    "box",
    "dropbox",
    "sharepoint",
    "onedrive",
    "min_io",
    "minio",
    "file_upload",
    "s3_iceberg",
    "webdav",
    "delta_lake",
)
DATABASES = (
    "postgres",
    "mysql",
    "snowflake",
    "redshift",
    "bigquery",
    "oracle",
    "sqlserver",
    "mongo",
    "databricks",
    "supabase",
    "db2",
    "jdbc",
    "azure_synapse",
    "teradata",
    "cloudsql",
    "firebolt",
    "sap",
    "hana",
    "aws_athena",
    "dynamodb",
    "netsuite",
)
