# webhookd's image: the binary and certificates, nobody's shell, not root. deploy/README.md says how to build and run it.
#
#   docker build --build-arg VERSION=$(git describe --tags --always) -t webhookd .

# The version of go.mod's toolchain, which has the known vulnerabilities mended: the image takes no other one by itself.
FROM --platform=$BUILDPLATFORM golang:1.26.10-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY cmd cmd
COPY internal internal
ARG TARGETARCH
ARG VERSION=dev
ARG REVISION=
ARG COMMITTED=
RUN CGO_ENABLED=0 GOOS=linux GOARCH=$TARGETARCH go build -trimpath -buildvcs=false \
        -ldflags "-s -w -X main.version=$VERSION -X main.revision=$REVISION -X main.committed=$COMMITTED" \
        -o /out/webhookd ./cmd/webhookd && \
    mkdir -p /out/data

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/webhookd /usr/bin/webhookd
COPY --from=build --chown=65532:65532 /out/data /var/lib/webhookd
ENV WEBHOOKD_DATA_DIR=/var/lib/webhookd
# What is not yet in the database waits in here: it must outlive the container.
VOLUME /var/lib/webhookd
# It listens on the container's own loopback until it is told otherwise, and that takes a secret:
# WEBHOOKD_LISTEN=0.0.0.0:8080, WEBHOOKD_WEBHOOK_SECRET.
EXPOSE 8080
USER 65532:65532
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["/usr/bin/webhookd", "healthcheck"]
ENTRYPOINT ["/usr/bin/webhookd"]
CMD ["serve"]
