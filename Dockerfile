# Two stages: durable_rules has no wheel and needs a C compiler, the service that runs does not.
#
#   docker build -t neuromuscular-cds .
#   docker run --read-only --tmpfs /tmp -v nmcds-data:/data -v "$PWD/registry.toml:/etc/nmcds/registry.toml:ro" \
#       -e NMCDS_REGISTRY_FILE=/etc/nmcds/registry.toml -e NMCDS_BASE_URL=https://cds.example.org -p 8000:8000 neuromuscular-cds
#
# The container listens on every address, so it refuses to start without a client registry: see docs/how-to/run-behind-a-proxy.md.

FROM python:3.12-slim-bookworm AS builder
# The compiler is not in the image that runs, and Debian keeps no old versions of it to pin.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY requirements.lock requirements-runtime.lock ./
RUN python -m venv /opt/nmcds \
    && sed -n '/^setuptools==/,/^[^ ]/{/^setuptools==/p;/^ /p;}' requirements.lock > build-requirements.txt \
    && /opt/nmcds/bin/pip install --no-cache-dir --require-hashes -r build-requirements.txt \
    && /opt/nmcds/bin/pip install --no-cache-dir --require-hashes --no-deps --no-build-isolation -r requirements-runtime.lock
COPY . ./
RUN /opt/nmcds/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.12-slim-bookworm
LABEL org.opencontainers.image.title="neuromuscular-cds" org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin nmcds \
    && install -d -o nmcds -g nmcds /data
COPY --from=builder /opt/nmcds /opt/nmcds
ENV PATH=/opt/nmcds/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    NMCDS_DATABASE_URL=sqlite:////data/nmcds.sqlite3
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
CMD ["nmcds", "serve", "--host", "0.0.0.0"]
