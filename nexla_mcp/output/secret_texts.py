"""Texts that look like a secret, masked where they stand: tokens of known forms, keys in URLs, passwords in settings.

    mask_texts("GET https://h/data?api_key=abc failed")     # "GET https://h/data?api_key=***(ba7816bf) failed"

Each pattern has a word that must occur in the text, so that most texts cost one look per word; none of them goes
back over what it has read.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

MASKED = re.compile(r"\*\*\*\([0-9a-f]{8}\)")
_NAMES = (
    r"(?:password|passwd|passphrase|pwd|secret|client_?secret|secret_?(?:access_?)?key|api[_-]?key|access_?key|access_?token"
    r"|refresh_?token|id_?token|session_?token|auth_?token|token|signature|sig|accountkey|sharedaccesskey|sharedaccesssignature"
    r"|private_?key|service_?key|x-amz-signature|x-amz-security-token|x-amz-credential)"
)
_VALUE_END = r"\s;,&\"'<>)\]}\\"
_QUOTE = r"\\{0,3}[\"']"
_PEM = "[A-Z ]{0,40}PRIVATE KEY-----"
_PATTERNS: tuple[tuple[tuple[str, ...], re.Pattern[str]], ...] = (
    # key=value in URLs, connection strings and settings; the key's own characters before the word are free: db_password=
    (("=",), re.compile(rf"(?<![a-z0-9]){_NAMES}=(?P<secret>[^{_VALUE_END}]+)", re.I)),
    (("=",), re.compile(rf"[_.-]{_NAMES}=(?P<secret>[^{_VALUE_END}]+)", re.I)),
    # "key": "value" in JSON, also inside a string; 'key': 'value' as Python writes it
    (('"', "'"), re.compile(rf"{_NAMES}\\?[\"']\s?[:=]\s?\\?[\"'](?P<secret>[^\"'\\]+)", re.I)),
    # {"name": "Authorization", "value": "..."} in JSON, also inside a string
    (
        ('"value', "'value"),
        re.compile(
            rf"(?<=[a-z_-]){_QUOTE}:\s?{_QUOTE}(?:[a-z0-9]+[_.-])?(?:{_NAMES}|authorization|cookie){_QUOTE},\s?"
            rf"{_QUOTE}value{_QUOTE}:\s?{_QUOTE}(?P<secret>[^\"'\\]+)",
            re.I,
        ),
    ),
    # password: value in prose, when the value looks like one
    ((":",), re.compile(rf"(?<![a-z]){_NAMES}: (?P<secret>(?=[^{_VALUE_END}]*\d)[^{_VALUE_END}]{{8,}})", re.I)),
    (("eyJ",), re.compile(r"(?<![A-Za-z0-9_-])(?P<secret>eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?)")),
    (("earer ", "EARER "), re.compile(r"(?<![a-z])bearer (?P<secret>[A-Za-z0-9._~+/=-]{8,})", re.I)),
    (("asic ", "ASIC "), re.compile(r"(?<![a-z])basic (?P<secret>[A-Za-z0-9._~+/=-]{8,})", re.I)),
    (("AKIA", "ASIA"), re.compile(r"\b(?P<secret>A(?:KI|SI)A[0-9A-Z]{16})\b")),
    (("AIza",), re.compile(r"(?<![A-Za-z0-9_-])(?P<secret>AIza[0-9A-Za-z_-]{30,})")),
    (("gh",), re.compile(r"(?<![A-Za-z0-9_])(?P<secret>gh[pousr]_[A-Za-z0-9]{20,})")),
    (("xox",), re.compile(r"(?<![A-Za-z0-9-])(?P<secret>xox[abprs]-[A-Za-z0-9-]{10,})")),
    (("sk-",), re.compile(r"(?<![A-Za-z0-9_-])(?P<secret>sk-[A-Za-z0-9_-]{16,})")),
    (("hooks.slack.com",), re.compile(r"(?<=hooks\.slack\.com/services/)(?P<secret>[A-Za-z0-9/_-]{10,})")),
    (
        ("-----BEGIN",),
        re.compile(r"(?P<secret>-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|$))", re.S),
    ),
    # user:password@ and a bare token@ in a URL
    (("://",), re.compile(r"(?<=://)(?P<secret>[^/\s:@\"']*:[^/\s@\"']+)(?=@)")),
    (("://",), re.compile(r"(?<=://)(?P<secret>[^/\s:@\"']{16,})(?=@)")),
)


def mask(secret: Any) -> str:
    """``***(sha8)`` for a secret; the same secret always looks the same."""
    return f"***({hashlib.sha256(str(secret).encode('utf-8', 'surrogatepass')).hexdigest()[:8]})"


def mask_texts(text: str) -> str:
    """``text`` with everything in it that looks like a secret masked; what is masked already stays as it is."""
    for needles, pattern in _PATTERNS:
        if any(needle in text for needle in needles):
            text = pattern.sub(_hide, text)
    return text


def _hide(match: re.Match[str]) -> str:
    whole, secret = match.group(), match.group("secret")
    if secret.startswith("***("):
        return whole
    start = match.start("secret") - match.start()
    return whole[:start] + mask(secret) + whole[start + len(secret) :]
