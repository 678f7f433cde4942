"""Sends back what connections bring, and nothing else: echo.py PORT

`sgate listen` probes idle connections every 15 s, so that they are never idle.
"""

import socketserver
import sys


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(65536):
            self.request.sendall(data)


socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer.daemon_threads = True
with socketserver.ThreadingTCPServer(("", int(sys.argv[1])), Echo) as server:
    server.serve_forever()
