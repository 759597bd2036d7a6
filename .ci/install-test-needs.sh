#!/usr/bin/env bash
# The programs that the tests need. Root on Debian: installs what is missing, and starts none of it.
# Anybody else: says what is missing and how to install it, and fails.
set -euo pipefail

missing=()
need() { # need PACKAGE PROGRAM
  PATH="$PATH:/usr/sbin:/sbin:/usr/local/sbin:/usr/lib/dovecot:/usr/libexec/dovecot" command -v "$2" >/dev/null ||
    missing+=("$1")
}

need dovecot-imapd imap
need dovecot-lmtpd lmtp
need postfix postfix
need faketime faketime
need gcc gcc # tests/faults/*.c
need openssl openssl
need swaks swaks
need systemd systemd-analyze
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || need postgresql initdb # Debian keeps it out of the PATH
[ -e /usr/include/stdlib.h ] || missing+=(libc6-dev)

[ ${#missing[@]} -gt 0 ] || exit 0

install=(apt-get install -y --no-remove --no-install-recommends "${missing[@]}")
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  {
    echo "The tests need programs that are not installed: ${missing[*]}"
    echo "Install them, as root:  ${install[*]}"
    echo "(or run \"make test\" as root; then they are installed without starting any of them)"
  } >&2
  exit 1
fi

echo "Installing for the tests: ${missing[*]}"
policy=/usr/sbin/policy-rc.d
saved=
log=$(mktemp)
restore() {
  rm -f "$policy" "$log"
  if [ -n "$saved" ]; then mv "$saved" "$policy"; fi
}
if [ -e "$policy" ] || [ -L "$policy" ]; then
  saved=$(mktemp "$policy.XXXXXX")
  mv "$policy" "$saved"
fi
trap restore EXIT
trap 'exit 130' INT TERM HUP
printf '#!/bin/sh\nexit 101\n' >"$policy" # 101: no service is started by a package
chmod 755 "$policy"

export DEBIAN_FRONTEND=noninteractive
if [[ " ${missing[*]} " == *" postfix "* ]]; then
  echo "postfix postfix/main_mailer_type select No configuration" | debconf-set-selections || true
fi
options=(-o Acquire::Retries=3 -o DPkg::Lock::Timeout=300)
run() {
  "$@" </dev/null >"$log" 2>&1 || {
    tail -n 30 "$log" >&2
    echo "This failed: $*" >&2
    exit 1
  }
}
run apt-get "${options[@]}" update
run "${install[@]}" "${options[@]}"
