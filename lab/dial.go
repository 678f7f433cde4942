package lab

import (
	"context"
	"fmt"
	"net"

	"github.com/sgate/sgate/tun"
)

// Dial opens a connection from inside a member's namespace. The address must
// be numeric.
func (l *Lab) Dial(ctx context.Context, memberName, network, address string) (net.Conn, error) {
	l.mu.Lock()
	m := l.members[memberName]
	l.mu.Unlock()
	if m == nil {
		return nil, fmt.Errorf("lab %q has no instance or host %q", l.name, memberName)
	}
	return dialIn(ctx, m.ns, network, address)
}

func dialIn(ctx context.Context, ns tun.Namespace, network, address string) (conn net.Conn, err error) {
	err = ns.Do(func() error {
		// With one numeric address, the socket is made by this goroutine
		// and so in this thread's namespace.
		var d net.Dialer
		conn, err = d.DialContext(ctx, network, address)
		return err
	})
	return conn, err
}
