"""Connect a company's calendars through Cronofy's Organization Connect, and act as any of its members.

1. `Client.authorize` builds the URL to send an owner of the organization to.
2. `Client.complete` checks the callback, exchanges its code and stores the tokens under a connection id.
3. `Client.organization` opens the connection, today or in a year: tokens are refreshed by themselves.
4. `Organization.impersonate` acts as a member.

```python
client = orgconnect.Client(
    "CLIENT_ID", "CLIENT_SECRET", data_center="uk", store=orgconnect.SqliteStore("tokens.db")
)
pending = client.authorize("https://app.example/callback")
session["pending"] = pending.serialize()  # and send the owner to pending.url

connection = client.complete(session["pending"], callback_url)
doc = connection.organization.impersonate(email="doc@example.com")
print(doc.userinfo.read())
```

`AsyncClient` is the same for asyncio. The models are in `orgconnect.api`, what Cronofy posts in
`orgconnect.webhooks`, stores of your own in `orgconnect.stores`, the sandbox for your tests in `orgconnect.testing`.
"""

import atexit as _atexit
import os as _os

from msgspec import Struct as _Struct

from ._batch import Batch, Verdict
from ._calls import Reply, with_raw_response
from ._client import AsyncClient, Client
from ._connection import AsyncConnection, Connection, ConnectionSummary
from ._errors import (
    AuthorizationError,
    ConfigError,
    DecodeError,
    FieldError,
    InvalidError,
    LockedError,
    NetworkError,
    NotFoundError,
    OrgconnectError,
    PermissionError,
    PlanError,
    RateLimitedError,
    ServerError,
    StoreError,
    TimeoutError,
)
from ._handles import (
    Account,
    Admin,
    AsyncAccount,
    AsyncAdmin,
    AsyncOrganization,
    AsyncServiceAccount,
    Organization,
    ServiceAccount,
)
from ._native import (
    VERSION,
    FileStore,
    KeyringStore,
    Keys,
    ManualClock,
    MemoryStore,
    PendingAuthorization,
    PostgresStore,
    RedisStore,
    SealedStore,
    SqliteStore,
    Store,
    after_fork_in_child,
    after_fork_in_parent,
    before_end,
    before_fork,
)
from ._options import DataCenter, RateLimit, RetryPolicy
from ._pages import AsyncPages, Pages
from ._refresher import AsyncRefresher, Refresher, RefresherStats
from ._types import UNSET, Model, OpenEnum, Secret, UnsetType
from .api import AREAS as _AREAS
from .embed import EmbedTokens
from .webhooks import SIGNATURE_HEADER, ReplayGuard, Verifier

__all__ = [
    "SIGNATURE_HEADER",
    "UNSET",
    "Account",
    "Admin",
    "AsyncAccount",
    "AsyncAdmin",
    "AsyncClient",
    "AsyncConnection",
    "AsyncOrganization",
    "AsyncPages",
    "AsyncRefresher",
    "AsyncServiceAccount",
    "AuthorizationError",
    "Batch",
    "Client",
    "ConfigError",
    "Connection",
    "ConnectionSummary",
    "DataCenter",
    "DecodeError",
    "EmbedTokens",
    "FieldError",
    "FileStore",
    "InvalidError",
    "KeyringStore",
    "Keys",
    "LockedError",
    "ManualClock",
    "MemoryStore",
    "Model",
    "NetworkError",
    "NotFoundError",
    "OpenEnum",
    "Organization",
    "OrgconnectError",
    "Pages",
    "PendingAuthorization",
    "PermissionError",
    "PlanError",
    "PostgresStore",
    "RateLimit",
    "RateLimitedError",
    "ReplayGuard",
    "RedisStore",
    "Refresher",
    "RefresherStats",
    "Reply",
    "RetryPolicy",
    "SealedStore",
    "Secret",
    "ServerError",
    "ServiceAccount",
    "SqliteStore",
    "Store",
    "StoreError",
    "TimeoutError",
    "UnsetType",
    "Verdict",
    "Verifier",
    "__version__",
    "with_raw_response",
]

__version__ = VERSION

# Tracebacks, representations and pickles name things as programs do, wherever they are written. Types that are read
# from their annotations stay where these are understood.
for _name in __all__:
    _value = globals()[_name]
    _is_ours = isinstance(_value, type) and _value.__module__.startswith(f"{__name__}._")
    if _is_ours and not issubclass(_value, _Struct | tuple | str):
        _value.__module__ = __name__


def _before_fork() -> None:
    # A module that another thread is reading at the moment of a fork could never be read in the child.
    for area in _AREAS:
        __import__(f"orgconnect.api.{area}")
    before_fork()


# A forked child has none of the threads that calls are made by: they rest while it is made, and it gets its own.
if hasattr(_os, "register_at_fork"):
    _os.register_at_fork(before=_before_fork, after_in_parent=after_fork_in_parent, after_in_child=after_fork_in_child)

# Threads that call when the interpreter ends would be ended within the call.
_atexit.register(before_end)
