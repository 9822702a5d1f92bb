"""Logins and groups: Django's own pages, whose changes are recorded."""

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User

from dcm.lib.admin.audited import Audited

admin.site.unregister([User, Group])


@admin.register(User)
class AuditedUserAdmin(Audited, UserAdmin):  # type: ignore[type-arg]
    pass


@admin.register(Group)
class AuditedGroupAdmin(Audited, GroupAdmin):
    pass
