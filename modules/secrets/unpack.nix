# Unpacks the sealed secrets, as far as there is something to unpack. A host that has not been deployed to by infra yet has neither
# an agent nor secrets; that is said, and is no failure.
{ folder }:
''
  agent=${folder}/agent/current/infra-agent
  bundle=${folder}/secrets/current

  if [ ! -x "$agent" ]; then
    echo "infra: nothing is unpacked: there is no agent at $agent; \"infra deploy\" brings it" >&2
    exit 0
  fi
  if [ ! -e "$bundle" ] && [ ! -L "$bundle" ]; then
    echo "infra: nothing is unpacked: there are no secrets at $bundle; \"infra deploy\" brings them" >&2
    exit 0
  fi
  exec "$agent" secrets unpack
''
