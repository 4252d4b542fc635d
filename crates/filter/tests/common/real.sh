#!/bin/bash
# How real.pcap was made: programs that talk over a veth pair between two network namespaces, with tcpdump on one end. Run as root in
# a folder of its own; needs iproute2, tcpdump, curl, openssl, python3, the client and server of OpenSSH, dnsmasq, busybox (httpd, telnetd, udhcpc,
# udhcpd, nslookup, traceroute) and ping of iputils. What it writes differs each time: tests ask for kinds, not for bytes.
set -u
here=$PWD
one=real1-$$ other=real2-$$
started=()

in_one() { timeout 8 ip netns exec "$one" "$@" >/dev/null 2>&1; }
serve() { ip netns exec "$other" "$@" >/dev/null 2>&1 & started+=($!); }

ip netns add "$one"; ip netns add "$other"
ip link add va netns "$one" address 02:00:00:00:00:0a type veth peer name vc netns "$other" address 02:00:00:00:00:0c
ip -n "$one" link set lo up; ip -n "$other" link set lo up
# Small, so that there are fragments.
ip -n "$one" link set va mtu 1400 up; ip -n "$other" link set vc mtu 1400 up
ip netns exec "$one" tcpdump -i va -U -Z root -w "$here/real.pcap" 2>/dev/null & dump=$!
sleep 1
ip -n "$one" addr add 10.77.0.1/24 brd + dev va; ip -n "$other" addr add 10.77.0.2/24 brd + dev vc
ip -n "$one" addr add fd77::1/64 dev va; ip -n "$other" addr add fd77::2/64 dev vc
ip -n "$one" route add default via 10.77.0.2; ip -n "$other" route add 198.51.100.0/24 dev lo
ip netns exec "$other" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.icmp_echo_ignore_broadcasts=0
sleep 2

mkdir -p www; head -c 9000 /dev/zero | tr '\0' a > www/page.html; echo hello > www/small.txt
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=host.example >/dev/null 2>&1
ssh-keygen -q -t ed25519 -N '' -f host_key
printf 'start 10.77.0.50\nend 10.77.0.60\ninterface vc\nlease_file %s/leases\npidfile %s/dhcp.pid\n' "$here" "$here" > udhcpd.conf
: > leases
serve busybox httpd -f -p 80 -h www
serve python3 -m http.server 8080 --bind :: -d www
serve dnsmasq -k -C /dev/null -R -h --address=/host.example/10.77.0.2 --address=/host.example/fd77::2 \
  --txt-record=text.example,hello --mx-host=host.example,mail.example,5 --enable-tftp --tftp-root="$here/www" -x "$here/dns.pid"
serve busybox telnetd -F -p 23 -l /bin/cat
serve busybox udhcpd -f udhcpd.conf
serve openssl s_server -accept 443 -key key.pem -cert cert.pem -www
serve "$(command -v sshd)" -D -e -p 22 -h "$here/host_key" -f /dev/null -o PidFile=none -o UsePAM=no
sleep 2

in_one ping -c 2 -i 0.2 10.77.0.2; in_one ping -c 1 -s 3000 10.77.0.2
in_one ping -6 -c 2 -i 0.2 fd77::2; in_one ping -6 -c 1 -s 3000 fd77::2; in_one ping -6 -c 1 ff02::1%va
in_one ping -c 1 -W 1 10.77.0.200; in_one ping -b -c 1 10.77.0.255; in_one ping -c 1 -W 1 -t 1 203.0.113.9
in_one ping -c 1 -R 10.77.0.2; in_one ping -c 1 -T tsonly 10.77.0.2
in_one curl -s http://10.77.0.2/page.html; in_one curl -s 'http://[fd77::2]:8080/page.html'; in_one curl -s http://10.77.0.2/none
in_one curl -sk https://10.77.0.2/; in_one curl -sk --tls-max 1.2 https://10.77.0.2/
in_one curl -s http://10.77.0.2:81/; in_one curl -s tftp://10.77.0.2/small.txt
for host in 10.77.0.2 fd77::2; do
  in_one ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes nobody@$host true
done
in_one busybox nslookup host.example 10.77.0.2; in_one busybox nslookup missing.example 10.77.0.2
in_one busybox nslookup -type=MX host.example 10.77.0.2; in_one busybox nslookup -type=TXT text.example fd77::2
in_one busybox nslookup 10.77.0.2 10.77.0.2
in_one busybox traceroute -n -w 1 -q 1 -m 3 198.51.100.7; in_one busybox traceroute6 -n -w 1 -q 1 -m 2 fd77::2
(sleep 1; echo hi; sleep 1) | timeout 4 ip netns exec "$one" busybox telnet 10.77.0.2 >/dev/null 2>&1
in_one busybox udhcpc -n -q -t 1 -i va -s /bin/true
in_one python3 - <<'P'
import socket, struct, time
def udp(family): return socket.socket(family, socket.SOCK_DGRAM)
def raw(protocol): return socket.socket(socket.AF_INET, socket.SOCK_RAW, protocol)
four, six = udp(socket.AF_INET), udp(socket.AF_INET6)
# Groups
four.setsockopt(0, socket.IP_ADD_MEMBERSHIP, socket.inet_aton('239.1.2.3') + socket.inet_aton('10.77.0.1'))
four.sendto(b'group', ('239.1.2.3', 5004))
index = socket.if_nametoindex('va')
six.setsockopt(41, socket.IPV6_JOIN_GROUP, socket.inet_pton(socket.AF_INET6, 'ff15::77') + struct.pack('@I', index))
six.sendto(b'group', ('ff15::77', 5004, 0, index))
# Ports that are closed, whole and in fragments; extension headers
four.sendto(b'nobody', ('10.77.0.2', 9999)); four.sendto(b'x' * 4000, ('10.77.0.2', 9998))
six.sendto(b'nobody', ('fd77::2', 9999)); six.sendto(b'y' * 4000, ('fd77::2', 9998))
six.setsockopt(41, socket.IPV6_HOPOPTS, bytes([0, 0, 1, 4, 0, 0, 0, 0])); six.sendto(b'hop', ('fd77::2', 53))
six = udp(socket.AF_INET6)
six.setsockopt(41, socket.IPV6_DSTOPTS, bytes([0, 0, 1, 4, 0, 0, 0, 0])); six.sendto(b'dst', ('fd77::2', 53))
four.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
four.sendto(b'all', ('10.77.0.255', 137)); four.sendto(b'all', ('255.255.255.255', 68))
# GRE, ESP, SCTP
raw(47).sendto(bytes([0, 0, 8, 0]) + b'E' * 20, ('10.77.0.2', 0))
raw(50).sendto(b'\0\0\1\0' + b'\0\0\0\1' + b'z' * 40, ('10.77.0.2', 0))
raw(132).sendto(struct.pack('!HHII', 5000, 5001, 1, 0) + bytes([1, 0, 0, 20]) + b'\0' * 16, ('10.77.0.2', 0))
# Urgent data and a reset
stream = socket.create_connection(('10.77.0.2', 80))
stream.send(b'!', socket.MSG_OOB)
time.sleep(0.3)
stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
stream.close()
time.sleep(0.3)
P
sleep 2
kill "${started[@]}" 2>/dev/null
kill -INT $dump; wait $dump
for space in "$one" "$other"; do
  for process in $(ip netns pids "$space"); do kill "$process"; done
  ip netns del "$space"
done
