from typing import Any

PROVIDERS: dict[str, dict[str, Any]]
