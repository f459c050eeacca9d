"""Security orchestration, automation and response on Celery."""
