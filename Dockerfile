# syntax=docker/dockerfile:1

# The tag stands where a digest should: take the one that your registry vouches for
# (docker buildx imagetools inspect golang:1.26-alpine).
FROM golang:1.26-alpine AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG VERSION=0.0.0-dev
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 go build -trimpath -buildvcs=false \
    -ldflags "-s -w -X main.version=${VERSION}" -o /out/mksync ./cmd/mksync \
 && install -d -m 0700 /out/lib/mksync

# The binary has time zones and certificate authorities in it, and asks for its own health:
# there is nothing else to patch. Authorities of your own: SSL_CERT_FILE.
FROM scratch
COPY --from=build /out/mksync /usr/local/bin/mksync
COPY --from=build --chown=10001:10001 /out/lib /var/lib
USER 10001:10001
ENV MKSYNC_DATA_DIR=/var/lib/mksync MKSYNC_HTTP_ADDR=0.0.0.0:8080
VOLUME /var/lib/mksync
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=10s --start-period=30s --retries=6 CMD ["/usr/local/bin/mksync", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/mksync"]
CMD ["run"]
