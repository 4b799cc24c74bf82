"""The model of keys for Django's admin. The model has no table: only the engine reads and writes records."""

from __future__ import annotations

from django.db import models


class Key(models.Model):
    """A key, for permissions and the history of the admin."""

    id = models.CharField(primary_key=True, max_length=64)

    class Meta:
        managed = False
        default_permissions = ("view", "change")
        verbose_name = "API key"
        verbose_name_plural = "API keys"

    def __str__(self) -> str:
        return str(self.id)
