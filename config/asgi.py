"""HTTP to Django, sockets to Channels."""

import os

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("HOLDPOINT_WEB_CONNECTIONS", "12")
http = get_asgi_application()  # sets Django up; what follows may import models

from config.celery import app as celery  # noqa: E402, F401  tasks sent from here go to our broker, not Celery's default
from config.sockets import ClosedWithoutRedis  # noqa: E402
from runs.live import socket_urls  # noqa: E402

sockets = AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(socket_urls)))
application = ProtocolTypeRouter({"http": http, "websocket": ClosedWithoutRedis(sockets)})
