"""Opens TCP connections, one after another, and keeps them: hoard.py HOST PORT MOST

It stops at the second that does not open within a second.
"""

import socket
import sys
import time

held, failures = [], 0
while len(held) < int(sys.argv[3]) and failures < 2:
    try:
        held.append(socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=1))
    except OSError:
        failures += 1
print(f"holds {len(held)}", flush=True)
time.sleep(3600)
