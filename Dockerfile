# nexla-mcp in a container: built in one stage, run in another as a user without rights.
#
#   docker build -t nexla-mcp .
#   docker run --rm -i -e NEXLA_SERVICE_KEY nexla-mcp serve                        an MCP client over stdio
#   docker run --rm --network host -e NEXLA_SERVICE_KEY nexla-mcp                  HTTP at http://127.0.0.1:8000/mcp
#   docker run --rm --network host nexla-mcp serve --sandbox --http 127.0.0.1:8000
#
# HTTP is served on loopback only, since every caller acts with the key of this process: share the network of the host,
# or of the container that calls.

ARG PYTHON=3.13-slim

FROM python:${PYTHON} AS build
WORKDIR /src
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY pyproject.toml README.md LICENSE ./
COPY nexla_mcp ./nexla_mcp
COPY tool_specs ./tool_specs
COPY prompts ./prompts
COPY docs/reference ./docs/reference
RUN python -m venv /opt/nexla-mcp \
    && /opt/nexla-mcp/bin/pip install --quiet . \
    && /opt/nexla-mcp/bin/python -m compileall -q /opt/nexla-mcp/lib \
    && /opt/nexla-mcp/bin/pip uninstall --quiet --yes pip

FROM python:${PYTHON}
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/nexla-mcp nexla-mcp
COPY --from=build /opt/nexla-mcp /opt/nexla-mcp
ENV PATH=/opt/nexla-mcp/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    NEXLA_MCP_STATE_DIR=/var/lib/nexla-mcp/state \
    NEXLA_MCP_OPEN_BROWSER=false
USER 10001
WORKDIR /var/lib/nexla-mcp
VOLUME /var/lib/nexla-mcp
EXPOSE 8000
# Over stdio there is no port to ask: start with --no-healthcheck there.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.build_opener(u.ProxyHandler({})).open('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["nexla-mcp"]
CMD ["serve", "--http", "127.0.0.1:8000"]
