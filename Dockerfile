# The system in a container. For PostgreSQL beside it see compose.yaml.
FROM python:3.13-slim AS build
RUN pip install --no-cache-dir 'uv>=0.9'
WORKDIR /src
ENV UV_PROJECT_ENVIRONMENT=/app UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy
# Dependencies first: they change less often than our code.
COPY pyproject.toml uv.lock README.md LICENSE ./
RUN uv sync --locked --no-dev --no-install-project
COPY matching matching
COPY nrm nrm
COPY web web
RUN uv sync --locked --no-dev --no-editable && /app/bin/python -c "import matching; matching.prepare()"

FROM python:3.13-slim
RUN useradd --create-home --uid 10001 nrm && install -d -o nrm /data
COPY --from=build /app /app
USER nrm
ENV PATH=/app/bin:$PATH PYTHONUNBUFFERED=1 NRM_HOST=0.0.0.0 NRM_PORT=8000 NRM_DATA=/data
VOLUME /data
EXPOSE 8000
CMD ["nrm", "serve"]
