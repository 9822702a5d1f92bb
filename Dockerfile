# DCM in a container: stateless, with PostgreSQL (and Redis) beside it. See docker-compose.yml.
FROM python:3.13-slim AS build
COPY requirements.txt .
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir -r requirements.txt

FROM python:3.13-slim
RUN useradd --system --create-home --home-dir /var/lib/dcm dcm
COPY --from=build /venv /venv
WORKDIR /app
COPY . .
USER dcm
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 DCM_ENV=production HOST=0.0.0.0 DCM_HOME=/var/lib/dcm
EXPOSE 3847 3848 3849 3030
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD \
    ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:3847/livez', timeout=2)"]
CMD ["python", "manage.py", "serve"]
