# shellcheck shell=bash
# Rules about all tracked texts.

# Places and hosts that say where a file was written instead of what it means. In brackets where the pattern would
# otherwise find itself.
trace_patterns() {
  local start='(^|[^[:alnum:]_.$}/-])'
  # Homes of people; made-up ones are welcome in examples and tests.
  printf '%s\n' "$start/home/(?!(me|you|user|ann|alice|bob|carol|dave|erin|ada)\b)[a-z][a-z0-9_-]*/" \
    "$start/root/[.](cargo|rustup|cache|local|pyenv|npm)\b" \
    "$start/(work|workspace|tmp/dev)/" \
    '\b(deb|ftp([.][a-z]+)?|security|snapshot|archive|httpredir)[.]debian[.](org|net)\b' \
    '\b(static|index)[.]crates[.]io\b|\bregistry[.]npmjs[.]|\bproxy[.]golang[.]|\bfiles[.]pythonhosted[.]'
  own_places
  own_hosts
}

# This checkout's own place, unless it is one that a program could mean.
own_places() {
  case $root in
    /etc/* | /usr/* | /opt/* | /var/* | /run/* | /nix/* | /srv/*) ;;
    /*/*) printf '%s\n' "(^|[^[:alnum:]_.-])\\Q$root\\E(/|\\b)" ;;
  esac
}

# The registries that this machine's package clients are set up for.
own_hosts() {
  {
    # shellcheck disable=SC2016  # apt's own placeholder
    apt-get indextargets --format '$(REPO_URI)' 2>/dev/null || true
    grep -hE '^ *(registry|index) *=' "${CARGO_HOME:-${HOME:-}/.cargo}"/config{.toml,} 2>/dev/null || true
  } | sed -nE 's#.*://([^/:@"]*@)?([^/:"]+).*#\2#p' | sort -u | while read -r host; do
    printf '%s\n' "\\b\\Q$host\\E\\b"
  done
}

rule_no_traces() {
  local patterns list
  patterns=$(trace_patterns | paste -sd'|')
  mapfile -t list < <(files ':!Cargo.lock' ':!flake.lock' ':!*/flake.lock')
  LC_ALL=C grep -nIHoP -- "$patterns" "${list[@]}" | sort -u |
    sed 's/$/ : names a machine or a registry; read it from the environment, or leave it out/' || true
}

# Private keys: age identities (58 characters of Bech32, as long as they really are), OpenSSH's, and PEM's, whose mark alone may stand in a test;
# with a body behind it, as lines or as one text with \n in it, it is a key. Tests make their own.
rule_no_private_keys() {
  local list file offset
  local age='AGE-SECRET-KEY-(PQ-)?1[02-9AC-HJ-NP-Z]{50}'
  local break='([\s"'"'"',+]|\\[nrt])*'
  local ssh="b3BlbnNzaC1rZXktdjE[A-Za-z0-9+/]{51}${break}[A-Za-z0-9+/]{40}"
  local pem="-----BEGIN ([A-Z0-9]+ )*PRIVATE KEY-----$break"'([A-Z][A-Za-z-]+: [^\n]*\s+)*[A-Za-z0-9+/]{40}'
  mapfile -t list < <(files)
  { LC_ALL=C grep -aHobzP -- "$age|$ssh|$pem" "${list[@]}" || true; } | tr '\n\0' ' \n' |
    sed -nE 's/^(.+):([0-9]+):(AGE-SECRET|b3Blb|-----BEGIN).*/\1 \2/p' | while read -r file offset; do
    printf '%s:%s: a private key; let the test that needs one make it\n' "$file" $(($(head -c "$offset" "$file" | wc -l) + 1))
  done
}

rule_changelog() {
  if [ ! -f CHANGELOG.md ]; then
    echo "CHANGELOG.md: missing"
  elif ! grep -qiE '^## .*unreleased' CHANGELOG.md; then
    echo "CHANGELOG.md: no section \"## Unreleased\" for the next change"
  fi
}
