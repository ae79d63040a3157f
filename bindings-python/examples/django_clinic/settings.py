"""The settings of the project. Those that differ from one installation to the next come from the environment."""

import os
import secrets

SECRET_KEY = os.environ.get("SESSION_SECRET") or secrets.token_hex()
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "testserver"]
ROOT_URLCONF = "django_clinic.urls"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "orgconnect.contrib.allauth",
    "django_clinic",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_clinic.middleware.ReconnectMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("DATABASE", "clinic.db"),
        # Writers of SQLite wait for each other: give them the time.
        "OPTIONS": {"timeout": 30},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True

CRONOFY_CLIENT_ID = os.environ.get("CRONOFY_CLIENT_ID", "")
CRONOFY_CLIENT_SECRET = os.environ.get("CRONOFY_CLIENT_SECRET", "")
CRONOFY_DATA_CENTER = os.environ.get("CRONOFY_DATA_CENTER")
CRONOFY_BASE_URL = os.environ.get("CRONOFY_BASE_URL")
REDIRECT_URI = os.environ.get("REDIRECT_URI", "http://127.0.0.1:8000/connect/callback")

# People sign in with their own calendar account: /accounts/cronofy/login/.
SOCIALACCOUNT_LOGIN_ON_GET = False
SOCIALACCOUNT_PROVIDERS = {
    "cronofy": {
        "APPS": [{"client_id": CRONOFY_CLIENT_ID, "secret": CRONOFY_CLIENT_SECRET, "key": ""}],
        "DATA_CENTER": CRONOFY_DATA_CENTER,
        "BASE_URL": CRONOFY_BASE_URL,
    }
}
ACCOUNT_EMAIL_VERIFICATION = "none"
