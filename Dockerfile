# DCM in a container: stateless, with PostgreSQL (and Redis) beside it. See docker-compose.yml.
# Python and the packages; nothing of it but /venv gets into the image.
FROM python:3.13-slim AS build
COPY requirements.txt /build/
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --disable-pip-version-check -r /build/requirements.txt

FROM python:3.13-slim
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/dcm dcm
COPY --from=build /venv /venv
WORKDIR /app
COPY manage.py LICENSE ./
COPY dcm dcm
COPY realtime realtime
COPY routing routing
COPY projects projects
COPY messaging messaging
COPY sessions_app sessions_app
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
ENV DCM_ENV=production HOST=0.0.0.0 DCM_HOME=/var/lib/dcm
USER 10001
VOLUME /var/lib/dcm
EXPOSE 3847 3848 3849 3030
STOPSIGNAL SIGTERM
# Alive is what the process has to be: a database that is away is no reason to replace it.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s CMD \
    ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ.get('PORT', '3847') + '/livez', timeout=2)"]
CMD ["python", "manage.py", "serve"]
