# One image for web, workers, beat and the commands. Its files belong to root; it runs as somebody who may change none.
FROM python:3.11-slim-bookworm

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/srv/holdpoint
WORKDIR /srv/holdpoint

COPY requirements.txt ./
RUN pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.txt

COPY manage.py LICENSE ./
COPY config config
COPY tenants tenants
COPY runs runs
COPY approvals approvals
COPY templates templates
COPY static static
RUN python -m compileall -q config tenants runs approvals \
    && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin holdpoint

USER holdpoint
EXPOSE 8000
CMD ["python", "-m", "uvicorn", "config.asgi:application", "--host", "0.0.0.0", "--port", "8000", "--log-level", "warning", "--no-access-log", "--timeout-graceful-shutdown", "5"]
