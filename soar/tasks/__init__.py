"""Every SOAR action is a Celery task, named ``soar.tasks.<vendor>.<action>``."""
