# $1 the agent's folder, then what is asked of it; standard input is the agent's. 69 if that agent is not on the host.
agent=/var/lib/infra/agent/$1/infra-agent
shift
# Not "-x": where nothing may be executed the shell should say so.
[ -f "$agent" ] || exit 69
exec "$agent" "$@"
