#!/bin/sh
# collect.sh: looks at this host, changes nothing, and prints one facts bundle as JSON.
#
# Needs a POSIX shell and awk, sed, grep, tr; no Python, nothing to install. What a tool would tell
# is read from /proc and /sys where that is possible. Each section has a time and a size budget, the
# whole runs at the lowest priority, secrets are struck out before anything leaves the host.
#
# Usage: sh collect.sh [-o FILE] [-a ASSET] [-t SECONDS] [-b BYTES] [-T SECONDS] [-d "DIR …"] [-s "SECTION …"]
#   -o FILE      write the bundle to FILE and its SHA-256 to FILE.sha256 (default: standard output)
#   -a ASSET     name of this host in the inventory (default: its host name)
#   -t SECONDS   time for one section (20)      -T SECONDS   time for all sections (240)
#   -b BYTES     size of one section (262144)
#   -d "DIR …"   folders of applications to look into besides the usual ones
#   -s "NAME …"  only these sections
# A section's status: ok, denied (some of it needs root), absent (no way to tell here),
# truncated (size budget), timeout (time budget). Exit status 0 whenever a bundle was written.
umask 077
LC_ALL=C LANG=C
PATH=${PATH:-/usr/bin:/bin}:/usr/sbin:/sbin:/usr/local/sbin:/usr/local/bin:/usr/bin:/bin
export LC_ALL LANG PATH

VERSION=1
out='' asset='' section_seconds=20 section_bytes=262144 total_seconds=240 more_dirs='' only=''
while getopts o:a:t:b:T:d:s: option; do
  case $option in
    o) out=$OPTARG ;; a) asset=$OPTARG ;; t) section_seconds=$OPTARG ;; b) section_bytes=$OPTARG ;;
    T) total_seconds=$OPTARG ;; d) more_dirs=$OPTARG ;; s) only=$OPTARG ;;
    *) sed -n 's/^# \{0,1\}//;7,14p' "$0" >&2 2>/dev/null; exit 2 ;;
  esac
done
for number in "$section_seconds" "$section_bytes" "$total_seconds"; do
  case $number in '' | *[!0-9]*) echo "collect.sh: not a number: $number" >&2; exit 2 ;; esac
done

renice -n 19 -p $$ >/dev/null 2>&1
ionice -c 3 -p $$ >/dev/null 2>&1

for base in /dev/shm "${TMPDIR:-/tmp}" /var/tmp; do
  work=$base/yunxun-collect.$$
  mkdir "$work" 2>/dev/null && break
  work=''
done
[ -n "$work" ] || { echo "collect.sh: no folder to work in (/dev/shm, /tmp, /var/tmp)" >&2; exit 1; }
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP

have() { command -v "$1" >/dev/null 2>&1; }
mark() { echo "$1" >"$work/mark"; }
# say FILE …: the files with a heading each; what may not be read is marked
say() {
  for say_file in "$@"; do
    [ -f "$say_file" ] || continue
    if [ -r "$say_file" ]; then
      echo "==> $say_file <=="
      head -c 32768 "$say_file" 2>/dev/null
      echo
    else
      mark denied
    fi
  done
}
# try HEADING COMMAND …: its output under a heading, when the command is there
try() {
  try_heading=$1
  shift
  have "$1" || return 1
  echo "# $try_heading"
  "$@" 2>/dev/null </dev/null
}
root() { [ "$(id -u 2>/dev/null)" = 0 ]; }

# ---- budgets ---------------------------------------------------------------------------------
# Children of a process, by /proc alone: ps may be absent, and its options differ.
end_tree() {
  for end_stat in /proc/[0-9]*/stat; do
    read -r end_line <"$end_stat" 2>/dev/null || continue
    end_pid=${end_line%% *}
    end_rest=${end_line##*) }
    end_rest=${end_rest#* }
    [ "${end_rest%% *}" = "$1" ] && (end_tree "$end_pid")
  done
  kill -9 "$1" 2>/dev/null
}
# One watchman for all sections: a `sleep` for each would outlive its section.
watchman() {
  watch_last='' watch_ticks=0
  while [ -d "$work" ] && kill -0 $$ 2>/dev/null; do
    sleep 1
    watch_now=''
    read -r watch_now <"$work/running" 2>/dev/null
    if [ -n "$watch_now" ] && [ "$watch_now" = "$watch_last" ]; then
      watch_ticks=$((watch_ticks + 1))
      if [ "$watch_ticks" -ge "$section_seconds" ]; then
        : >"$work/late" 2>/dev/null
        end_tree "$watch_now"
        watch_ticks=0
      fi
    else
      watch_last=$watch_now watch_ticks=0
    fi
  done
}

sha256_of() {
  if have sha256sum; then sha256sum <"$1"
  elif have openssl; then openssl dgst -sha256 -r <"$1"
  elif have shasum; then shasum -a 256 <"$1"
  fi 2>/dev/null | sed 's/[^0-9a-f].*//'
}

# Passwords, tokens and keys by the names they go by; users before an @; the rest of the line stays.
k='[A-Za-z0-9_.-]*\([Pp][Aa][Ss][Ss]\([Ww][Oo]*[Rr]*[Dd]\|[Pp][Hh][Rr][Aa][Ss][Ee]\|[Ww][Dd]\|\)\|[Pp][Ww][Dd]\|[Ss][Ee][Cc][Rr][Ee][Tt]\|[Tt][Oo][Kk][Ee][Nn]\|[Cc][Rr][Ee][Dd][Ee][Nn][Tt][Ii][Aa][Ll]\|[Aa][Pp][Ii][_-]*[Kk][Ee][Yy]\|[Aa][Cc][Cc][Ee][Ss][Ss][_-]*[Kk][Ee][Yy]\|[Pp][Rr][Ii][Vv][Aa][Tt][Ee][_-]*[Kk][Ee][Yy]\|[Pp][Ss][Kk]\|[Cc][Oo][Mm][Mm][Uu][Nn][Ii][Tt][Yy]\)[A-Za-z0-9_-]*'
redact() {
  sed -e "s#\(://[^/:@ ]*:\)[^/ ]*@#\1***@#g" \
    -e "s#\(jdbc:oracle:[a-z0-9]*:[^/@ ]*/\)[^@ ]*@#\1***@#g" \
    -e "s#\($k[\"']* *[=:] *\)\"[^\"]*\"#\1\"***\"#g" \
    -e "s#\($k[\"']* *[=:] *\)'[^']*'#\1'***'#g" \
    -e "s#\($k[\"']* *[=:] *\)[^\"' <>*][^\"' <>]*#\1***#g" \
    -e "s#\(<$k>\)[^<]*#\1***#g" \
    -e "s#\(name=\"$k\" *value=\)\"[^\"]*\"#\1\"***\"#g" \
    -e "s#\(--*$k  *\)[^ -][^ ]*#\1***#g" \
    -e "s#\(requirepass\|masterauth\|auth_pass\|identified by\|IDENTIFIED BY\)  *[^ ;]*#\1 ***#g" \
    -e "s#\(snmpget\|snmpwalk\)\(.*\) -\([cAX]\)  *[^ ]*#\1\2 -\3 ***#g" \
    -e "s#\(mysql[a-z]*\|mariadb\)\([^|]* -p\)[^ ][^ ]*#\1\2***#g" \
    -e "s#\(sshpass  *-p *\|redis-cli .*-a  *\|curl .*-u  *\|ldapsearch .*-w  *\)[^ ][^ ]*#\1***#g" \
    -e "s#\([Bb]earer\|[Bb]asic\)  *[A-Za-z0-9+/=._-]\{8,\}#\1 ***#g"
}

# Bytes to UTF-8: what is not becomes U+FFFD, so that a Python, a browser and a digest agree.
to_utf8() {
  tr '\000' ' ' | awk 'BEGIN { for (i = 1; i < 256; i++) ord[sprintf("%c", i)] = i }
    !/[^\t -~]/ { print; next }
    { n = length($0); s = ""; i = 1
      while (i <= n) {
        c = substr($0, i, 1); o = ord[c]; need = 0
        if (o < 128) { s = s c; i++; continue }
        if (o >= 194 && o <= 223) need = 1; else if (o >= 224 && o <= 239) need = 2
        else if (o >= 240 && o <= 244) need = 3
        good = need > 0
        for (j = 1; good && j <= need; j++) {
          d = ord[substr($0, i + j, 1)]
          if (d < 128 || d > 191) good = 0
          if (j == 1 && ((o == 224 && d < 160) || (o == 237 && d > 159) || (o == 240 && d < 144) || (o == 244 && d > 143))) good = 0
        }
        if (good) { s = s substr($0, i, need + 1); i += need + 1 }
        else { s = s "\357\277\275"; i++ }
      }
      print s }'
}
# The text of a file as the inside of a JSON string.
to_json() {
  sed 's/[\\"]/\\&/g' "$1" | awk 'BEGIN { for (i = 1; i < 32; i++) esc[sprintf("%c", i)] = sprintf("\\u%04x", i)
      esc["\t"] = "\\t"; esc["\r"] = "\\r" }
    /[\001-\037]/ { n = length($0); s = ""
      for (i = 1; i <= n; i++) { c = substr($0, i, 1); s = s ((c in esc) ? esc[c] : c) }
      $0 = s }
    { printf "%s\\n", $0 }'
}

first=1
# section NAME FUNCTION: runs it within its budgets and appends it to the bundle
section() {
  if [ -n "$only" ]; then case " $only " in *" $1 "*) ;; *) return ;; esac; fi
  echo ok >"$work/mark"
  rm -f "$work/late"
  : >"$work/raw"
  if [ $(($(date +%s) - started)) -ge "$total_seconds" ]; then
    echo timeout >"$work/mark"
  else
    ("$2" 2>/dev/null </dev/null | head -c $((section_bytes + 1)) >"$work/raw") &
    running=$!
    echo "$running" >"$work/running"
    wait "$running" 2>/dev/null
    : >"$work/running"
  fi
  read -r status <"$work/mark"
  [ -f "$work/late" ] && status=timeout
  size=$(wc -c <"$work/raw")
  if [ "$size" -gt "$section_bytes" ]; then
    # the last line may be half a line
    sed '$d' "$work/raw" >"$work/cut"
    mv "$work/cut" "$work/raw"
    [ "$status" = timeout ] || status=truncated
  fi
  to_utf8 <"$work/raw" | redact >"$work/clean"
  size=$(wc -c <"$work/clean")
  [ $first = 1 ] || echo ',' >>"$work/bundle"
  first=0
  {
    printf '"%s": {"status": "%s", "bytes": %d, "sha256": "%s", "data": "' "$1" "$status" "$size" "$(sha256_of "$work/clean")"
    to_json "$work/clean"
    printf '"}'
  } >>"$work/bundle"
}

# ---- sections --------------------------------------------------------------------------------
uname_() {
  for letter in s n r v m; do uname -$letter; done |
    awk 'BEGIN { split("sysname nodename release version machine", k, " ") } { print k[NR] "=" $0 }'
}
cpuinfo() { [ -r /proc/cpuinfo ] || mark absent; awk 'NR <= 400' /proc/cpuinfo; }
lscpu_() { lscpu || mark absent; }
dmi() {
  [ -d /sys/class/dmi/id ] || { mark absent; return; }
  for f in sys_vendor product_name product_version board_vendor board_name bios_vendor bios_version chassis_asset_tag; do
    v=''
    read -r v <"/sys/class/dmi/id/$f" && echo "$f=$v"
  done
}
getconf_() {
  have getconf || { mark absent; return; }
  for f in PAGESIZE LONG_BIT _NPROCESSORS_ONLN GNU_LIBC_VERSION; do echo "$f=$(getconf $f 2>/dev/null)"; done
}
os_release() {
  if [ -r /etc/os-release ]; then cat /etc/os-release; elif [ -r /usr/lib/os-release ]; then cat /usr/lib/os-release; else mark absent; fi
}
vendor_files() {
  say /etc/*-release /etc/*_version /etc/*-version /etc/os-version /etc/.productinfo /etc/.kyinfo /etc/lsb-release \
    /etc/kylin-version/kylin-system-version.conf /etc/kylin-build /etc/deepin-version
}
memory() { [ -r /proc/meminfo ] || mark absent; awk 'NR <= 20' /proc/meminfo; echo "loadavg $(cat /proc/loadavg)"; }
packages() {
  if have dpkg-query && [ -s /var/lib/dpkg/status ]; then
    printf 'manager\tdpkg\n'
    dpkg-query -W -f '${Package}\t${Version}\t${Architecture}\t${Maintainer}\n'
  elif have rpm; then
    printf 'manager\trpm\n'
    rpm -qa --qf '%{NAME}\t%{VERSION}-%{RELEASE}\t%{ARCH}\t%{VENDOR}\n'
  elif have apk; then
    printf 'manager\tapk\n'
    apk info -v | awk '{ print $0 "\t\t\t" }'
  else
    mark absent
  fi
}
exe_links() { ls -l /proc/[0-9]*/exe 2>/dev/null | sed -n 's#.* /proc/\([0-9]*\)/exe -> #\1 #p'; }
processes() {
  root || mark denied
  exe_links >"$work/exes"
  for d in /proc/[0-9]*; do
    pid=${d#/proc/}
    name='' ppid='' uid=''
    while read -r key value rest; do
      case $key in
        Name:) name=$value ;; PPid:) ppid=$value ;;
        Uid:) uid=$value; break ;;
      esac
    done <"$d/status" 2>/dev/null
    [ -n "$name" ] || continue
    line=$(tr '\000\n\t' '   ' <"$d/cmdline" 2>/dev/null | head -c 8192)
    [ -n "$line" ] && printf '%s\t%s\t%s\t%s\t%s\n' "$pid" "$ppid" "$uid" "$name" "$line"
  done >"$work/procs"
  awk -F '\t' -v exes="$work/exes" '
    BEGIN { while ((getline l < "/etc/passwd") > 0) { split(l, p, ":"); user[p[3]] = p[1] }
      while ((getline l < exes) > 0) { i = index(l, " "); exe[substr(l, 1, i - 1)] = substr(l, i + 1) } }
    { u = ($3 in user) ? user[$3] : $3; print $1 "\t" $2 "\t" u "\t" $4 "\t" exe[$1] "\t" $5 }' "$work/procs"
}
java_pids() { exe_links | awk '$2 ~ /\/(java|jsvc)$/ { print $1 " " $2 }'; }
java() {
  root || mark denied
  java_pids | while read -r pid exe; do
    printf '%s\texe\t%s\n' "$pid" "$exe"
    home=${exe%/bin/java}
    home=${home%/jre}
    for f in "$home/release" "$home/jre/release"; do
      [ -r "$f" ] && sed -n "s/^\(JAVA_VERSION\|IMPLEMENTOR\|OS_ARCH\)=\"*\([^\"]*\)\"*/$pid	\1	\2/p" "$f" && break
    done
    tr '\000\n' '\n ' <"/proc/$pid/cmdline" | awk -v pid="$pid" '
      skip { if (!main) print pid "\tclasspath\t" $0; skip = 0; next }
      NR == 1 { next }
      main { next }
      /^-D/ { s = substr($0, 3); i = index(s, "="); if (!i) { s = s "="; i = length(s) }
        print pid "\t-D" substr(s, 1, i - 1) "\t" substr(s, i + 1); next }
      $0 == "-cp" || $0 == "-classpath" { skip = 1; next }
      $0 == "-jar" { print pid "\tjar\t"; next }
      /^-/ { print pid "\toption\t" $0; next }
      { print pid "\tmain\t" $0; main = 1 }'
  done
}
jars() {
  root || mark denied
  java_pids | while read -r pid exe; do
    { ls -l "/proc/$pid/fd" | sed -n 's#.* -> ##p'; awk '{ print $6 }' "/proc/$pid/maps"; } 2>/dev/null |
      grep -E '\.(jar|war|ear)$' | sort -u | head -n 1500 | sed "s/^/$pid	/"
  done | awk -F '\t' '!seen[$2]++' | while read -r pid path; do
    # names stand in clear in the central directory at the end: no unzip is needed
    names=$(tail -c 1048576 "/proc/$pid/root$path" 2>/dev/null | tr -c 'A-Za-z0-9_./+$-' '\n' |
      grep -oE '[A-Za-z0-9_./+$-]+\.(so|dll|jnilib|dylib)' | sort -u | head -n 60 | tr '\n' ',')
    printf '%s\t%s\t%s\n' "$pid" "$path" "${names%,}"
  done
}
inodes() { ls -l /proc/[0-9]*/fd 2>/dev/null | awk '/^\/proc\// { split($0, a, "/"); pid = a[3] } match($0, /socket:\[[0-9]+\]/) { print substr($0, RSTART + 8, RLENGTH - 9), pid }'; }
# sockets of /proc/net: proto, local address, local port, remote address, remote port, pid, name
net_sockets() {
  inodes >"$work/inodes"
  for f in tcp tcp6 udp udp6; do
    [ -r /proc/net/$f ] && awk -v proto=$f 'NR > 1 { print proto, $2, $3, $4, $10 }' /proc/net/$f
  done | awk -v listen="$1" -v inodes="$work/inodes" '
    function hex(s, i, v) { v = 0; for (i = 1; i <= length(s); i++) v = v * 16 + index("0123456789ABCDEF", toupper(substr(s, i, 1))) - 1; return v }
    function v4(s) { return hex(substr(s, 7, 2)) "." hex(substr(s, 5, 2)) "." hex(substr(s, 3, 2)) "." hex(substr(s, 1, 2)) }
    function v6(s, i, w, o, g) { o = ""
      if (substr(s, 1, 24) == "0000000000000000FFFF0000") return v4(substr(s, 25))
      for (i = 0; i < 4; i++) { w = substr(s, i * 8 + 1, 8); w = substr(w, 7, 2) substr(w, 5, 2) substr(w, 3, 2) substr(w, 1, 2)
        o = o (i ? ":" : "") tolower(substr(w, 1, 4)) ":" tolower(substr(w, 5, 4)) }
      if (o == "0000:0000:0000:0000:0000:0000:0000:0000") return "::"
      if (o == "0000:0000:0000:0000:0000:0000:0000:0001") return "::1"
      return o }
    function addr(s) { return length(s) == 8 ? v4(s) : v6(s) }
    BEGIN { while ((getline row < inodes) > 0) { split(row, a, " "); pid[a[1]] = a[2] } }
    { split($2, l, ":"); split($3, r, ":")
      is = ($1 ~ /^tcp/) ? ($4 == "0A") : (r[2] == "0000")
      if (is != listen) next
      if (!listen && $4 != "01" && $1 ~ /^tcp/) next
      p = pid[$5]; c = ""
      if (p != "") { f = "/proc/" p "/comm"; getline c < f; close(f) }
      line = $1 "\t" addr(l[1]) "\t" hex(l[2])
      if (!listen) line = line "\t" addr(r[1]) "\t" hex(r[2])
      line = line "\t" p "\t" c
      if (!seen[line]++) print line }'
}
sockets() { root || mark denied; [ -r /proc/net/tcp ] || mark absent; net_sockets 1; }
connections() { root || mark denied; [ -r /proc/net/tcp ] || mark absent; net_sockets 0; }
addresses() {
  if have ip && ip -o addr show >"$work/ip" 2>/dev/null; then
    awk '{ f = $3; a = $4; r = ""; for (i = 5; i <= NF; i++) r = r " " $i; sub(/\\.*/, "", r); sub(/^ /, "", r); print $2 "\t" f "\t" a "\t" r }' "$work/ip"
  elif have ifconfig; then
    ifconfig -a | awk '/^[^ \t]/ { i = $1; sub(/:$/, "", i) }
      $1 == "inet" { a = $2; sub(/^addr:/, "", a); m = ""; for (j = 3; j <= NF; j++) { if ($j == "netmask") m = $(j + 1); if ($j ~ /^Mask:/) m = substr($j, 6) }
        n = 0; k = split(m, o, "."); for (j = 1; j <= k; j++) { v = o[j] + 0; while (v > 0) { n += v % 2; v = int(v / 2) } }
        print i "\tinet\t" a "/" n "\t" }
      $1 == "inet6" { if ($2 == "addr:") print i "\tinet6\t" $3 "\t"; else print i "\tinet6\t" $2 "/" $4 "\t" }'
  else
    [ -r /proc/net/fib_trie ] || mark absent
    awk '/\|--/ { a = $2 } /\/32 host LOCAL/ { if (!s[a]++) print "?\tinet\t" a "/0\t" }' /proc/net/fib_trie
    awk 'function hex(s, i, v) { v = 0; for (i = 1; i <= length(s); i++) v = v * 16 + index("0123456789abcdef", substr(s, i, 1)) - 1; return v }
      { o = substr($1, 1, 4); for (i = 5; i < 32; i += 4) o = o ":" substr($1, i, 4); print $6 "\tinet6\t" o "/" hex($3) "\t" (hex($5) % 16 >= 8 ? "dadfailed" : "") }' /proc/net/if_inet6
  fi
}
links() {
  for d in /sys/class/net/*; do
    [ -e "$d/ifindex" ] || continue
    mac='' mtu='' state='' kind=physical
    read -r mac <"$d/address"; read -r mtu <"$d/mtu"; read -r state <"$d/operstate"
    [ -d "$d/bridge" ] && kind=bridge
    [ -d "$d/bonding" ] && kind=bond
    [ -f "/proc/net/vlan/${d##*/}" ] && kind=vlan
    [ -e "$d/device" ] || { [ $kind = physical ] && kind=virtual; }
    flags=''; read -r flags <"$d/flags"
    printf '%s\t%s\t%s\t%s\t%s\t%s\n' "${d##*/}" "$mac" "$mtu" "$state" "$kind" "$flags"
  done
}
routes() {
  if have ip; then
    ip route show table all | sed 's/^/4	/'
    ip -6 route show table all | sed 's/^/6	/'
  else
    [ -r /proc/net/route ] || mark absent
    awk 'function hex(s, i, v) { v = 0; for (i = 1; i <= length(s); i++) v = v * 16 + index("0123456789ABCDEF", substr(s, i, 1)) - 1; return v }
      function v4(s) { return hex(substr(s, 7, 2)) "." hex(substr(s, 5, 2)) "." hex(substr(s, 3, 2)) "." hex(substr(s, 1, 2)) }
      function bits(s, i, n, v) { n = 0; for (i = 1; i <= 8; i++) { v = hex(substr(s, i, 1)); while (v > 0) { n += v % 2; v = int(v / 2) } } return n }
      NR > 1 { d = ($2 == "00000000" && $8 == "00000000") ? "default" : v4($2) "/" bits($8)
        print "4\t" d ($3 == "00000000" ? "" : " via " v4($3)) " dev " $1 " metric " $7 }' /proc/net/route
    awk '{ g = $5; if ($1 ~ /^0+$/ && $2 == "00" && $10 != "lo") { o = substr(g, 1, 4); for (i = 5; i < 32; i += 4) o = o ":" substr(g, i, 4)
        print "6\tdefault" (g ~ /^0+$/ ? "" : " via " o) " dev " $10 } }' /proc/net/ipv6_route
  fi
}
rules() {
  have ip || { mark absent; return; }
  ip rule show | sed 's/^/4	/'
  ip -6 rule show | sed 's/^/6	/'
}
neighbours() { have ip || { mark absent; return; }; ip neigh show | head -n 500; }
sysctl_() {
  [ -d /proc/sys ] || mark absent
  grep -s . /proc/sys/net/ipv6/conf/*/disable_ipv6 /proc/sys/net/ipv6/conf/*/accept_ra /proc/sys/net/ipv6/conf/*/use_tempaddr \
    /proc/sys/net/ipv6/conf/*/autoconf /proc/sys/net/ipv6/conf/*/forwarding /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/ip_local_port_range \
    /proc/sys/net/ipv4/tcp_mtu_probing /proc/sys/net/ipv4/tcp_syncookies /proc/sys/net/core/somaxconn /proc/sys/kernel/osrelease /proc/sys/kernel/tainted \
    /proc/sys/kernel/shmmax /proc/sys/kernel/sem /proc/sys/vm/nr_hugepages /proc/sys/vm/swappiness /proc/sys/vm/max_map_count /proc/sys/fs/file-max |
    sed 's#^/proc/sys/##' | awk '{ i = index($0, ":"); k = substr($0, 1, i - 1); gsub(/\//, ".", k); print k "=" substr($0, i + 1) }'
}
sysctl_conf() { say /etc/sysctl.conf /etc/sysctl.d/*.conf /etc/security/limits.conf /etc/security/limits.d/*.conf | grep -v '^[[:space:]]*[#;]' | grep .; }
cmdline() { cat /proc/cmdline || mark absent; }
modules() {
  # a kernel built without modules has no such file, and no third party's driver
  [ -r /proc/version ] || { mark absent; return; }
  [ -r /proc/modules ] && cut -d' ' -f1,7 /proc/modules
  say /etc/modprobe.d/*.conf | grep -E '^==>|blacklist|install|options' | sed 's/^/conf /'
}
timesync() {
  try timedatectl timedatectl --no-pager
  try chronyc-sources chronyc -n sources
  try chronyc-tracking chronyc -n tracking
  try ntpq ntpq -pn
  say /etc/chrony.conf /etc/chrony/chrony.conf /etc/ntp.conf /etc/systemd/timesyncd.conf | grep -E '^==>|^[[:space:]]*(server|pool|peer|NTP)'
}
firewall() {
  root || { mark denied; return; }
  have nft || have iptables-save || { [ -e /proc/net/ip_tables_names ] && mark absent; return; }
  try nft nft list ruleset
  try iptables iptables-save
  try ip6tables ip6tables-save
}
disks() {
  lsblk -P -b -o NAME,TYPE,FSTYPE,SIZE,MOUNTPOINT,UUID,PTTYPE,MODEL,TRAN,RM 2>/dev/null ||
    lsblk -P -b -o NAME,TYPE,FSTYPE,SIZE,MOUNTPOINT,UUID 2>/dev/null ||
    awk 'NR > 2 { printf "NAME=\"%s\" TYPE=\"disk\" SIZE=\"%.0f\"\n", $4, $3 * 1024 }' /proc/partitions
}
fstab() { say /etc/fstab /etc/crypttab | grep -v '^[[:space:]]*#'; }
mounts() { cat /proc/mounts || mark absent; }
df_() { have df || mark absent; df -Pk -x tmpfs -x devtmpfs 2>/dev/null || df -Pk; }
storage() {
  root || mark denied
  try mdstat cat /proc/mdstat
  try vgs vgs --noheadings -o vg_name,vg_uuid,vg_size,pv_count --separator ' '
  try lvs lvs --noheadings -o vg_name,lv_name,lv_attr,segtype --separator ' '
  try multipath multipath -ll
  ls /dev/oracleasm/disks 2>/dev/null | sed 's/^/asm /'
  ls /sys/class/fc_host 2>/dev/null | sed 's/^/fc /'
}
boot() {
  if [ -d /sys/firmware/efi ]; then echo firmware=uefi; else echo firmware=bios; fi
  grep -s virtio "/lib/modules/$(uname -r)/modules.builtin" | sed 's/^/builtin /'
  root || mark denied
  for image in "/boot/initrd.img-$(uname -r)" "/boot/initramfs-$(uname -r).img"; do
    [ -f "$image" ] || continue
    echo "image $image"
    { lsinitramfs "$image" || lsinitrd "$image"; } 2>/dev/null | grep -oE '[a-z0-9_-]*virtio[a-z0-9_-]*\.ko' | sort -u | sed 's/^/initramfs /'
  done
  say /etc/default/grub | grep -E '^==>|CMDLINE'
  grep -hsoE 'root=[^ ]*' /boot/grub2/grub.cfg /boot/grub/grub.cfg | sort -u | sed 's/^/grub /'
}
hardware() {
  root || mark denied
  for d in /sys/bus/pci/devices/*; do
    [ -r "$d/class" ] || continue
    read -r class <"$d/class"; read -r vendor <"$d/vendor"; read -r device <"$d/device"
    driver=$(readlink "$d/driver" 2>/dev/null)
    printf 'pci\t%s\t%s:%s\t%s\n' "$class" "$vendor" "$device" "${driver##*/}"
  done
  for d in /sys/bus/usb/devices/*; do
    [ -r "$d/idVendor" ] || continue
    product='' maker=''
    read -r a <"$d/idVendor"; read -r b <"$d/idProduct"; read -r product <"$d/product"; read -r maker <"$d/manufacturer"
    printf 'usb\t%s:%s\t%s\t%s\n' "$a" "$b" "$maker" "$product"
  done
  ls -l /proc/[0-9]*/fd 2>/dev/null | awk '/^\/proc\// { split($0, a, "/"); pid = a[3] }
    match($0, /-> \/dev\/(ttyS|ttyUSB|ttyACM|lp|nvidia|tpm|bus\/usb|hidraw|sg|swcsm|sdf|pcie_|fpga|dri\/).*/) { l = "open\t" substr($0, RSTART + 3) "\t" pid; if (!s[l]++) print l }'
}
# ELF files in use: path, app or system, pids, size, first KiB in hex, markers of versions and allocators
elf() {
  root || mark denied
  have od || { mark absent; return; }
  { exe_links | awk '{ i = index($0, " "); print substr($0, i + 1) "\t" substr($0, 1, i - 1) }'
    awk 'FNR == 1 { split(FILENAME, a, "/"); pid = a[3] } $2 ~ /x/ && $6 ~ /^\/(opt|usr\/local|home|data|app|srv|u01|apps|root)\// { print $6 "\t" pid }' /proc/[0-9]*/maps
  } 2>/dev/null | sed 's/ (deleted)//' | awk -F '\t' '{ if (!($1 in p)) { o[++n] = $1; p[$1] = $2 } else if (++c[$1] < 20 && index("," p[$1] ",", "," $2 ",") == 0) p[$1] = p[$1] "," $2 }
    END { for (i = 1; i <= n; i++) print o[i] "\t" p[o[i]] }' | head -n 300 | while IFS='	' read -r path pids; do
    case $path in /usr/local/*) origin=app ;; /usr/* | /bin/* | /sbin/* | /lib/* | /lib64/*) origin=system ;; *) origin=app ;; esac
    file=/proc/${pids%%,*}/root$path
    [ -r "$file" ] || continue
    case $(od -An -tx1 -N4 "$file" 2>/dev/null) in *7f*45*4c*46*) ;; *) continue ;; esac
    take=64 marks=''
    if [ $origin = app ]; then
      take=1024
      marks=$(head -c 67108864 "$file" | tr -c 'A-Za-z0-9_.<>-' '\n' | grep -oE '^(GLIBC_[0-9.]+|GLIBCXX_[0-9.]+|CXXABI_[0-9.]+|lib[A-Za-z0-9_+-]+\.so[.0-9]*)$|jemalloc|__aarch64_ldadd' | sort -u | head -n 120 | tr '\n' ',')
    fi
    size=$(wc -c <"$file")
    printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$path" $origin "$pids" "$((size))" "$(od -An -v -tx1 -N$take "$file" | tr -d ' \n')" "${marks%,}"
  done
}
resolv() { cat /etc/resolv.conf || mark absent; }
hosts() { cat /etc/hosts || mark absent; }
crypto() {
  try openssl openssl version
  openssl list -digest-algorithms 2>/dev/null | grep -i 'sm3' | sed 's/^ */digest /'
  openssl list -cipher-algorithms 2>/dev/null | grep -i 'sm4' | sed 's/^ */cipher /'
  openssl ciphers ALL:COMPLEMENTOFALL 2>/dev/null | tr ':' '\n' | grep -iE 'SM[234]' | sed 's/^/suite /'
  [ -r /proc/crypto ] && awk '$1 == "name" { print "kernel " $3 }' /proc/crypto | sort -u
  have openssl || mark absent
}
services() {
  if have systemctl && systemctl list-unit-files --type=service --no-legend --no-pager >"$work/units" 2>/dev/null; then
    awk '$2 ~ /enabled|generated/ { print "unit\t" $1 "\t" $2 }' "$work/units"
    for u in NetworkManager systemd-networkd networking network wicked; do
      systemctl is-active --quiet $u 2>/dev/null && printf 'active\t%s\n' $u
    done
  fi
  for f in /etc/init.d/* /etc/rc.d/init.d/*; do
    [ -f "$f" ] && ! [ -e "/lib/systemd/system/${f##*/}.service" ] && ! [ -e "/usr/lib/systemd/system/${f##*/}.service" ] && printf 'sysv\t%s\n' "$f"
  done | sort -u
  for f in /etc/rc.local /etc/rc.d/rc.local; do
    [ -f "$f" ] && grep -vE '^[[:space:]]*(#|$|exit|touch /var/lock)' "$f" | sed "s#^#rclocal	$f	#"
  done | sort -u
}
cron() {
  root || mark denied
  for f in /etc/crontab /etc/cron.d/* /var/spool/cron/* /var/spool/cron/crontabs/*; do
    [ -f "$f" ] && grep -nvE '^[[:space:]]*(#|$|[A-Z]+=)' "$f" /dev/null
  done
}
tools() {
  for t in rsync systemd-run at setsid nmcli netplan nft iptables ip dracut update-initramfs grubby openssl unzip docker podman java tar gzip; do
    p=$(command -v $t) && printf '%s\t%s\n' $t "$p"
  done
  have nmcli && printf 'nmcli_version\t%s\n' "$(nmcli -v 2>/dev/null)"
  for t in python3 python python2 /usr/libexec/platform-python; do
    have "$t" || continue
    v=$("$t" -V 2>&1 | head -n 1)
    case $v in Python*) printf 'python\t%s\t%s\n' "$t" "$v" ;; esac
  done
  return 0
}
netconfig() {
  root || mark denied
  say /etc/network/interfaces /etc/network/interfaces.d/* /etc/sysconfig/network /etc/sysconfig/network-scripts/ifcfg-* /etc/sysconfig/network-scripts/route* \
    /etc/sysconfig/network-scripts/rule* /etc/netplan/*.yaml /etc/systemd/network/* /etc/NetworkManager/system-connections/* \
    /etc/udev/rules.d/70-persistent-net.rules
  try nm-active nmcli -t -f NAME,TYPE,DEVICE,FILENAME connection show --active
}
access() {
  root || mark denied
  say /etc/hosts.allow /etc/hosts.deny /etc/ssh/sshd_config /etc/ssh/sshd_config.d/*.conf | grep -v '^[[:space:]]*#' | grep .
  for f in /root/.ssh/authorized_keys /home/*/.ssh/authorized_keys; do
    [ -r "$f" ] && grep -noE 'from="[^"]*"' "$f" /dev/null
  done
}
cluster() {
  root || mark denied
  say /etc/keepalived/*.conf /etc/corosync/corosync.conf /etc/etcd/*.conf /etc/etcd.conf /etc/default/etcd /etc/patroni/*.yml /etc/repmgr.conf /etc/haproxy/haproxy.cfg
  for d in $app_dirs; do
    find "$d" -xdev -maxdepth 6 \( -name dmmal.ini -o -name dmarch.ini -o -name repmgr.conf -o -name patroni.yml -o -name zoo.cfg -o -name pg_hba.conf -o -name sys_hba.conf \) -type f 2>/dev/null
  done | head -n 40 | while read -r f; do say "$f"; done
}
vpn() {
  root || mark denied
  say /etc/ipsec.conf /etc/swanctl/swanctl.conf /etc/openvpn/*.conf /etc/openvpn/client/*.conf | grep -v '^[[:space:]]*#'
  try tunnel ip tunnel show
  try wireguard wg show all endpoints
  try xfrm ip xfrm state | sed 's/0x[0-9a-f]*/***/g'
}
repos() {
  say /etc/yum.conf /etc/yum.repos.d/*.repo /etc/apt/sources.list /etc/apt/sources.list.d/* /etc/apt/apt.conf.d/*proxy* /etc/pip.conf /root/.pip/pip.conf \
    /root/.config/pip/pip.conf /etc/environment /etc/profile.d/*proxy* /etc/wgetrc /root/.npmrc /root/.m2/settings.xml |
    grep -iE '^==>|baseurl|mirrorlist|^deb|^URIs|proxy|index-url|registry|<url>'
}
agents() {
  root || mark denied
  say /etc/zabbix/zabbix_agentd.conf /etc/zabbix/zabbix_agent2.conf /etc/filebeat/filebeat.yml /etc/rsyslog.conf /etc/rsyslog.d/*.conf /etc/telegraf/telegraf.conf \
    /etc/snmp/snmpd.conf /etc/fluent-bit/*.conf /etc/salt/minion /etc/nagios/nrpe.cfg /usr/local/qcloud/*/etc/*.conf |
    grep -E '^==>|^[[:space:]]*(Server|ServerActive|hosts|master|allowed_hosts|trapsink|trap2sink|urls|Host)|@@*[0-9a-zA-Z(]' | grep -v '^[[:space:]]*#'
}
containers() {
  have docker || have podman || have crictl || return
  root || mark denied
  for t in docker podman; do
    have $t || continue
    ids=$($t images -q --no-trunc 2>/dev/null | sort -u | head -n 200)
    [ -n "$ids" ] && $t image inspect --format "image	$t	{{.RepoTags}}	{{.Os}}/{{.Architecture}}" $ids
  done
}
app_dirs='/opt /usr/local /srv /data /app /apps /home /var/www /usr/share/nginx /u01'
# found NAMES…: files of applications by name, in the usual folders; never across file systems of the network
config_files() {
  find $app_dirs $more_dirs /etc/nginx /etc/httpd /etc/apache2 /etc/tomcat* /etc/systemd/system /etc/php* /etc/my.cnf /etc/my.cnf.d /etc/redis* -xdev \
    \( -name node_modules -o -name .git -o -name site-packages -o -name dist-packages -o -name man -o -name doc -o -name locale \) -prune -o -type f -size -512k \
    \( -name '*.properties' -o -name '*.yml' -o -name '*.yaml' -o -name '*.xml' -o -name '*.conf' -o -name '*.cnf' -o -name '*.ini' -o -name '*.env' -o -name '*.sh' -o -name '*.service' -o -name '*.json' -o -name '*.config' -o -name 'tnsnames.ora' -o -name '*.cfg' \) -print 2>/dev/null | head -n 3000
}
# lines_of PATTERN: path:line: text of the files named on standard input, each line cut
# Many files to one grep: to read a long pattern costs more than to look for it in a file.
lines_of() {
  lines_pattern=$1
  set --
  {
    while IFS= read -r f; do
      set -- "$@" "$f"
      [ $# -lt 100 ] || { grep -nE -m 60 "$lines_pattern" "$@" /dev/null; set --; }
    done
    [ $# = 0 ] || grep -nE -m 60 "$lines_pattern" "$@" /dev/null
  } 2>/dev/null | cut -c 1-400
}
appconfig() {
  root || mark denied
  config_files | lines_of 'jdbc:|[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}|localhost|[Dd]river|[Dd]ialect|databaseId|listen |<Connector|ssl_|SSLProtocol|MQ|tuxedo|tibco|charset|encoding|preferIPv4|weblogic|websphere|whitelist|allow |limit_req|Invoker|password.*(MD5|md5|SHA1|sha1)|MessageDigest|wpad|serverTimezone'
}
code() {
  find $app_dirs $more_dirs -xdev \( -name node_modules -o -name .git -o -name site-packages -o -name dist-packages -o -name doc -o -name man \) -prune -o -type f -size -256k \
    \( -name '*.js' -o -name '*.jsp' -o -name '*.html' -o -name '*.htm' -o -name '*.css' -o -name '*.asp' -o -name '*.aspx' -o -name '*.java' -o -name '*.c' -o -name '*.h' -o -name '*.cpp' -o -name '*.cc' -o -name '*.S' -o -name '*.s' -o -name '*.py' -o -name '*.pl' -o -name '*.ksh' -o -name '*.vbs' -o -name '*.cs' -o -name '*.vb' -o -name '*.sql' -o -name '*.pc' -o -name 'Makefile*' -o -name '*.mk' -o -name 'config.guess' -o -name 'CMakeLists.txt' -o -name '*.xml' -o -name '*.php' -o -name '*.go' \) -print 2>/dev/null | head -n 4000 |
    lines_of 'ActiveXObject|classid|\.cab|vbscript|VBScript|execScript|attachEvent|document\.all|showModalDialog|srcElement|\.htc|expression\(|X-UA-Compatible|\[if |<applet|\.swf|\.xap|jnlp|DllImport|RegOpenKey|Registry\.|HKEY_|ServiceBase|Interop|Excel\.Application|System\.Web|System\.Runtime\.Remoting|BinaryFormatter|Thread\.Abort|ServiceHost|[A-Za-z]:\\\\|cmd\.exe|cmd /c|\.bat"|wmic|localhost|127\.0\.0\.1|_mm[0-9]*_|mmintrin|__asm__|asm volatile|-march=|-msse|-mavx|-m64|aarch64|loongarch|signed char|char c|memory_order|4096|CACHE_LINE|cacheline|CONNECT BY|connect by|\(\+\)|ROWNUM|rownum|[Dd][Bb][Ll][Ii][Nn][Kk]|TOP [0-9]|GETDATE|ISNULL\(|EXEC SQL|CREATE (OR REPLACE )?(PACKAGE|PROCEDURE|FUNCTION)|weblogic\.|com\.ibm\.websphere|javax\.(servlet|ejb|jms)|jakarta\.|EJBHome|EJBObject|t3://|iiop:|inet_addr|gethostbyname|inet_aton|AF_INET[^6]|varchar\(15\)|VARCHAR\(15\)|VARCHAR2\(15\)|http://[0-9]|https://[0-9]|MD5|md5\(|SHA-?1|sha1\(|print "|/usr/bin/ksh|/etc/redhat-release|yum |apt-get|HttpSession|getRealPath|System\.loadLibrary|File\.createTempFile|font-family|SIGNED_CHAR|databaseId'
}
files() {
  find $app_dirs $more_dirs -xdev \( -name .git -o -name doc -o -name man \) -prune -o -type f \
    \( -name '*.ocx' -o -name '*.swf' -o -name '*.xap' -o -name '*.cab' -o -name '*.jnlp' -o -name '*.htc' -o -name '*.exe' -o -name '*.dll' -o -name '*.aspx' -o -name '*.asmx' -o -name '*.svc' -o -name 'web.config' -o -name '*.bpl' -o -name '*.pbd' -o -name '*.fxp' -o -name 'weblogic*.xml' -o -name 'ibm-web-*.xm[li]' -o -name 'ibm-application-*' -o -name 'jboss-web.xml' -o -name '*.node' -o -name 'license.dat' -o -name '*.lic' -o -name 'bes.lic.txt' -o -name '*.ttf' -o -name '*.ttc' -o -name 'mod_jk.so' -o -name 'mod_wl*.so' -o -name 'libtcnative*' -o -name 'libclntsh*' -o -name '*odbc*.so*' -o -name '*.cpython-*.so' -o -name '*.war' -o -name '*.ear' \) -print 2>/dev/null | head -n 4000
}
licences() {
  find $app_dirs $more_dirs -xdev -type f \( -name 'license.dat' -o -name '*.lic' -o -name 'bes.lic.txt' -o -name 'license.xml' \) -size -64k -print 2>/dev/null | head -n 50 | while IFS= read -r f; do
    echo "==> $f <=="
    grep -aiE 'ip|mac|host|expire|expiry|date|cpu|product|version' "$f" 2>/dev/null | tr -cd '\11\12\40-\176' | cut -c 1-200 | head -n 20
  done
}
certificates() {
  have openssl || { mark absent; return; }
  { grep -rhsE '^[[:space:]]*(ssl_certificate|ssl_sign_certificate|ssl_enc_certificate|SSLCertificateFile)[[:space:]]' /etc/nginx /etc/httpd /etc/apache2 /usr/local/nginx/conf /opt/*/conf /usr/local/*/conf |
      awk '{ sub(/;.*/, "", $2); print $2 }'
    find /etc/pki/tls/certs /etc/nginx /etc/ssl/private /opt /usr/local -xdev -maxdepth 4 \( -name 'server*.crt' -o -name 'server*.pem' \) -type f 2>/dev/null
  } | sort -u | head -n 60 | while IFS= read -r f; do
    [ -r "$f" ] || continue
    openssl x509 -in "$f" -noout -text 2>/dev/null | awk -v f="$f" '
      /Signature Algorithm:/ && !a { a = $3 } /Not After/ { sub(/.*: /, ""); e = $0 } /Public Key Algorithm/ { k = $4 } /Public-Key:/ { gsub(/[^0-9]/, ""); b = $0 }
      /ASN1 OID|NIST CURVE/ { c = $NF } /Subject Alternative Name/ { getline; gsub(/^ +/, ""); s = $0 } /Subject:/ { sub(/.*Subject: */, ""); n = $0 }
      END { if (a) print f "\t" n "\t" a "\t" k "\t" b "\t" c "\t" e "\t" s }'
  done
}
python_() { find $app_dirs -xdev -type f -path '*-packages/*' -name '*.so' -print 2>/dev/null | head -n 600; }
security() {
  if have getenforce; then echo "selinux $(getenforce)"; elif [ -r /sys/fs/selinux/enforce ]; then echo "selinux $(cat /sys/fs/selinux/enforce)"; fi
  have getstatus && echo "kysec $(getstatus 2>/dev/null | head -n 3 | tr '\n' ' ')"
  [ -r /sys/kernel/security/lsm ] && echo "lsm $(cat /sys/kernel/security/lsm)"
  [ -r /sys/module/apparmor/parameters/enabled ] && echo "apparmor $(cat /sys/module/apparmor/parameters/enabled)"
  mount | grep -E 'type cgroup2? ' | awk '{ print "cgroup " $5 " " $3 }' | sort -u | head -n 3
  have iptables && echo "iptables $(iptables -V 2>/dev/null)"
  return 0
}

# ---- the bundle ------------------------------------------------------------------------------
started=$(date +%s)
[ -n "$asset" ] || asset=$(hostname 2>/dev/null || uname -n)
watchman >/dev/null 2>&1 </dev/null &
: >"$work/bundle"
printf '%s\n' "$asset" | to_utf8 >"$work/asset"
if root; then privilege=root; else privilege=user; fi
taken=$(date -u +%Y-%m-%dT%H:%M:%SZ)
for pair in uname:uname_ cpuinfo:cpuinfo lscpu:lscpu_ dmi:dmi getconf:getconf_ os_release:os_release vendor_files:vendor_files memory:memory \
  packages:packages processes:processes java:java jars:jars sockets:sockets connections:connections addresses:addresses links:links routes:routes \
  rules:rules neighbours:neighbours sysctl:sysctl_ sysctl_conf:sysctl_conf cmdline:cmdline modules:modules timesync:timesync firewall:firewall \
  disks:disks fstab:fstab mounts:mounts df:df_ storage:storage boot:boot hardware:hardware elf:elf resolv:resolv hosts:hosts crypto:crypto \
  services:services cron:cron tools:tools netconfig:netconfig access:access cluster:cluster vpn:vpn repos:repos agents:agents containers:containers \
  appconfig:appconfig code:code files:files licences:licences certificates:certificates python:python_ security:security; do
  section "${pair%%:*}" "${pair#*:}"
done
ended=$(date +%s)
{
  printf '{"format": 1, "asset": "'
  to_json "$work/asset" | sed 's/\\n$//'
  printf '", "collector_version": %d, "taken_at": "%s", "duration_ms": %d, "privilege": "%s", "sections": {\n' \
    "$VERSION" "$taken" $(((ended - started) * 1000)) "$privilege"
  cat "$work/bundle"
  printf '\n}}\n'
} >"$work/whole"
if [ -n "$out" ]; then
  cat "$work/whole" >"$out" || exit 1
  printf '%s  %s\n' "$(sha256_of "$work/whole")" "${out##*/}" >"$out.sha256"
else
  cat "$work/whole"
fi
