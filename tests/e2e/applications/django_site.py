# SPDX-License-Identifier: BSD-2-Clause
"""A Django site in one file: its own users, sessions in a database, its login form with a CSRF token, and a few pages."""

import os
import sys

import django
from django.conf import settings

PORT, DATABASE = sys.argv[1:]
settings.configure(
    SECRET_KEY=os.urandom(16).hex(), ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    USE_X_FORWARDED_HOST=True, SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"), LOGIN_REDIRECT_URL="/account",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": DATABASE, "OPTIONS": {"timeout": 20}}},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"],
    MIDDLEWARE=["django.middleware.security.SecurityMiddleware", "django.contrib.sessions.middleware.SessionMiddleware",
                "django.middleware.http.ConditionalGetMiddleware", "django.middleware.common.CommonMiddleware",
                "django.middleware.csrf.CsrfViewMiddleware", "django.contrib.auth.middleware.AuthenticationMiddleware"],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "OPTIONS": {
        "context_processors": ["django.template.context_processors.request", "django.contrib.auth.context_processors.auth"],
        "loaders": [("django.template.loaders.locmem.Loader", {
            "page.html": "<p>{% if user.is_authenticated %}Hello {{ user.username }}{% else %}Hello visitor{% endif %}</p>",
            "registration/login.html": "<form method=post>{% csrf_token %}{{ form }}</form>"})]}}])
django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.contrib.auth.views import LoginView  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.http import HttpResponse, JsonResponse  # noqa: E402
from django.shortcuts import render  # noqa: E402
from django.urls import path  # noqa: E402
from django.views.decorators.cache import cache_control, cache_page, never_cache  # noqa: E402


def page(request):
    return render(request, "page.html")


def visits(request):
    """A session for everybody, logged in or not."""
    request.session["visits"] = request.session.get("visits", 0) + 1
    request.session.save()
    return JsonResponse({"visits": request.session["visits"], "session": request.session.session_key})


urlpatterns = [
    path("", page),
    path("account", never_cache(page)),
    path("mine", cache_control(private=True, max_age=60)(page)),
    path("visits", visits),
    path("plain", lambda request: HttpResponse("<p>the same for all</p>")),
    path("news", cache_page(60)(lambda request: HttpResponse("<p>the same for all, and the application says so</p>"))),
    path("login", LoginView.as_view()),
]

call_command("migrate", verbosity=0)
for name in ("alice", "bob"):
    User.objects.create_user(name, password=f"{name}-password-9", id={"alice": 1, "bob": 2}[name])
call_command("runserver", f"127.0.0.1:{PORT}", use_reloader=False)
