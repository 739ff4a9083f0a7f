"""Everything read from the API is untrusted text: hide the secrets in it and strip what can deceive.

    clean(body, operation.returns.sensitive_fields)

A secret becomes ``***(1a2b3c4d)``: the first eight hex digits of its SHA-256, so that two places can be
compared without showing either. Masked are the fields a spec names, keys that look like secrets (also as the
``name`` beside a ``value``), and texts that look like one. Control, ANSI, zero-width, bidirectional and tag
characters are removed, since they can hide text from a person or steer a model. No argument of a tool switches
any of this off. The patterns are linear in the length of a text: an API cannot stall this server with one.

    fenced(text, "nexla_debug_flow")     # where words of ours and data stand in one text, the data between two marks
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from typing import Any

from nexla_mcp.output.secret_texts import MASKED, mask, mask_texts

__all__ = ["NAMED", "clean", "clean_text", "fenced", "looks_secret", "mask", "names_secret"]

DEEPEST = 150
_SECRET_KEYS = re.compile(
    r"(?:(?:^|_)(?:password|passwd|passphrase|passcode|pwd|secrets?|private_?key|api_?keys?|access_?keys?|secret_?key|tokens?"
    r"|bearer|authorization|auth_?header|client_?secret|last_rotated_key|idp_cert|secret_config|client_config|connection_?string"
    r"|account_?key|service_?key|encryption_?key|signing_?key|signature|ssh_?key|hmac_?key|shared_?key|master_?key|storage_?key"
    r"|license_?key|pem|jaas_?config|keytab|cookie|creds|json_?creds)"
    r"|^credentials)(?:_(?:value|text|plain|plaintext|enc|enc_iv|encrypted|base64|hash|\d{1,2}))?$",
    re.I,
)
_WORD_BREAK = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[.\-\s]+")
_NAMING = ("name", "key", "field", "header", "parameter", "property")
NAMED = ("value", "values", "default", "before", "after", "old", "new", "from", "to")
_ANSI = re.compile(r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|(?:\x1b\]|\x9d)[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?|\x1b[@-Z\\-_]")
_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


def clean(value: Any, sensitive_fields: Iterable[str] = ()) -> Any:
    """``value`` without secrets and without deceiving characters; the shape is kept.

    ``sensitive_fields`` are dotted paths from the root; lists on the way are walked through.
    """
    return _walk(value, {tuple(path.split(".")) for path in sensitive_fields}, (), 0)


def clean_text(text: str) -> str:
    """One string: texts that look like secrets masked, deceiving characters removed."""
    if not text.isascii() or not text.isprintable():
        text = _HIDDEN.sub("", _ANSI.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))
    return mask_texts(text)


def fenced(text: str, origin: str) -> str:
    """``text`` cleaned, between two marks that name its origin.

    The marks hold a hash of the text, so that no text can contain the mark that would end it.
    """
    text = clean_text(text)
    mark = hashlib.sha256(text.encode()).hexdigest()[:10]
    return f"<<<data {mark} from {origin}\n{text}\ndata {mark}>>>"


def looks_secret(key: str) -> bool:
    """True for a key that names a secret, in snake case, kebab case, dotted or camel case."""
    if not key.isascii():
        key = unicodedata.normalize("NFKC", key)
    return bool(_SECRET_KEYS.search(_WORD_BREAK.sub("_", key)))


def names_secret(value: dict[Any, Any]) -> bool:
    """True for {"name": "Authorization", "value": ...}: the secret stands under one of ``NAMED``."""
    return any(isinstance(value.get(key), str) and looks_secret(value[key]) for key in _NAMING)


def _walk(value: Any, sensitive: set[tuple[str, ...]], path: tuple[str, ...], depth: int) -> Any:
    if isinstance(value, str):
        return clean_text(value)
    if depth > DEEPEST:
        return "(nested too deeply)" if isinstance(value, dict | list | tuple) else value
    if isinstance(value, list | tuple):
        return [_walk(item, sensitive, path, depth + 1) for item in value]
    if not isinstance(value, dict):
        return value
    named = names_secret(value)
    cleaned: dict[str, Any] = {}
    for key, content in value.items():
        name = clean_text(str(key))
        here = (*path, name)
        if here in sensitive and isinstance(content, list | dict):
            cleaned[name] = _mask_inside(content, depth + 1)
        elif here in sensitive or looks_secret(name) or (named and name.lower() in NAMED):
            cleaned[name] = _mask_inside(content, depth + 1) if isinstance(content, list | dict) else _masked(content)
        else:
            cleaned[name] = _walk(content, sensitive, here, depth + 1)
    return cleaned


def _masked(value: Any) -> Any:
    """A leaf, hidden; what says nothing stays, and so does what is hidden already."""
    if value is None or value == "" or isinstance(value, bool) or (isinstance(value, str) and MASKED.fullmatch(value)):
        return value
    return mask(value)


_OPEN_KEYS = frozenset(
    {"id", "name", "owner_id", "org_id", "data_source_id", "data_set_id", "data_sink_id", "user_id", "description", "status"}
    | {"scope", "created_at", "updated_at", "last_rotated_at", "type"}
)


def _mask_inside(value: Any, depth: int) -> Any:
    """The leaves of something sensitive masked, ids and status left so that it can be spoken about."""
    if depth > DEEPEST:
        return "(nested too deeply)"
    if isinstance(value, list):
        return [_mask_inside(item, depth + 1) for item in value]
    if isinstance(value, dict):
        shown = {clean_text(str(k)): (k in _OPEN_KEYS, v) for k, v in value.items()}
        return {k: _walk(v, set(), (), depth + 1) if plain else _mask_inside(v, depth + 1) for k, (plain, v) in shown.items()}
    return _masked(value)
