from typing import Any

class SocialApp:
    settings: dict[str, Any]

class SocialToken:
    token: str

class SocialLogin: ...
