# Two interfaces of `netloom wireguard`, configured by `wg`, in network namespaces of their own: $1 is the executable.
set -e
fails() { if "$@"; then echo "not refused: $*"; exit 1; fi; }
netloom=$1
mount -t tmpfs tmpfs /run
mkdir -p /run/wireguard
ip link set lo up
$netloom wireguard wgt0
$netloom wireguard wgt1
a=$(wg genkey); b=$(wg genkey)
echo "$a" > /run/a; echo "$b" > /run/b; : > /run/none
pa=$(echo "$a" | wg pubkey); pb=$(echo "$b" | wg pubkey)
wg set wgt1 private-key /run/b listen-port 6001 peer "$pa" allowed-ips 10.9.0.1/32
# The first one with a key is refused as a whole: the port is taken.
fails wg set wgt0 private-key /run/a listen-port 6001
test "$(wg show wgt0 private-key)" = "(none)"
wg set wgt0 private-key /run/a listen-port 6000 peer "$pb" allowed-ips 10.9.0.2/32 endpoint 127.0.0.1:6001
sleep 600 & inner=$!
unshare --net sleep 600 & other=$!
sleep 0.3
ip link set wgt1 netns $other
ip addr add 10.9.0.1/24 dev wgt0
ip link set wgt0 up
nsenter --net=/proc/$other/ns/net sh -c "ip link set lo up; ip addr add 10.9.0.2/24 dev wgt1; ip link set wgt1 up"
$netloom ping -c 2 --timeout 1s 10.9.0.2
wg set wgt0 fwmark 0x5
test "$(wg show wgt0 fwmark)" = 0x5
$netloom ping -c 2 --timeout 1s 10.9.0.2
wg show wgt0 latest-handshakes | grep -v "	0$"
wg set wgt0 private-key /run/none
test "$(wg show wgt0 private-key)" = "(none)"
fails $netloom ping -c 2 --timeout 1s 10.9.0.2
wg set wgt0 private-key /run/a
$netloom ping -c 2 --timeout 1s 10.9.0.2
# What a peer was heard from and has carried outlives the key, the link, and a change that is refused.
heard() { wg show wgt0 endpoints | cut -f 2; }
carried() { wg show wgt0 transfer | cut -f 2; }
before=$(carried)
test "$before" -gt 0
nsenter --net=/proc/$other/ns/net wg set wgt1 listen-port 6002
nsenter --net=/proc/$other/ns/net $netloom ping -c 2 --timeout 1s 10.9.0.1
test "$(heard)" = 127.0.0.1:6002
weak=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
printf '[Interface]\nPrivateKey = %s\nListenPort = 6000\n[Peer]\nPublicKey = %s\n' "$a" $weak > /run/bad
fails wg syncconf wgt0 /run/bad
test "$(heard)" = 127.0.0.1:6002
$netloom ping -c 2 --timeout 1s 10.9.0.2
ip link set wgt0 down
wg show wgt0 latest-handshakes | grep -v "	0$"
ip link set wgt0 up
test "$(heard)" = 127.0.0.1:6002
test "$(carried)" -ge "$before"
$netloom ping -c 2 --timeout 1s 10.9.0.2
# An endpoint that is given counts, also if it is the one that was declared.
wg set wgt0 peer "$pb" endpoint 127.0.0.1:6001
test "$(heard)" = 127.0.0.1:6001
wg set wgt0 peer "$pb" endpoint 127.0.0.1:6002
# Also together with another key.
wg genkey > /run/c
wg set wgt0 private-key /run/c peer "$pb" endpoint 127.0.0.1:6003
test "$(heard)" = 127.0.0.1:6003
wg set wgt0 private-key /run/a peer "$pb" endpoint 127.0.0.1:6002
$netloom ping -c 2 --timeout 1s 10.9.0.2
# `wg setconf` makes peers anew, `wg syncconf` leaves them.
wg showconf wgt0 > /run/own
wg syncconf wgt0 /run/own
wg show wgt0 latest-handshakes | grep -v "	0$"
wg setconf wgt0 /run/own
wg show wgt0 latest-handshakes | grep "	0$"
$netloom ping -c 2 --timeout 1s 10.9.0.2
# The kernel says why.
LC_ALL=C wg set wgt0 listen-port 6002 2>&1 | grep "Address already in use"
# A link-local endpoint, as `wg showconf` writes it.
wg set wgt0 peer "$pb" endpoint '[fe80::1%lo]:6002'
wg showconf wgt0 > /run/own
grep 'fe80::1%lo' /run/own
wg syncconf wgt0 /run/own
wg set wgt0 peer "$pb" endpoint 127.0.0.1:6002
# The key of a peer becomes the interface's: nobody is a peer of itself.
wg set wgt0 private-key /run/b
test -z "$(wg show wgt0 peers)"
wg set wgt0 private-key /run/a peer "$pb" allowed-ips 10.9.0.2/32 endpoint 127.0.0.1:6002
$netloom ping -c 2 --timeout 1s 10.9.0.2
# Packets as large as the link takes.
ip link set wgt0 mtu 9000
nsenter --net=/proc/$other/ns/net ip link set wgt1 mtu 9000
sleep 0.2
$netloom ping -c 2 --timeout 1s --size 8000 10.9.0.2
# No address but those that were given, as with the kernel's WireGuard; those of IPv6 work, also link-local ones.
linklocal() { ip -6 addr show dev wgt0 scope link | grep fe80; }
fails linklocal
fails nsenter --net=/proc/$other/ns/net sh -c "ip -6 addr show dev wgt1 scope link | grep fe80"
ip link set wgt0 down
ip link set wgt0 up
fails linklocal
wg set wgt0 peer "$pb" allowed-ips 10.9.0.2/32,fd00:9::2/128,fe80::2/128
nsenter --net=/proc/$other/ns/net wg set wgt1 peer "$pa" allowed-ips 10.9.0.1/32,fd00:9::1/128,fe80::1/128
ip addr add fd00:9::1/64 dev wgt0
ip addr add fe80::1/64 dev wgt0
nsenter --net=/proc/$other/ns/net sh -c "ip addr add fd00:9::2/64 dev wgt1; ip addr add fe80::2/64 dev wgt1"
$netloom ping -c 2 --timeout 1s fd00:9::2
# The name is free again at once.
for n in 1 2 3; do ip link del wgt0; $netloom wireguard wgt0; done
# Also where the process is told to end by its socket, which it notices at once.
rm /run/wireguard/wgt0.sock
sleep 0.2
fails ip link show wgt0
$netloom wireguard wgt0
for n in 1 2 3; do rm /run/wireguard/wgt0.sock; $netloom wireguard wgt0; wg show wgt0; done
# One that is served, or is served elsewhere, stays taken.
LC_ALL=C $netloom wireguard wgt0 2>&1 | grep "another process holds"
$netloom wireguard --sockets /run/elsewhere wgt9
LC_ALL=C $netloom wireguard wgt9 2>&1 | grep "another process holds"
ip link del wgt9
ip link del wgt0
sleep 0.5
fails test -e /run/wireguard/wgt0.sock
# A namespace that the link was moved to ends with what ran there, and the link and its process with it.
unshare --net sleep 600 & third=$!
sleep 0.3
$netloom wireguard wgt3
ip link set wgt3 netns $third
nsenter --net=/proc/$third/ns/net ip link set wgt3 up
sleep 1
kill $third
n=0
while test -e /run/wireguard/wgt3.sock; do n=$((n + 1)); test $n -lt 100; sleep 0.1; done
# By the name that other programs call it by.
ln -s $netloom /run/netloom-wireguard
/run/netloom-wireguard wgt0
test -n "$(wg show wgt0 listen-port)"
# Without CAP_SYS_ADMIN.
setpriv --inh-caps=-all,+net_admin --bounding-set=-all,+net_admin $netloom wireguard wgt2
kill $inner $other
