#!/bin/sh
# inspect_ipv6.sh DIR: reading only; yunxun_found=WORD, then what it rests on. untouched: no backup was
# made; changed: a backup stands and was not rolled back; rolled_back; needs_hands: a run of
# enable_ipv6.sh is still at work after a minute.
dir=$1 last='' left=60
LC_ALL=C
export LC_ALL
at_work() {
  busy=''
  for p in /proc/[0-9]*/cmdline; do
    line=$({ tr '\0' ' ' <"$p"; } 2>/dev/null)
    case $line in /bin/sh\ /*enable_ipv6.sh\ apply* | /bin/sh\ /*enable_ipv6.sh\ rollback*) busy=$line ;; esac
  done
  [ -n "$busy" ]
}
# A killed ssh does not end what it began here: wait for it.
while at_work && [ $left -gt 0 ]; do
  left=$((left - 1))
  sleep 1
done
for r in "$dir"/*; do [ -f "$r/manifest" ] && last=$r; done
if [ -n "$busy" ]; then
  echo yunxun_found=needs_hands
  echo "still at work: $busy"
elif [ -z "$last" ]; then
  echo yunxun_found=untouched
elif [ -f "$last/rolled-back" ]; then
  echo yunxun_found=rolled_back
else
  echo yunxun_found=changed
fi
[ -n "$last" ] && echo "backup $last, $(wc -l <"$last/manifest") entries"
for f in all default; do
  [ -r "/proc/sys/net/ipv6/conf/$f/disable_ipv6" ] && echo "net.ipv6.conf.$f.disable_ipv6=$(cat "/proc/sys/net/ipv6/conf/$f/disable_ipv6")"
done
exit 0
