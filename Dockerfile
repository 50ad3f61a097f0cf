# The three programs in an image with nothing else in it: no shell, no package manager, no library.
#
#   docker build -t open-cli .                                compiles them in a first stage
#   docker build -t open-cli --build-arg PROGRAMS=given .     takes ./bin, which `make build` made on Linux
#
# docs/deployment.md tells how it is run, and what its loopback address means for that.

ARG PROGRAMS=compiled

FROM rust:1.95.0-slim-bookworm AS compiled
WORKDIR /src
COPY . .
# Static, and checked to be: see scripts/build.sh.
RUN scripts/build.sh /out

FROM scratch AS given
COPY bin/ /out/

FROM ${PROGRAMS} AS programs

# An empty directory to copy: the last stage has nothing that could make one.
FROM scratch AS state
WORKDIR /state

FROM scratch
COPY --from=programs /out/open-cli-toolbox /out/open-cli /out/open-cli-eval /
COPY --from=state --chown=65532:65532 /state /var/lib/open-cli
USER 65532:65532
ENV OPEN_CLI_STATE_DIR=/var/lib/open-cli
VOLUME ["/var/lib/open-cli"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/open-cli-toolbox"]
CMD ["--config", "/config/.cli.json"]
