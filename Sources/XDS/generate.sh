#!/usr/bin/env bash
# Regenerates Sources/XDS/Generated from Sources/XDS/Proto. Needs protoc (Debian: protobuf-compiler) and protoc-gen-swift
# of the swift-protobuf version pinned in Package.swift:
#   swift build -c release --product protoc-gen-swift --package-path .build/checkouts/swift-protobuf
# Its path may be given in PROTOC_GEN_SWIFT.
set -euo pipefail
room=$(cd "$(dirname "$0")" && pwd)
plugin=${PROTOC_GEN_SWIFT:-$room/../../.build/checkouts/swift-protobuf/.build/release/protoc-gen-swift}
if [ ! -x "$plugin" ]; then
    echo "no protoc-gen-swift at $plugin: build it, or set PROTOC_GEN_SWIFT" >&2
    exit 1
fi
rm -rf "$room/Generated"
mkdir -p "$room/Generated"
cd "$room/Proto"
find . -name '*.proto' -printf '%P\n' | LC_ALL=C sort | xargs protoc \
    --plugin=protoc-gen-swift="$plugin" --proto_path=. --swift_out="$room/Generated" \
    --swift_opt=Visibility=Public --swift_opt=UseAccessLevelOnImports=true --swift_opt=FileNaming=PathToUnderscores
