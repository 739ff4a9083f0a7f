"""Everything read from the API is untrusted text: hide the secrets in it and strip what can deceive.

    clean(body, operation.returns.sensitive_fields)

A secret becomes ``***(1a2b3c4d)``: the first eight hex digits of its SHA-256, so that two places can be
compared without showing either. Masked are the fields a spec names, keys that look like secrets, and
texts that look like one. Control, ANSI, zero-width, bidirectional and tag characters are removed, since
they can hide text from a person or steer a model. No argument of a tool switches any of this off.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Any

_SECRET_KEYS = re.compile(
    r"(?:^|_)(?:password|passwd|passphrase|pwd|secret|secrets|private_?key|privatekey|api_?keys?|access_?key|access_?keys"
    r"|secret_?key|token|tokens|access_?token|refresh_?token|id_?token|session_?token|bearer|authorization|auth_?header"
    r"|client_?secret|credentials_enc(?:_iv)?|last_rotated_key|idp_cert|secret_config|client_config|connection_?string"
    r"|sas_?token|account_?key|service_?key|encryption_?key|signing_?key|ssh_?key|pem|jaas_?config)$",
    re.I,
)
_WORD_BREAK = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[.\-\s]+")
_SECRET_TEXTS = (
    re.compile(r"(?<=[?&]api_key=)[^&\s\"']+", re.I),
    re.compile(r"(?<=[?&]token=)[^&\s\"']+", re.I),
    re.compile(r"(?<=[?&]sig=)[^&\s\"']+", re.I),
    re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?"),
    re.compile(r"(?<=\b[Bb]earer )[A-Za-z0-9._~+/=-]{8,}"),
    re.compile(r"(?<=\b[Bb]asic )[A-Za-z0-9._~+/=-]{8,}"),
    re.compile(r"\bAKIA[0-9A-Z]{16}\b"),
    re.compile(r"\bAIza[0-9A-Za-z_-]{30,}"),
    re.compile(r"\bgh[pousr]_[A-Za-z0-9]{20,}"),
    re.compile(r"\bxox[abprs]-[A-Za-z0-9-]{10,}"),
    re.compile(r"\bsk-[A-Za-z0-9_-]{16,}"),
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)", re.S),
    re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"),
    re.compile(r"(?<=\bpassword=)[^\s;,&\"']+", re.I),
    re.compile(r"(?<=\bpwd=)[^\s;,&\"']+", re.I),
)
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)


def mask(secret: Any) -> str:
    """``***(sha8)`` for a secret; the same secret always looks the same."""
    return f"***({hashlib.sha256(str(secret).encode('utf-8', 'surrogatepass')).hexdigest()[:8]})"


def clean(value: Any, sensitive_fields: Iterable[str] = ()) -> Any:
    """``value`` without secrets and without deceiving characters; the shape is kept.

    ``sensitive_fields`` are dotted paths from the root; lists on the way are walked through.
    """
    return _walk(value, {tuple(path.split(".")) for path in sensitive_fields}, ())


def clean_text(text: str) -> str:
    """One string: texts that look like secrets masked, deceiving characters removed."""
    text = _HIDDEN.sub("", _ANSI.sub("", text))
    for pattern in _SECRET_TEXTS:
        text = pattern.sub(lambda match: match.group() if match.group().startswith("***(") else mask(match.group()), text)
    return text


def looks_secret(key: str) -> bool:
    """True for a key that names a secret, in snake case, kebab case, dotted or camel case."""
    return bool(_SECRET_KEYS.search(_WORD_BREAK.sub("_", key)))


def _walk(value: Any, sensitive: set[tuple[str, ...]], path: tuple[str, ...]) -> Any:
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, list | tuple):
        return [_walk(item, sensitive, path) for item in value]
    if not isinstance(value, dict):
        return value
    cleaned: dict[str, Any] = {}
    for key, content in value.items():
        here = (*path, str(key))
        name = clean_text(str(key))
        if here in sensitive and isinstance(content, list | dict):
            cleaned[name] = _mask_inside(content)
        elif (
            (here in sensitive or looks_secret(str(key))) and content not in (None, "", [], {}) and not isinstance(content, bool)
        ):
            cleaned[name] = _mask_inside(content) if isinstance(content, list | dict) else mask(content)
        else:
            cleaned[name] = _walk(content, sensitive, here)
    return cleaned


_OPEN_KEYS = frozenset(
    {
        "id",
        "name",
        "owner_id",
        "org_id",
        "data_source_id",
        "data_set_id",
        "data_sink_id",
        "user_id",
        "description",
        "status",
        "scope",
    }
    | {"created_at", "updated_at", "last_rotated_at", "type"}
)


def _mask_inside(value: Any) -> Any:
    """The leaves of something sensitive masked, ids and status left so that it can be spoken about."""
    if isinstance(value, list):
        return [_mask_inside(item) for item in value]
    if isinstance(value, dict):
        return {k: _walk(v, set(), ()) if k in _OPEN_KEYS else _mask_inside(v) for k, v in value.items()}
    return value if value is None or isinstance(value, bool) else mask(value)
