"""Adapters for web frameworks and login libraries. Each module needs its library, which is an extra of the package:
`pip install 'orgconnect[flask]'`.

`starlette` (which FastAPI applications use, too), `django` and `flask` connect an organization for each tenant and
receive webhooks. `authlib` and `allauth` sign people in with their own calendar account.
"""
