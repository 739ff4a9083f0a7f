"""What error texts of external systems and of the engine mean: one table, many real wordings.

    kinds_of('ERROR: relation "orders" does not exist')     # (Kind.MISSING_TARGET,)

A text is one kind of evidence. Where it was written, how many records it hit and what a probe says
decide together with it; the same words mean different things at a source and at a destination.
"""

from __future__ import annotations

import re
from enum import StrEnum


class Kind(StrEnum):
    """What a text speaks of."""

    ARITY = "arity"
    WRONG_KEYS = "wrong_keys"
    VALIDATION = "validation"
    LOOKUP = "lookup"
    DUPLICATE = "duplicate"
    PERMISSION = "permission"
    AUTH = "auth"
    THROTTLED = "throttled"
    CAPPED = "capped"
    MISSING_COLUMN = "missing_column"
    MISSING_TARGET = "missing_target"
    MISSING_PATH = "missing_path"
    TYPE = "type"
    NULL_VALUE = "null_value"
    QUERY = "query"
    PARSE = "parse"
    PAYLOAD = "payload"
    CODE = "code"
    NETWORK = "network"
    LAG = "lag"
    NO_DATA = "no_data"


_TABLE: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    (
        Kind.ARITY,
        (
            r"takes (exactly |at most |at least |from )?\w+( to \w+)? (positional )?arguments?\b.*\b(given|but)",
            r"missing \d+ required positional argument",
            r"expected \d+ arguments?, (got|but)",
            r"too many (positional )?arguments",
            r"unexpected keyword argument",
            r"wrong number of arguments",
            r"got an? unexpected .*argument",
        ),
    ),
    (Kind.WRONG_KEYS, (r"\bvarInfo\b", r"cannot (read|invoke|load) .*because .* is null")),
    (
        Kind.VALIDATION,
        (
            r"#/[\w/.-]+",
            r"schema validation|validation (schema|rule|error|failed)|failed validation|violates? (the )?(schema|validation)",
            r"does not match (the )?(pattern|regex|format|schema)|(pattern|regex)\b.*\b(not|fail|mismatch)",
            r"required key \[?\w+\]? not found",
            r"is not a valid (enum|email|date|uri)",
            r"expected (minimum|maximum|min|max) ?(length|items|value)?",
            r"(string|value) \[?.*\]? does not match",
            r"jsonschema|json schema|everit",
        ),
    ),
    (
        Kind.LOOKUP,
        (
            r"\blookup\b.*\b(miss|not found|no (entry|match|key)|unknown|fail)",
            r"(no|missing) (entry|key|match)\b.*\b(lookup|data.?map)",
            r"data.?map\b.*\b(not found|miss\w*|no)",
            r"key .* not (found|present) in (the )?(lookup|map)",
        ),
    ),
    (
        Kind.DUPLICATE,
        (
            r"duplicate key|duplicate entry|unique (constraint|index|violation)|violates unique|ORA-00001|E11000|already "
            r"exists.*(key|id|row)",
            r"primary key (violation|constraint)|conflict.*primary key|multiple (source )?rows match",
        ),
    ),
    (
        Kind.AUTH,
        (
            r"(access|api|secret|shared|account|storage)?[ -]?(key|token|password|secret|credential|certificate|session|"
            r"sas)s?\b.{0,40}"
            r"\b(expired|invalid|incorrect|revoked|rotated|rejected|disabled|deactivated|not valid|no longer valid|wrong|"
            r"refused|has been changed)",
            r"(expired|invalid|incorrect|revoked|bad|wrong|unknown|unrecognized) (access |api |security |auth\w* |bearer |"
            r"refresh |id |client )?"
            r"(key|token|password|secret|credential|signature|grant|username|login|user ?name|account|jwt)",
            r"authentication (failed|failure|error|required|unsuccessful|exception)|auth(entication)? fail|failed to "
            r"authenticate|could not authenticate",
            r"not authenticated|unauthenticated|unauthori[sz]ed(?! to)|\b401\b",
            r"log ?in (failed|denied|incorrect|refused)|cannot log ?in|login failed",
            r"password authentication|no pg_hba\.conf entry|SASL.*fail|SaslAuthentication|28P01|28000",
            r"access denied for user .*using password",
            r"InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken|InvalidClientTokenId|UnrecognizedClient|TokenRefreshRequired|invalid_grant|invalid_client",
            r"incorrect username or password|ORA-01017|ORA-28000|account (is )?locked|user .* (is )?(locked|disabled|"
            r"deactivated)",
            r"(reject|refus|den(y|i)|block)\w* (our|the|your|this|its|an?)? ?(login|log-in|sign-?in|credentials?|secret|"
            r"password|access key|api key|token)",
            r"IP .*not allowed|not allowed to access Snowflake|private key|handshake.*(cert|auth)",
            r"MFA|multi-factor",
        ),
    ),
    (
        Kind.PERMISSION,
        (
            r"permission denied|insufficient (privilege|permission|access|scope|right)s?|not (have|granted).{0,30}(privilege|"
            r"permission|access|right)",
            r"access (is )?denied(?! for user .*using password)|AccessDenied|not authori[sz]ed to|unauthori[sz]ed to|\b403\b|"
            r"forbidden",
            r"(may|must) not (write|insert|update|read|select|delete|create|append|publish)|missing .{0,20}(grant|privilege|"
            r"permission)",
            r"lacks? .{0,30}(privilege|permission|right|role)|requires? .{0,40}(privilege|permission|role)|no .{0,20}(insert|"
            r"write|select) (right|permission|privilege)",
            r"(insert|update|delete|select|write|put|create|read)\w* (command )?(denied|not permitted|not allowed|permission "
            r"was denied)",
            r"ORA-01031|42501|SQL access control error|bigquery\.\w+\.\w+ (permission|denied)|does not have (bigquery|storage)\.",
            r"TopicAuthorization|TOPIC_AUTHORIZATION|not authorized to access topic|AllAccessDisabled|read[- ]only "
            r"(transaction|database|user)",
        ),
    ),
    (
        Kind.THROTTLED,
        (
            r"\b429\b|too many requests|rate.?limit|throttl|SlowDown|slow down|quota (exceeded|exhausted)|exceeded .*(quota|"
            r"rate|limit)|rateLimitExceeded",
            r"ProvisionedThroughputExceeded|RequestLimitExceeded|REQUEST_LIMIT_EXCEEDED|retry.?after|requests per (second|"
            r"minute|hour|day)|too many connections",
        ),
    ),
    (
        Kind.CAPPED,
        (
            r"source is rate limited|data cap|record (count )?limit|tier limit|plan limit|trial (has )?expired|account "
            r".*(capped|suspended)",
        ),
    ),
    (
        Kind.MISSING_COLUMN,
        (
            r"column .{0,80}(does not exist|not found|unknown|invalid|missing|cannot be found)|(unknown|invalid|no such|"
            r"missing|unrecogni[sz]ed) column",
            r"invalid identifier|ORA-00904|42703|Unrecognized name|(unknown|no such|undefined) field|field .{0,60} (not "
            r"found|does not exist)",
            r"cannot find column|could not (find|resolve) (column|attribute)|cannot resolve .* given input columns",
        ),
    ),
    (
        Kind.MISSING_TARGET,
        (
            r"(relation|table|view|object|schema|database|dataset|collection|topic|bucket|index|queue|container|stage)\b.{0,120}"
            r"(does not exist|doesn'?t exist|not found|not exist|is missing|unknown|could not be found|cannot be found|no "
            r"longer exists|was not found)",
            r"(no such|unknown|missing|undefined|nonexistent|non-existent) (table|relation|bucket|topic|schema|database|"
            r"dataset|collection|index|object|queue)",
            r"NoSuchBucket|UnknownTopic|UNKNOWN_TOPIC|UnknownTopicOrPartition|ORA-00942|42P01|3F000|3D000|invalid object "
            r"name|Object .* does not exist or not authorized",
            r"Not found: (Table|Dataset)|ResourceNotFound|index_not_found|TABLE_OR_VIEW_NOT_FOUND|NamespaceNotFound",
        ),
    ),
    (
        Kind.MISSING_PATH,
        (
            r"no such (file|directory|path|key|prefix|object|folder)|NoSuchKey|(file|path|directory|folder|prefix|key|object|"
            r"sheet|blob)\b.{0,120}"
            r"(does not exist|doesn'?t exist|not found|not exist|could not be found|cannot be found|no longer exists)",
            r"FileNotFound|PathNotFound|BlobNotFound|ENOENT|\b404\b|no (files|objects|keys) (match|under|at path)|invalid "
            r"path|path .* (is )?(empty|invalid)",
        ),
    ),
    (
        Kind.TYPE,
        (
            r"(invalid|incorrect|bad) (input )?(syntax|value|literal|format|number|date|timestamp|integer|decimal|numeric)\b",
            r"(could not|cannot|can't|failed to|unable to) (be )?(cast|convert|coerce|parse|deseriali[sz]e)\w*",
            r"\bcast(ing)?\b|type mismatch|mismatched type",
            r"(is|are) not (a |of type )?(number|numeric|integer|float|decimal|valid (number|integer|decimal|date|timestamp|"
            r"boolean|uuid|json))",
            r"expression is of type|data ?type|out of range|numeric (value|overflow)|value too long|string or binary data "
            r"would be truncated|truncat",
            r"22P02|22003|22001|22007|22008|42804|ORA-0?1722|ORA-12899|NumberFormatException|ClassCast|ValueError|arithmetic "
            r"overflow|Incorrect .* value",
            r"not (be )?recogni[sz]ed\b|incompatible (type|schema|value)|expected (type )?\w+,? (but )?(got|found|was)|does "
            r"not support type|not-null constraint|null value in column",
        ),
    ),
    (
        Kind.NULL_VALUE,
        (
            r"NoneType|None type|has no attribute|null ?pointer|of null|of undefined|is (None|null|undefined)\b|cannot be "
            r"null|must not be (null|None)",
            r"KeyError|key error|missing (key|field|attribute)|IndexError|index out of|unsupported operand",
        ),
    ),
    (
        Kind.QUERY,
        (
            r"syntax error|SQL (compilation|syntax|error)|SQLSTATE|compilation error|invalid (query|sql|statement|request "
            r"body|filter|parameter)|query (error|failed|is invalid)",
            r"ORA-009\d\d|42601|42000|bad request|\b400\b|invalidQuery|parse error (at|near)|unexpected token|malformed "
            r"(query|request)|ambiguous|function .* does not exist",
        ),
    ),
    (
        Kind.PARSE,
        (
            r"unterminated|unexpected (end|eof|character|token)|malformed|corrupt|not (a )?(valid|in) (\w+ )?(zip|gzip|"
            r"parquet|avro|json|xml|csv|orc|xlsx?|file|format)",
            r"(could not|cannot|can't|failed to|unable to|error) (be )?(read|pars|decod|open|decompress|unzip)\w*|parse "
            r"(error|exception|failure)|parsing (error|failed)",
            r"invalid (gzip|zip|parquet|avro|csv|json|xml|orc|excel|xlsx)|encoding|codec can'?t|invalid (utf|byte|quote|"
            r"header|json|xml|footer|magic)|bad magic|(quote|delimiter|column count|row length|number of (columns|"
            r"fields))",
            r"MalformedInput|JsonParse|SAXParse|BadZip|truncated (file|gzip)|header .*(missing|mismatch)|expected \d+ "
            r"(fields|columns)|wrong number of (fields|columns)",
        ),
    ),
    (
        Kind.PAYLOAD,
        (
            r"\b(HTTP[ /\d.]*|status( code)?:?=? ?|response( code)?:? ?|returned |code )?(4(00|05|06|09|10|13|15|22))\b",
            r"unprocessable|payload|request body|(missing|required) (required )?(field|propert|parameter|attribute|key)|"
            r"(field|property|attribute) .{0,60}(is )?required",
            r"mapper_parsing|invalid (document|payload|body)|bad request|rejected (the )?(record|document|message|payload)|"
            r"message too large|RecordTooLarge",
        ),
    ),
    (
        Kind.CODE,
        (
            r"Traceback|NameError|AttributeError|TypeError|SyntaxError|ImportError|ModuleNotFound|ReferenceError|is not "
            r"defined|ZeroDivision|RuntimeError|\w+Exception\b",
            r"transform (script |code )?(failed|error|raised)|script (error|failed)|jolt|chainr|shiftr",
        ),
    ),
    (
        Kind.NETWORK,
        (
            r"connection (was )?(refused|reset|timed out|closed|aborted|failed)|connect(ion)? ?time ?out|unable to connect|"
            r"could not connect|cannot connect|failed to connect",
            r"unknown host|UnknownHost|name (or service )?not known|getaddrinfo|DNS|no route to host|unreachable|ECONN|"
            r"SocketTimeout|read timed out|timed? ?out",
            r"service unavailable|\b50[234]\b|bad gateway|gateway time|TLS|SSL|broken pipe|communications link failure|is "
            r"(down|offline|suspended)|closed (the )?connection|during handshake|connection .{0,20}closed",
        ),
    ),
    (
        Kind.LAG,
        (r"\blag\b|back ?pressure|queue (is )?full|behind by|backlog|falling behind|slow (write|consumer)|buffer (is )?full",),
    ),
    (
        Kind.NO_DATA,
        (
            r"\b(0|no|zero) (new )?(files?|records?|rows?|data|messages?|objects?|documents?)\b( (were|was|to))?( (found|"
            r"ingest|process|read|available|match|detected|new))?",
            r"records=0\b(?!.*errors=[1-9])|EMPTY_DATA|nothing (new|to (read|ingest|process))",
            r"empty (data|result|response|batch)|no (new )?data",
        ),
    ),
)

_COMPILED = tuple((kind, re.compile("|".join(f"(?:{p})" for p in patterns), re.I)) for kind, patterns in _TABLE)

_INJECTION = re.compile(
    r"\b(ignore|disregard|forget|override)\b.{0,40}\b(previous|prior|above|all|earlier|system|your)\b.{0,40}\b(instruction|prompt|rule|message|direction)s?"
    r"|\b(you are now|new instructions?|system prompt|as an? (ai|assistant|agent)|assistant:|system:)\b"
    r"|\b(please |now |must |immediately |always )(delete|drop|pause|activate|remove|grant|send|call|run|execute)\b.{0,60}"
    r"\b(flow|source|sink|destination|nexset|credential|tool|secret|key|token)s?\b"
    r"|<\s*/?\s*(system|instructions?|assistant|tool_call)\b",
    re.I | re.S,
)


def kinds_of(text: str) -> tuple[Kind, ...]:
    """Every kind whose wording occurs in ``text``, the more specific first."""
    return tuple(kind for kind, pattern in _COMPILED if pattern.search(text)) if text else ()


def speaks_to_the_reader(text: str) -> bool:
    """Whether data holds what looks like an instruction to an assistant; it is reported, never followed."""
    return bool(text) and bool(_INJECTION.search(text))
