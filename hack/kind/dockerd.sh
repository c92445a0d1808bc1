#!/bin/bash
# dockerd.sh DIR: start a Docker daemon where none answers and none is started by the system; its data, log and pid go
# to DIR. Does nothing if `docker info` answers. Needs root.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd) dir=$(realpath -m "$1")
docker info >/dev/null 2>&1 && exit 0
if [[ $(id -u) != 0 ]]; then
  echo "no Docker daemon answers (docker info). Start one, or run this as root." >&2
  exit 1
fi
"$here/packages.sh" dockerd:docker.io iptables:iptables ip:iproute2

# Containers stay on this machine: a service address that no rule serves would otherwise leave by the default route.
keep_traffic_here() {
  local device table chain rule
  for device in $(ip -o route show default | grep -o 'dev [^ ]*' | cut -d' ' -f2 | sort -u); do
    for table in iptables ip6tables; do
      chain=DOCKER-USER
      [[ $table == ip6tables ]] && chain=FORWARD # Docker keeps no chain of its own there
      rule=("$chain" -o "$device" -m conntrack --ctstate NEW -j REJECT)
      "$table" -w -C "${rule[@]}" 2>/dev/null || "$table" -w -I "${rule[@]}"
    done
  done
}

mkdir -p "$dir"
setsid dockerd --data-root "$dir/data" --exec-root "$dir/exec" --pidfile "$dir/pid" \
  --add-runtime "within-bounds=$here/runc-within-bounds" --default-runtime within-bounds \
  >"$dir/log" 2>&1 </dev/null &
for _ in {1..60}; do
  if docker info >/dev/null 2>&1; then keep_traffic_here && exit 0; fi
  sleep 0.5
done
echo "dockerd does not start; the end of $dir/log:" >&2
tail -20 "$dir/log" >&2
exit 1
