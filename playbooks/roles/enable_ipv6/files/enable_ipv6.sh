#!/bin/sh
# enable_ipv6.sh apply|rollback|plan: switches IPv6 on and can switch it back. POSIX shell, no Python.
#   -d DIR      backups (/var/backups/yunxun-ipv6); `rollback` restores the latest one in it
#   -i IFACE -a ADDRESS/LENGTH -g GATEWAY   a static address of the plan (optional)
# Every file is copied before it is changed and the copy's digest noted. Prints a line a change:
# CHANGED what / WOULD what / KEPT why / REBOOT why.
umask 077
LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin
export LC_ALL PATH
action=$1
[ $# -gt 0 ] && shift
dir=/var/backups/yunxun-ipv6 iface='' address='' gateway=''
while getopts d:i:a:g: option; do
  case $option in
    d) dir=$OPTARG ;; i) iface=$OPTARG ;; a) address=$OPTARG ;; g) gateway=$OPTARG ;;
    *) exit 2 ;;
  esac
done
case $action in apply | rollback | plan) ;; *) echo "usage: enable_ipv6.sh apply|rollback|plan [options]" >&2; exit 2 ;; esac
[ -z "$address" ] || [ -n "$iface" ] || { echo "-a needs -i" >&2; exit 2; }
case $iface$address$gateway in *[!0-9A-Za-z:./_-]*) echo "odd characters in -i, -a or -g" >&2; exit 2 ;; esac
dry=0
[ "$action" = plan ] && dry=1
own=/etc/sysctl.d/99-yunxun-ipv6.conf

did() { if [ $dry = 1 ]; then echo "WOULD $*"; else echo "CHANGED $*"; fi; }
# keep FILE: copies it into this run's backup; a file that is new is noted as absent
keep() {
  [ $dry = 1 ] && return
  if [ ! -d "$run" ]; then mkdir -p "$run/files" && : >"$run/manifest" || exit 1; fi
  cut -f 2 "$run/manifest" | grep -Fxq "$1" && return
  if [ -e "$1" ]; then
    mkdir -p "$run/files$(dirname "$1")"
    cp -p "$1" "$run/files$1" || { echo "cannot back up $1" >&2; exit 1; }
    printf 'file\t%s\t%s\n' "$1" "$(cksum <"$1")" >>"$run/manifest"
  else
    printf 'absent\t%s\t\n' "$1" >>"$run/manifest"
  fi
}
# edit FILE SED WHAT: changes a file by sed, keeping owner and mode
edit() {
  changed=$(sed "$2" "$1")
  [ "$changed" = "$(cat "$1")" ] && return 1
  did "$3 in $1"
  [ $dry = 1 ] && return 0
  keep "$1"
  printf '%s\n' "$changed" >"$1"
}
# proc NAME VALUE: a kernel parameter now, its old value noted
proc() {
  file=/proc/sys/net/ipv6/conf/$1
  [ -w "$file" ] || return
  read -r old <"$file"
  [ "$old" = "$2" ] && return
  did "net.ipv6.conf.$(echo "$1" | tr / .) $old -> $2"
  [ $dry = 1 ] && return
  keep "$own"
  printf 'proc\t%s\t%s\n' "$file" "$old" >>"$run/manifest"
  echo "$2" >"$file"
}

apply() {
  run=$dir/$(date -u +%Y%m%dT%H%M%SZ).$$
  if [ ! -d /proc/sys/net/ipv6 ]; then echo "REBOOT the kernel has no IPv6 until it starts without ipv6.disable=1"; fi
  for f in /etc/sysctl.conf /etc/sysctl.d/*.conf; do
    [ -f "$f" ] && edit "$f" 's/^\([[:space:]]*net[./]ipv6[./]conf[./][^=]*disable_ipv6[[:space:]]*=[[:space:]]*1\)/# \1/' "disable_ipv6=1 taken out"
  done
  for f in /etc/modprobe.d/*.conf; do
    [ -f "$f" ] && edit "$f" 's/^\([[:space:]]*blacklist ipv6\|[[:space:]]*install ipv6 .*\|[[:space:]]*options ipv6 .*disable=1.*\)/# \1/' "ban of the module taken out"
  done
  if [ -f /etc/default/grub ] && edit /etc/default/grub 's/ *ipv6\.disable=1//' "ipv6.disable=1 taken out"; then
    echo "REBOOT write the boot menu anew (grub2-mkconfig or update-grub) and restart"
  fi
  wanted='net.ipv6.conf.all.disable_ipv6 = 0
net.ipv6.conf.default.disable_ipv6 = 0'
  if [ "$(cat "$own" 2>/dev/null)" != "$wanted" ]; then
    did "$own written"
    keep "$own"
    [ $dry = 1 ] || printf '%s\n' "$wanted" >"$own"
  fi
  proc all/disable_ipv6 0
  proc default/disable_ipv6 0
  [ -n "$iface" ] && proc "$iface/disable_ipv6" 0
  [ -n "$address" ] && static_address
  nginx_listen
  [ $dry = 1 ] || [ -d "$run" ] || echo "KEPT everything is as wanted"
}

static_address() {
  if ! ip -6 -o addr show dev "$iface" | grep -q " $address "; then
    did "$address on $iface"
    if [ $dry = 0 ]; then
      keep "$own"
      ip -6 addr add "$address" dev "$iface" || exit 1
      printf 'address\t%s\t%s\n' "$address" "$iface" >>"$run/manifest"
    fi
  fi
  if [ -n "$gateway" ] && ! ip -6 route show default | grep -q "via $gateway "; then
    did "default route via $gateway"
    if [ $dry = 0 ]; then
      keep "$own"
      ip -6 route add default via "$gateway" dev "$iface" || exit 1
      printf 'route\t%s\t%s\n' "$gateway" "$iface" >>"$run/manifest"
    fi
  fi
  if [ -f "/etc/sysconfig/network-scripts/ifcfg-$iface" ]; then
    f=/etc/sysconfig/network-scripts/ifcfg-$iface
    text="IPV6INIT=yes
IPV6_AUTOCONF=no
IPV6ADDR=$address"
    [ -n "$gateway" ] && text="$text
IPV6_DEFAULTGW=$gateway"
    marker='^IPV6INIT=yes'
  elif [ -d /etc/network/interfaces.d ]; then
    f=/etc/network/interfaces.d/yunxun-ipv6
    text="iface $iface inet6 static
    address $address"
    [ -n "$gateway" ] && text="$text
    gateway $gateway"
    marker="^iface $iface inet6"
  else
    echo "KEPT $address lives until the next start: no network-scripts or ifupdown here, set it in your manager"
    return
  fi
  grep -qs "$marker" "$f" && return
  did "$address for good in $f"
  [ $dry = 1 ] && return
  keep "$f"
  printf '%s\n' "$text" >>"$f"
}

nginx_listen() {
  touched=0
  for f in /etc/nginx/nginx.conf /etc/nginx/conf.d/*.conf /etc/nginx/sites-enabled/*; do
    [ -f "$f" ] || continue
    grep -qE '^[[:space:]]*listen[[:space:]]+[0-9]+' "$f" || continue
    grep -q 'listen[[:space:]]*\[::\]' "$f" && continue
    edit "$f" 's/^\([[:space:]]*\)listen\([[:space:]][[:space:]]*\)\([0-9][0-9]*\)\([^;]*\);/&\
\1listen\2[::]:\3\4;/' "listen [::] added" && touched=1
  done
  [ $touched = 1 ] && [ $dry = 0 ] && command -v nginx >/dev/null || return 0
  if nginx -t >/dev/null 2>&1; then
    nginx -s reload >/dev/null 2>&1 || echo "KEPT nginx was not running"
  else
    echo "nginx refuses the changed files: rolled back" >&2
    rollback
    exit 1
  fi
}

rollback() {
  last=''
  for r in "$dir"/*; do [ -f "$r/manifest" ] && [ ! -f "$r/rolled-back" ] && last=$r; done
  [ -n "$last" ] || { echo "KEPT nothing to roll back in $dir"; return; }
  while IFS='	' read -r kind what value; do
    case $kind in
      file)
        [ "$(cksum <"$last/files$what")" = "$value" ] || { echo "backup of $what was altered" >&2; exit 1; }
        cp -p "$last/files$what" "$what" && echo "CHANGED $what restored" ;;
      absent) [ -e "$what" ] && rm -f "$what" && echo "CHANGED $what removed" ;;
      route) ip -6 route del default via "$what" dev "$value" && echo "CHANGED default route via $what removed" ;;
      address) ip -6 addr del "$what" dev "$value" && echo "CHANGED $what removed" ;;
    esac
  done <"$last/manifest"
  # kernel parameters last: switching IPv6 off takes addresses with it
  while IFS='	' read -r kind what value; do
    [ "$kind" = proc ] && echo "$value" >"$what" && echo "CHANGED $what back to $value"
  done <"$last/manifest"
  : >"$last/rolled-back"
  command -v nginx >/dev/null && nginx -t >/dev/null 2>&1 && nginx -s reload >/dev/null 2>&1
  return 0
}

case $action in
  rollback) rollback ;;
  *) apply ;;
esac
exit 0
