# keylint alone in an empty image: a static program and the roots that --verify needs.
FROM rust:1.95-alpine AS build
# The image decides which musl it has.
# hadolint ignore=DL3018
RUN apk add --no-cache musl-dev
WORKDIR /src
COPY Cargo.toml Cargo.lock build.rs ./
COPY docs/hygiene.md docs/
COPY rules rules
COPY src src
# Targets that the manifest names and the program does not need.
RUN mkdir -p benches tests/systems && touch benches/scan.rs tests/main.rs tests/systems/main.rs
ARG KEYLINT_COMMIT=""
ENV CARGO_PROFILE_RELEASE_STRIP=symbols
RUN cargo build --release --locked --bin keylint

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /src/target/release/keylint /usr/local/bin/keylint
COPY LICENSE-APACHE LICENSE-MIT /usr/share/doc/keylint/
USER 65532:65532
WORKDIR /work
ENTRYPOINT ["/usr/local/bin/keylint"]
CMD ["scan"]
