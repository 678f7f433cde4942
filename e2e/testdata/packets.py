"""Sends packets that no kernel would, and shows what arrives: packets.py send [NAME=VALUE...] | packets.py tap

send evaluates each line of its input, "ID EXPRESSION", in scapy's terms with
the names that it was given and ID, puts the packets on the device as they are,
and prints how many there were. tap prints each packet that passes the device,
"in" or "out" and its bytes.
"""

import socket
import struct
import sys

DEVICE = "eth0"
ETH_P_ALL, ETH_P_IP, ETH_P_IPV6 = 3, 0x0800, 0x86DD
SOL_PACKET, PACKET_VNET_HDR = 263, 15
PACKET_OUTGOING = 4


def tap():
    incoming = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
    incoming.bind((DEVICE, ETH_P_ALL))
    print("ready", flush=True)
    while True:
        data, address = incoming.recvfrom(65535)
        print("out" if address[2] == PACKET_OUTGOING else "in", data.hex(), flush=True)


def send(names):
    from scapy.layers import inet, inet6, l2
    from scapy.packet import Raw

    def pieces(whole, *ranges):
        """Cuts what is behind a packet's IP header, where the ranges of bytes say; the last may be open."""
        whole = whole.__class__(bytes(whole))  # with its lengths and checksums
        data = bytes(whole.payload)
        out = []
        for start, end in ranges:
            end = len(data) if end is None else end
            more = int(end < len(data))
            if isinstance(whole, inet.IP):
                ip = inet.IP(src=whole.src, dst=whole.dst, id=whole.id, proto=whole.proto, flags=more, frag=start // 8)
            else:
                ip = inet6.IPv6(src=whole.src, dst=whole.dst, fl=whole.fl)
                ip /= inet6.IPv6ExtHdrFragment(id=whole.fl, nh=whole.nh, m=more, offset=start // 8)
            out.append(ip / Raw(data[start:end]))
        return out

    def chain(count):
        """That many IPv6 destination options headers."""
        headers = inet6.IPv6ExtHdrDestOpt()
        for _ in range(count - 1):
            headers /= inet6.IPv6ExtHdrDestOpt()
        return headers

    def unsummed(packet, start, offset):
        """A packet whose checksum, at offset behind start, the next kernel or network card is to fill in."""
        return struct.pack("=BBHHHH", 1, 0, 0, 0, start, offset) + bytes(packet)

    known = {**vars(inet), **vars(inet6), **vars(l2), "Raw": Raw, "pieces": pieces, "chain": chain, "unsummed": unsummed}
    known.update(name.split("=", 1) for name in names)
    plain = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
    virtio = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    virtio.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    print("ready", flush=True)
    for line in sys.stdin:
        ident, expression = line.split(" ", 1)
        packets = eval(expression, known, {"ID": int(ident)})
        if not isinstance(packets, list):
            packets = [packets]
        for packet in packets:
            data = bytes(packet)
            if isinstance(packet, bytes):  # from unsummed
                virtio.sendto(data, (DEVICE, ETH_P_IP))
            else:
                plain.sendto(data, (DEVICE, ETH_P_IPV6 if data[0] >> 4 == 6 else ETH_P_IP))
        print(f"sent {ident} {len(packets)}", flush=True)


if sys.argv[1] == "tap":
    tap()
else:
    send(sys.argv[2:])
