# Prints what runs and what failed, as survey.sh does, once systemd has no more jobs (at most 10 s).
PATH=$PATH:/run/current-system/sw/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
if [ -d /run/systemd/system ]; then
  tries=0
  while [ -n "$(systemctl list-jobs --no-legend --plain 2>/dev/null </dev/null)" ] && [ $tries -lt 50 ]; do
    sleep 0.2
    tries=$((tries + 1))
  done
  systemctl list-units --state=failed --no-legend --plain 2>/dev/null </dev/null | while read -r unit _; do echo "failed $unit"; done
fi
echo "current $(readlink -f /run/current-system 2>/dev/null)"
