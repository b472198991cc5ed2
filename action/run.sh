#!/usr/bin/env bash
# What action.yml runs. It needs bash and git, and cargo to build; it asks no API and reads no token.
#
#   run.sh key        names the build: the same sources have the same name
#   run.sh build      builds keylint from the sources of the action
#   run.sh download   downloads it from a release, and checks its checksum
#   run.sh scan       scans what the event is about and reports it
#
# Values come in KEYLINT_* (see action.yml) and in what GitHub sets for every step.
# No -u: an empty list is an unset one to the bash of macOS.
set -eo pipefail
export GIT_TERMINAL_PROMPT=0

root=$(cd "$(dirname "$0")/.." && pwd)
temp=${RUNNER_TEMP:-${TMPDIR:-/tmp}}
suffix=""
[ "${RUNNER_OS:-}" = Windows ] && suffix=.exe

output() { printf '%s=%s\n' "$1" "$2" >>"${GITHUB_OUTPUT:-/dev/null}"; }
note() { printf '::%s title=keylint::%s\n' "$1" "$2"; }
here() { [ -n "$1" ] && git cat-file -e "$1^{commit}" 2>/dev/null; }
# An id of zeros is what GitHub gives for a branch that is new, or gone.
given() { [ -n "$1" ] && [ -n "${1//0/}" ]; }

key() {
    local files
    files=$(cd "$root" && find Cargo.toml Cargo.lock build.rs docs/hygiene.md src rules -type f | LC_ALL=C sort)
    key=$(cd "$root" && while IFS= read -r file; do git hash-object --no-filters "$file"; done \
        <<<"$files" | git hash-object --stdin)
    output key "$key"
}

build() {
    command -v cargo >/dev/null || {
        note error "cargo is missing: install Rust 1.93 or newer in a step before, or name a program in \`binary\`"
        exit 2
    }
    cargo install --locked --quiet --path "$root" --root "$temp/keylint" --target-dir "$temp/keylint-target"
    rm -rf "$temp/keylint-target"
}

# Prints the SHA-256 of a file; macOS has another program for it.
digest() {
    if command -v sha256sum >/dev/null; then sha256sum -- "$1"; else shasum -a 256 -- "$1"; fi | cut -d ' ' -f 1
}

download() {
    local version=${KEYLINT_VERSION#v} system=${RUNNER_OS:-}-${RUNNER_ARCH:-} target packed=tar.gz name from work want
    case $system in
        Linux-X64) target=x86_64-unknown-linux-musl ;;
        Linux-ARM64) target=aarch64-unknown-linux-musl ;;
        macOS-X64) target=x86_64-apple-darwin ;;
        macOS-ARM64) target=aarch64-apple-darwin ;;
        Windows-X64) target=x86_64-pc-windows-msvc packed=zip ;;
        *)
            note error "there is no release for $system: leave out \`version\`, and keylint is built"
            exit 2
            ;;
    esac
    name=keylint-v$version-$target
    from=${KEYLINT_RELEASES:-https://github.com/OWNER/keylint/releases/download}/v$version
    work=$(mktemp -d)
    for file in SHA256SUMS "$name.$packed"; do
        curl --fail --silent --show-error --location --retry 3 --output "$work/$file" "$from/$file" || {
            note error "$from/$file cannot be downloaded; is there a release $version?"
            exit 2
        }
    done
    want=$(awk -v file="$name.$packed" '$2 == file { print $1 }' "$work/SHA256SUMS")
    if [ -z "$want" ] || [ "$want" != "$(digest "$work/$name.$packed")" ]; then
        note error "$name.$packed has not the checksum that SHA256SUMS gives; nothing of it was run"
        exit 2
    fi
    if [ "$packed" = zip ]; then
        unzip -q "$work/$name.zip" -d "$work"
    else
        tar -xzf "$work/$name.tar.gz" -C "$work"
    fi
    mkdir -p "$temp/keylint/bin"
    mv "$work/$name/keylint$suffix" "$temp/keylint/bin/"
    rm -rf "$work"
}

# Commits of the range $1..$2 whose parents a shallow checkout lacks.
cut_off() {
    local shallow
    shallow=$(git rev-parse --git-path shallow)
    [ -s "$shallow" ] && git rev-list "$1..$2" 2>/dev/null | grep -qxFf "$shallow"
}

# Fetches until the range $1..$2 is here, deeper each time and everything at last.
deepen() {
    [ "${KEYLINT_DEEPEN:-true}" = true ] && git remote get-url origin >/dev/null 2>&1 || return 0
    local by
    for by in 0 50 500 5000 all; do
        if here "$1" && here "$2" && ! cut_off "$1" "$2"; then
            return 0
        fi
        local how=(--deepen="$by")
        [ "$by" = 0 ] && how=(--depth=1)
        [ "$by" = all ] && how=(--unshallow)
        # A checkout that is not shallow only lacks the commits themselves.
        [ "$(git rev-parse --is-shallow-repository)" = true ] || how=()
        # At first only what is not here at all: --depth=1 would cut off what is.
        local wanted=()
        here "$1" && [ "$by" = 0 ] || wanted+=("$1")
        here "$2" && [ "$by" = 0 ] || wanted+=("$2")
        [ "${#wanted[@]}" -gt 0 ] || continue
        git fetch --quiet --no-tags --no-recurse-submodules "${how[@]}" origin "${wanted[@]}" || return 0
        [ "${#how[@]}" -gt 0 ] || return 0
    done
}

# Sets `what` to the arguments of the scan and `mode` to its name.
choose() {
    local base=${KEYLINT_BASE:-} head=${KEYLINT_HEAD:-} trunk=""
    mode=${KEYLINT_MODE:-auto}
    case $mode in
        auto | diff | tree | history) ;;
        *)
            note error "mode: \`$mode\` is none of auto, diff, tree and history"
            exit 2
            ;;
    esac
    if [ "$mode" = auto ]; then
        case ${GITHUB_EVENT_NAME:-} in
            push | pull_request | pull_request_target | merge_group) mode=diff ;;
            *) mode=history ;;
        esac
        if [ "$mode" = history ] && [ "$(git rev-parse --is-shallow-repository)" = true ]; then
            note notice "this checkout is shallow, so its files were scanned and not its history; fetch-depth: 0 brings that"
            mode=tree
        fi
    fi
    what=()
    case $mode in
        history) what=(--history) ;;
        diff)
            if [ -n "$head" ] && ! given "$head"; then
                mode=nothing
                return 0
            fi
            given "$head" || head=$(git rev-parse HEAD)
            if ! given "$base"; then
                # A new branch: what it adds to the default one.
                trunk=${KEYLINT_DEFAULT_BRANCH:-}
                [ -n "$trunk" ] && base=$(origin_of "$trunk" "$head")
            fi
            given "$base" && [ "$base" != "$head" ] && deepen "$base" "$head"
            if ! here "$head"; then
                head=$(git rev-parse HEAD)
            fi
            if ! given "$base" || ! here "$base" || { [ -n "$trunk" ] && [ "$base" = "$head" ]; }; then
                note notice "the commit where the range starts is not known or not here; all files were scanned"
                mode=tree coverage=partial
                # The first push of a repository: there is nothing before it.
                if [ -n "$trunk" ]; then coverage=complete; fi
                return 0
            fi
            if cut_off "$base" "$head"; then
                coverage=partial
            fi
            what=(--range "$base..$head")
            ;;
    esac
}

# The commit of the default branch $1, unless that is what was pushed.
origin_of() {
    if [ "${GITHUB_REF:-}" = "refs/heads/$1" ]; then
        printf '%s' "$2"
        return
    fi
    if [ "${KEYLINT_DEEPEN:-true}" = true ]; then
        git fetch --quiet --no-tags --no-recurse-submodules ${shallow:+--depth=1} origin \
            "+refs/heads/$1:refs/remotes/origin/$1" 2>/dev/null || true
    fi
    git rev-parse --verify --quiet "refs/remotes/origin/$1^{commit}" || true
}

scan() {
    local keylint=${KEYLINT_BINARY:-$temp/keylint/bin/keylint$suffix} shallow="" code=0 file
    cd "${GITHUB_WORKSPACE:-.}"
    if ! git rev-parse --git-dir >/dev/null 2>&1 && [ "${GITHUB_ACTIONS:-}" = true ]; then
        # In a container the checkout belongs to another user.
        git config --global --add safe.directory "$PWD"
    fi
    git rev-parse --git-dir >/dev/null 2>&1 || {
        note error "there is no checkout here; run actions/checkout before this action"
        output exit-code 2
        exit 2
    }
    [ "$(git rev-parse --is-shallow-repository)" = true ] && shallow=yes
    coverage=complete
    choose
    file=${KEYLINT_SARIF:-$temp/keylint.sarif}
    if [ "$mode" = nothing ]; then
        note notice "a branch was removed: nothing is added, and nothing was scanned"
        for pair in findings=0 exit-code=0 mode=nothing coverage=complete; do
            output "${pair%%=*}" "${pair#*=}"
        done
        return
    fi

    local options=()
    [ -z "${KEYLINT_CONFIG:-}" ] || options+=(--config "$KEYLINT_CONFIG")
    [ -z "${KEYLINT_BASELINE:-}" ] || options+=(--baseline "$KEYLINT_BASELINE")
    [ -z "${KEYLINT_MIN_CONFIDENCE:-}" ] || options+=(--min-confidence "$KEYLINT_MIN_CONFIDENCE")
    local paths=()
    [ -z "${KEYLINT_PATH:-}" ] || paths+=(-- "$KEYLINT_PATH")
    # The paths of a history are repositories.
    [ "$mode" != history ] || paths=()
    local run=("${options[@]}" "${what[@]}")
    [ -z "${KEYLINT_FAIL_ON:-}" ] || run+=(--fail-on "$KEYLINT_FAIL_ON")
    [ "${KEYLINT_VERIFY:-false}" != true ] || run+=(--verify)
    local work
    work=$(mktemp -d)
    run+=(--report "jsonl=$work/findings" --report "markdown=$work/summary")
    [ "${KEYLINT_UPLOAD:-false}" = true ] || run+=(--report "sarif=$file")
    local format=human
    [ "${KEYLINT_ANNOTATIONS:-true}" != true ] || format=github
    echo "keylint scan ${what[*]}"
    "$keylint" scan --format "$format" "${run[@]}" "${paths[@]}" || code=$?
    if [ "${KEYLINT_UPLOAD:-false}" = true ]; then
        # Code scanning takes what an upload lacks for mended, so it is given all files.
        "$keylint" scan --quiet --format sarif --output "$file" "${options[@]}" || [ $? -eq 1 ] || code=2
    fi

    # Findings alone are complete; anything else that stopped it is not.
    case $code in
        0 | 1) ;;
        *)
            coverage=partial
            note error "the scan is not complete; what is missing stands in the log"
            ;;
    esac
    [ ! -f "$work/summary" ] || [ "${KEYLINT_SUMMARY:-true}" != true ] ||
        cat "$work/summary" >>"${GITHUB_STEP_SUMMARY:-/dev/null}"
    local findings
    findings=$(grep -c '^{"type":"finding"' "$work/findings" 2>/dev/null || true)
    output findings "${findings:-0}"
    output exit-code "$code"
    output mode "$mode"
    output coverage "$coverage"
    [ ! -f "$file" ] || output sarif-file "$file"
    rm -rf "$work"
    exit "$code"
}

case ${1:-} in
    key | build | download | scan) "$1" ;;
    *)
        echo "usage: run.sh key|build|download|scan" >&2
        exit 2
        ;;
esac
