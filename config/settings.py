"""All settings. The environment is read here and nowhere else; there are none that only production has."""

from pathlib import Path
from typing import Any

from config import env
from config.logging import LOGGING  # noqa: F401  (Django reads it by name)

BASE_DIR = Path(__file__).resolve().parent.parent
VERSION = "0.1.0"

DEBUG = env.flag("HOLDPOINT_DEBUG", False)
SECRET_KEY = env.text("HOLDPOINT_SECRET_KEY", "only-for-commands-that-sign-nothing" if DEBUG else None)
ENVIRONMENT = env.choice("HOLDPOINT_ENVIRONMENT", "demo", ("demo", "staging", "production"))
ALLOWED_HOSTS = env.words("HOLDPOINT_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env.words("HOLDPOINT_ORIGINS")

INSTALLED_APPS = [
    "tenants",
    "runs",
    "approvals",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "channels",
    "csp",
    "django_htmx",
    "guardian",
    "template_partials",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "tenants.views.ErrorPages",
]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
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
                "config.shell.shell",
            ],
        },
    }
]

# The owner migrates; everything else runs as the application role, which owns nothing.
_ROLE = env.choice("HOLDPOINT_ROLE", "app", ("app", "owner"))
_NAME = "DATABASE_OWNER_URL" if _ROLE == "owner" else "DATABASE_URL"
_URL = env.address(_NAME, env.DATABASE, "postgresql:///holdpoint")
DATABASES = {"default": env.database(_URL, _NAME)}
DATABASES["default"]["CONN_MAX_AGE"] = int(env.number("HOLDPOINT_CONNECTION_AGE", 60, least=0, most=86400))
# A web process answers every request in a thread of its own: it shares this many connections (config.asgi asks for
# them). The threads of a worker keep theirs, so there is none to share.
_SHARED = int(env.number("HOLDPOINT_WEB_CONNECTIONS", 0, least=0, most=500))
if _SHARED:
    DATABASES["default"] |= {"ENGINE": "config.pooled", "CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": False}
    DATABASES["default"]["OPTIONS"]["pool"] = {"min_size": 1, "max_size": _SHARED, "timeout": 5.0}
# LISTEN needs a session of its own, which a pooler does not give.
DATABASE_DIRECT_URL = env.address("DATABASE_DIRECT_URL", env.DATABASE, _URL)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "tenants.User"
AUTHENTICATION_BACKENDS = [
    "allauth.account.auth_backends.AuthenticationBackend",
    "guardian.backends.ObjectPermissionBackend",
]
GUARDIAN_MONKEY_PATCH_USER = False
ANONYMOUS_USER_NAME = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = False
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGOUT_REDIRECT_URL = "/accounts/login/"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env.flag("HOLDPOINT_HTTPS", False)
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "font-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = (
    env.text("HOLDPOINT_STATIC_ROOT", "") or None
)  # for collectstatic; otherwise files are served where they lie
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

# Without Redis every web process listens to PostgreSQL itself and hands news on in its own memory. With Redis one
# of them listens, and Redis hands on to all. News only: losing it loses nothing, and pages poll meanwhile.
REDIS_URL = env.address("REDIS_URL", env.REDIS)
CHANNEL_LAYERS: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "channels.layers.InMemoryChannelLayer", "CONFIG": {"capacity": 500}}
}
if REDIS_URL:
    _HOST = {"address": REDIS_URL, "socket_connect_timeout": 2.0, "health_check_interval": 10}
    CHANNEL_LAYERS["default"] = {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        "CONFIG": {"hosts": [_HOST], "prefix": "holdpoint", "capacity": 500, "expiry": 30},
    }

BROKER_URL = env.address("BROKER_URL", env.BROKER)
HOLDPOINT_DISPATCH = "config.dispatch.CeleryDispatch" if BROKER_URL else "runs.embedded.NotifyDispatch"
HOLDPOINT_WORKER_PROCESSES = int(env.number("HOLDPOINT_WORKER_PROCESSES", 4, least=1, most=256))  # of a Celery worker
HOLDPOINT_GATE = "approvals.gate.PolicyGate"
HOLDPOINT_BOUNDARIES = env.text("HOLDPOINT_BOUNDARIES", "")  # dotted path of a hook that fault tests install
HOLDPOINT_LEASE_SECONDS = env.number("HOLDPOINT_LEASE_SECONDS", 10, least=0.5, most=300)
HOLDPOINT_WORKER_THREADS = int(env.number("HOLDPOINT_WORKER_THREADS", 8, least=1, most=256))
HOLDPOINT_MODEL = env.text("HOLDPOINT_MODEL", "scripted")  # or provider:model, as pydantic-ai names it
if HOLDPOINT_MODEL != "scripted":
    env.expose("_API_KEY")
HOLDPOINT_MODEL_TIMEOUT_SECONDS = env.number("HOLDPOINT_MODEL_TIMEOUT_SECONDS", 60, least=0.1, most=600)
HOLDPOINT_TOOL_TIMEOUT_SECONDS = env.number("HOLDPOINT_TOOL_TIMEOUT_SECONDS", 10, least=0.1, most=600)
# Secrets by name, as references (env:NAME or file:/path), read when a tool needs one.
HOLDPOINT_CREDENTIALS = env.pairs("HOLDPOINT_CREDENTIALS", "inbox:northwind=env:HOLDPOINT_SALES_PASSWORD")
HOLDPOINT_INBOXES = env.pairs("HOLDPOINT_INBOXES")  # slug of a tenant = address whose mail is read
HOLDPOINT_INBOX_SECONDS = env.number("HOLDPOINT_INBOX_SECONDS", 2, least=0.2, most=3600)
HOLDPOINT_WORLD = {
    "orders": env.text("HOLDPOINT_ORDERS_URL", ""),
    "ledger": env.text("HOLDPOINT_LEDGER_URL", ""),
    "smtp": env.text("HOLDPOINT_SMTP_URL", ""),
    "mailbox": env.text("HOLDPOINT_MAILBOX_URL", ""),
    "register": env.text("HOLDPOINT_REGISTER_URL", ""),
    "press": env.text("HOLDPOINT_PRESS_URL", ""),
    "pop3": env.text("HOLDPOINT_POP3_URL", ""),
}
