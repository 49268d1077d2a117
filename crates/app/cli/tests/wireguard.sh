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
ip link del wgt0
sleep 1.5
fails test -e /run/wireguard/wgt0.sock
kill $inner $other
