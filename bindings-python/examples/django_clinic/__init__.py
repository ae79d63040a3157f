"""A Django project in which every clinic connects its own organization, and sees its members."""
