# The image of Sluice: one bundled file on a base that has Node and nothing else.
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

# V8's compile cache: code that need not be compiled again at each start. It counts only for the Node that runs, the path
# of the file and the uid, so it is made by that Node, there, as that user.
FROM ${BASE} AS compiled
WORKDIR /app
COPY --from=build /build/proxy.yaml ./
COPY --from=build /build/dist/sluice.js ./dist/
USER 65532:65532
ENV NODE_COMPILE_CACHE=/tmp/compile-cache
RUN ["/nodejs/bin/node", "/app/dist/sluice.js", "check", "--no-dns"]

FROM ${BASE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Sluice" \
      org.opencontainers.image.description="An LLM egress sidecar: policies from one YAML file, unbuffered streaming" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENV NODE_ENV=production NODE_COMPILE_CACHE=/app/compile-cache
WORKDIR /app
COPY --from=build /build/package.json /build/proxy.yaml /build/LICENSE ./
COPY --from=build /build/dist/sluice.js /build/dist/THIRD-PARTY-LICENSES.txt /build/dist/sbom.cdx.json ./dist/
# Node lets nobody but its owner read it.
COPY --from=compiled --chown=65532:65532 /tmp/compile-cache ./compile-cache
# Numeric, so that the kubelet can verify runAsNonRoot. The file system may be read-only: nothing is written.
USER 65532:65532
# 7480 takes the calls, 7490 answers health and metrics.
EXPOSE 7480 7490
# Node would size its heap to the whole memory limit of the container; the rest is for buffers outside the heap.
# Where NODE_OPTIONS ask for reports of crashes, keys in the environment stay out of all of them.
ENTRYPOINT ["/nodejs/bin/node", "--max-old-space-size-percentage=60", "--report-exclude-env", "/app/dist/sluice.js"]
