"""Sends datagrams to an echo server and says what becomes of each: datagrams.py HOST PORT SECONDS SIZE...

All are from one socket, which does not let the kernel cut them where the first
size is "whole". After so many seconds a datagram counts as lost.
"""

import errno
import os
import socket
import sys

IP_MTU_DISCOVER, IP_MTU, IPV6_MTU_DISCOVER, IPV6_MTU, PMTUDISC_DO = 10, 14, 23, 24, 2

host, port, seconds, sizes = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4:]
family, level, discover, mtu = socket.AF_INET, socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_MTU
if ":" in host:
    family, level, discover, mtu = socket.AF_INET6, socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_MTU

client = socket.socket(family, socket.SOCK_DGRAM)
client.settimeout(seconds)
client.connect((host, port))
if sizes[0] == "whole":
    client.setsockopt(level, discover, PMTUDISC_DO)
    sizes = sizes[1:]
for size in sizes:
    data = os.urandom(int(size))
    try:
        client.send(data)
        print("intact" if client.recv(65535) == data else "damaged")
    except socket.timeout:
        print("times out")
    except ConnectionRefusedError:
        print("refused")
    except OSError as error:
        if error.errno != errno.EMSGSIZE:
            raise
        print("too big for a path of", client.getsockopt(level, mtu))
