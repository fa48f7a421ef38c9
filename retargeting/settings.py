"""Settings, top to bottom, from the environment only. A wrong value stops the start and says why."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import dj_database_url
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent


def flag(name: str, default: bool = False) -> bool:
    value = os.environ.get(name, "").strip().lower()
    if value in {"", "0", "false", "no"}:
        return default if value == "" else False
    if value in {"1", "true", "yes"}:
        return True
    raise ImproperlyConfigured(f"{name} is {value!r}; use 1 or 0.")


def number(name: str, default: int, minimum: int = 1) -> int:
    value = os.environ.get(name, "")
    if not value:
        return default
    if not value.isdigit() or int(value) < minimum:
        raise ImproperlyConfigured(f"{name} is {value!r}; use a whole number of at least {minimum}.")
    return int(value)


# Seconds between folds of new events: short enough for few to be waiting, long enough not to write a bucket for each.
FOLD_PAUSE = float(os.environ.get("FOLD_PAUSE") or 2)
# How many whole months the rows of message events are kept besides this one; 0 keeps them all. The index stays.
EVENT_ROWS_MONTHS = number("EVENT_ROWS_MONTHS", 0, minimum=0)
if EVENT_ROWS_MONTHS == 1:
    raise ImproperlyConfigured("EVENT_ROWS_MONTHS is 1; use 0 to keep all rows, or at least 2.")

# Where the product keeps its data: the embedded database and the secret key.
DATA_DIR = Path(os.environ.get("RETARGETING_DATA") or BASE_DIR / ".data").resolve()

DEBUG = flag("DEBUG")


def secret_key() -> str:
    """SECRET_KEY, or one made once and kept with the data, so that a new machine needs no set-up."""
    if key := os.environ.get("SECRET_KEY"):
        return key
    path = DATA_DIR / "secret-key"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = path.with_name(f"secret-key.{os.getpid()}")
        scratch.touch(mode=0o600)
        scratch.write_text(secrets.token_urlsafe(50))
        try:
            os.link(scratch, path)  # of two processes that start at once, one wins and both read the same key
        except FileExistsError:
            pass
        finally:
            scratch.unlink()
    return path.read_text().strip()


SECRET_KEY = secret_key()
# What providers' secrets are sealed with in the database: the first key seals, all open, SECRET_KEY stands in for it.
SECRETS_KEYS = [key for key in os.environ.get("SECRETS_KEYS", "").split(",") if key]
SECRET_KEY_FALLBACKS = [key for key in os.environ.get("SECRET_KEY_FALLBACKS", "").split(",") if key]

ALLOWED_HOSTS = [host for host in os.environ.get("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",") if host]
CSRF_TRUSTED_ORIGINS = [origin for origin in os.environ.get("CSRF_TRUSTED_ORIGINS", "").split(",") if origin]

# Where people's mail programs find this server: open pixels, click links, unsubscribe pages.
PUBLIC_URL = os.environ.get("PUBLIC_URL", "http://localhost:8000").rstrip("/")
HTTPS = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "SAMEORIGIN"
if flag("BEHIND_PROXY"):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

INSTALLED_APPS = [
    "retargeting",
    "retargeting.accounts",
    "retargeting.profiles",
    "retargeting.orchestrations",
    "retargeting.interactions",
    "retargeting.channels",
    "retargeting.audiences",
    "retargeting.messaging",
    "campaigns",
    "automations",
    "retargeting.web",
    "retargeting.api",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "django.forms",
    "rest_framework",
    "drf_spectacular",
    "django_filters",
    "django_htmx",
    "django_q",
    "template_partials",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "retargeting.web.access.SignInMiddleware",  # every page needs a log-in unless it says @login_not_required
    "retargeting.web.time_zones.TimeZoneMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "retargeting.urls"
WSGI_APPLICATION = "retargeting.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "retargeting.web.context.shell",
            ],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

if not os.environ.get("DATABASE_URL"):
    raise ImproperlyConfigured(
        "DATABASE_URL is not set. Set it to a PostgreSQL server, or start through manage.py, which then runs its own."
    )
CONNECTION_SECONDS = number("DATABASE_CONNECTION_SECONDS", 600, minimum=0)
DATABASES = {"default": dj_database_url.config(conn_max_age=CONNECTION_SECONDS, conn_health_checks=True)}
if DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql":
    raise ImproperlyConfigured("DATABASE_URL must name a PostgreSQL server: postgresql://user:password@host/name")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
USE_THOUSAND_SEPARATOR = False  # the `number` filter writes them where people read; forms and ids stay plain

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True  # served from static/ directly: no collectstatic step between a checkout and a page
WHITENOISE_MAX_AGE = 0 if DEBUG else 3600

# No inline script or style anywhere, nothing from outside. Images of messages may come from anywhere over HTTPS.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:", "https:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [SELF],
    }
}

# An upload of 10,000 items fits; anything larger is refused before it is read.
DATA_UPLOAD_MAX_MEMORY_SIZE = 20 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["retargeting.accounts.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["retargeting.accounts.authentication.HasScope"],
    "DEFAULT_PARSER_CLASSES": ["retargeting.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "retargeting.api.pagination.CursorPagination",
    "DEFAULT_SCHEMA_CLASS": "retargeting.api.schema.Schema",
    "EXCEPTION_HANDLER": "retargeting.api.errors.problem",
    "UNAUTHENTICATED_USER": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Retargeting API",
    "VERSION": "1",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
}

# How long after a launch on the pages nothing happens, so that it can be undone.
LAUNCH_GRACE_SECONDS = number("LAUNCH_GRACE_SECONDS", 10, minimum=0)

# How long a worker may be silent before its work is given to another one. Longer than any provider's time-out.
LEASE_SECONDS = number("RETARGETING_LEASE_SECONDS", 60)
# When a message that a provider could not take is tried again; each further attempt waits twice as long.
FIRST_RETRY_SECONDS = number("RETARGETING_FIRST_RETRY_SECONDS", 30)

# Opens and clicks so soon after the send are a machine's, and so are those on several links so close together.
MACHINE_SECONDS = number("RETARGETING_MACHINE_SECONDS", 5, minimum=0)

# How often one visitor of a site may call the server from the web SDK.
SDK_RATE = os.environ.get("SDK_RATE") or "120/min"
# Whether addresses that others name (Web Push) may lie in our own network, and be http. For development only.
ALLOW_PRIVATE_ADDRESSES = flag("ALLOW_PRIVATE_ADDRESSES", DEBUG)

WORKERS = number("RETARGETING_WORKERS", 2)
TASK_TIMEOUT = number("RETARGETING_TASK_TIMEOUT", 600)
Q_CLUSTER = {
    "name": "retargeting",
    "orm": "default",
    "workers": WORKERS,
    "queue_limit": WORKERS,  # what waits inside a cluster is lost for a while when that dies; keep it in the table
    "bulk": WORKERS,
    "poll": 0.1,
    "timeout": TASK_TIMEOUT,
    "retry": TASK_TIMEOUT + 60,
    "max_attempts": 3,
    "ack_failures": True,
    "save_limit": 1000,
    "recycle": 200,
    "scheduler": False,  # the clock is the only one to start things by time
    "catch_up": False,
    "log_level": "WARNING",
}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)-7s %(name)s: %(message)s", "datefmt": "%H:%M:%S"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": os.environ.get("LOG_LEVEL", "INFO")},
    "loggers": {
        "django-q": {"level": "WARNING"},  # it would tell of every task
        "django.request": {"level": "ERROR"},  # a refusal is an answer and no fault; it came with a traceback
    },
}
