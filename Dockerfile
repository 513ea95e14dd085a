# The image of the controller and the worker. What it needs of its base is glibc, libstdc++ and
# mkfifo (coreutils); Node comes from the pinned npm package, so that the image runs on the very version that the
# tests run on. `make image` makes the tars and builds it; nothing is run in it, so that any machine builds it for any other.
ARG BASE=debian:bookworm-slim
FROM ${BASE}
# Docker's word for the architecture: amd64 or arm64.
ARG TARGETARCH
# Tars, since files that are copied one by one bring the times and modes of the clone with them.
ADD .image/node-${TARGETARCH}.tar /
ADD .image/app.tar /
ARG VERSION
ARG REVISION
ARG CREATED
LABEL org.opencontainers.image.title="dockerrun" \
      org.opencontainers.image.description="Runs a container image over Girder data on Kubernetes" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
USER 65532:65532
ENTRYPOINT ["/app/node", "/app/dockerrun.mjs"]
