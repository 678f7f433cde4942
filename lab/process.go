package lab

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sgate/sgate/tun"
)

// killAll ends every process in a namespace: first politely, then not.
func killAll(ns tun.Namespace) error {
	signal := unix.SIGTERM
	for deadline := time.Now().Add(grace); ; {
		pids, err := ns.Processes()
		if err != nil || len(pids) == 0 {
			return err
		}
		if time.Now().After(deadline) {
			if signal == unix.SIGKILL {
				return fmt.Errorf("processes %v in the %v do not end", pids, ns)
			}
			signal, deadline = unix.SIGKILL, time.Now().Add(grace)
		}
		for _, pid := range pids {
			_ = unix.Kill(pid, signal) // it may have ended by now
		}
		time.Sleep(20 * time.Millisecond)
	}
}
