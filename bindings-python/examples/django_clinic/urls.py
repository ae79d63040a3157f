"""The views of the project."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

import orgconnect
from orgconnect.contrib.django import webhook
from orgconnect.webhooks import ChannelNotification, Notification

from .calendars import client, connect
from .models import ChangedChannel


@csrf_exempt
@require_POST
def sign_in(request: HttpRequest, clinic: str) -> JsonResponse:
    # In place of your own authentication.
    request.session["clinic"] = clinic
    return JsonResponse({"clinic": clinic})


def members(request: HttpRequest) -> JsonResponse:
    organization = connect().organization(request)
    found = [{"email": member.email, "sub": member.sub} for member in organization.members.list()]
    return JsonResponse(found, safe=False)


def received(notification: Notification, request: HttpRequest) -> None:
    if isinstance(notification, ChannelNotification):
        ChangedChannel.objects.create(channel_id=notification.channel_id)


def changes(request: HttpRequest) -> JsonResponse:
    return JsonResponse(list(ChangedChannel.objects.values_list("channel_id", flat=True)), safe=False)


def me(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"email": getattr(request.user, "email", "")})


# Cronofy may post a notification again: what was handled in the last hour is left out.
guard = orgconnect.ReplayGuard(window=3600, capacity=10_000)

urlpatterns = [
    *connect().urls,
    path("webhooks/cronofy", webhook(client(), received, guard=guard)),
    path("sign-in/<clinic>", sign_in),
    path("members", members),
    path("changed", changes),
    path("me", me),
    path("accounts/", include("allauth.urls")),
]
