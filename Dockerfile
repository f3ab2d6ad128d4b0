# The image of Sluice: one bundle on a base that has Node and nothing else.
#
#   docker build -t sluice .
#   docker run --network host -e OPENAI_API_KEY sluice            # or --network container:NAME, next to who calls
#   docker run sluice check                                       # any argument of the command line
#
# Sluice listens on localhost only, as a sidecar does; publishing its port (-p) needs a proxy.yaml that listens on
# "[::]:7480" and an ip-access policy that says who may call. The helm chart does both for a shared gateway.

ARG BUILD_BASE=docker.io/library/node:24-trixie-slim
ARG BASE=gcr.io/distroless/nodejs24-debian13:nonroot

FROM ${BUILD_BASE} AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY . .
RUN node esbuild.mjs && node dist/sluice.js check --no-dns --config proxy.yaml

# What V8 makes of the code in a first run, so that no start has to compile it again. It counts only for the Node that runs.
FROM ${BASE} AS warmed
WORKDIR /app
COPY --from=build /build/proxy.yaml ./
COPY --from=build /build/dist/sluice.cjs /build/dist/warm-up.js ./dist/
RUN ["/nodejs/bin/node", "/app/dist/warm-up.js", "--outdir", "/tmp/code-cache"]

FROM ${BASE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Sluice" \
      org.opencontainers.image.description="An LLM egress sidecar: policies from one YAML file, unbuffered streaming" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /build/package.json /build/proxy.yaml /build/LICENSE ./
COPY --from=build /build/dist/sluice.js /build/dist/sluice.cjs /build/dist/THIRD-PARTY-LICENSES.txt /build/dist/sbom.cdx.json ./dist/
COPY --from=warmed /tmp/code-cache/ ./dist/
# Numeric, so that the kubelet can verify runAsNonRoot. The file system may be read-only: nothing is written.
USER 65532:65532
# 7480 takes the calls, 7490 answers health and metrics.
EXPOSE 7480 7490
# Node would size its heap to the whole memory limit of the container; the rest is for buffers outside the heap.
# The young generation may have 12 MiB: on a large machine it would take 48, which many open streams soon do, and in a small container
# 24 would leave the rest too little room.
# Where NODE_OPTIONS ask for reports of crashes, keys in the environment stay out of all of them.
ENTRYPOINT ["/nodejs/bin/node", "--max-old-space-size-percentage=60", "--max-semi-space-size=4", "--report-exclude-env", "/app/dist/sluice.js"]
