# syntax=docker/dockerfile:1

FROM golang:1.26-alpine AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG VERSION=0.0.0-dev
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 go build -trimpath -buildvcs=false \
    -ldflags "-s -w -X main.version=${VERSION}" -o /out/mksync ./cmd/mksync

FROM alpine:3.22
RUN apk add --no-cache ca-certificates \
 && adduser -D -H -u 10001 mksync \
 && install -d -o mksync -g mksync -m 0700 /var/lib/mksync
COPY --from=build /out/mksync /usr/local/bin/mksync
USER mksync
ENV MKSYNC_DATA_DIR=/var/lib/mksync MKSYNC_HTTP_ADDR=0.0.0.0:8080
VOLUME /var/lib/mksync
EXPOSE 8080
ENTRYPOINT ["mksync"]
CMD ["run"]
