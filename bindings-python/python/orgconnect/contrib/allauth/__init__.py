"""Cronofy as a provider for django-allauth: people sign in with their own calendar account, at
`/accounts/cronofy/login/`.

    INSTALLED_APPS = [..., "allauth.socialaccount", "orgconnect.contrib.allauth"]
    SOCIALACCOUNT_PROVIDERS = {
        "cronofy": {
            "APPS": [{"client_id": CLIENT_ID, "secret": CLIENT_SECRET, "key": ""}],
            "DATA_CENTER": "uk",
        }
    }

`SCOPE` is what is asked for, a list: by default `["read_account"]`. `BASE_URL` takes the place of `DATA_CENTER` for a
sandbox. Both may be in the `settings` of a `SocialApp` instead, as `data_center` and `base_url`.
"""
