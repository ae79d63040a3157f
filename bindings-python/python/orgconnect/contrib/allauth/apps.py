"""What Django knows of this application."""

from __future__ import annotations

from django.apps import AppConfig


class CronofyConfig(AppConfig):
    """The provider as an application of Django's. It has no tables."""

    name = "orgconnect.contrib.allauth"
    label = "orgconnect_allauth"
    verbose_name = "Cronofy for allauth"
