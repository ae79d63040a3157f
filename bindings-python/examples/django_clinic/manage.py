"""Django's commands: `python -m django_clinic.manage migrate --run-syncdb`, `… runserver`."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "django_clinic.settings")
    execute_from_command_line(sys.argv)
