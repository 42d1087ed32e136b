# One image, one binary; the subcommand picks the role. Every stage runs the Makefile's own commands.
FROM swift:6.3-bookworm AS build
WORKDIR /src
RUN apt-get update && apt-get install -y --no-install-recommends make
COPY . .
RUN make deps release && cp .build/release/gatehouse /usr/local/bin/gatehouse

FROM swift:6.3-bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends \
        ca-certificates curl libssl3 libnghttp2-14 libsqlite3-0 libre2-9 libc-ares2 zlib1g \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/gatehouse --create-home gatehouse
COPY --from=build /usr/local/bin/gatehouse /usr/local/bin/gatehouse
COPY Public /usr/share/gatehouse/public
USER gatehouse
VOLUME /var/lib/gatehouse
EXPOSE 8080 8443 9443 15012
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
    CMD curl -fsS --cacert /var/lib/gatehouse/admin-ca.pem https://localhost:9443/readyz || exit 1
ENTRYPOINT ["/usr/local/bin/gatehouse"]
CMD ["serve", "--data-dir", "/var/lib/gatehouse", "--admin-listen", "0.0.0.0:9443", \
     "--xds-listen", "0.0.0.0:15012", "--public-dir", "/usr/share/gatehouse/public", \
     "--port-map", "ingress/80:0.0.0.0:8080,ingress/443:0.0.0.0:8443"]
