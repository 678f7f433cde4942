package lab

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sgate/sgate/tun"
)

// killAll ends every process in a namespace: first politely, then not.
func killAll(ns tun.Namespace) error {
	signal := unix.SIGTERM
	for deadline := time.Now().Add(grace); ; {
		pids, err := processesIn(ns)
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

// processesIn lists the processes in a network namespace, this one aside.
func processesIn(ns tun.Namespace) ([]int, error) {
	var want unix.Stat_t
	if err := unix.Stat(ns.Path(), &want); err != nil {
		return nil, fmt.Errorf("%v: %w", ns, err)
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		var has unix.Stat_t
		if unix.Stat(tun.Namespace{PID: pid}.Path(), &has) != nil {
			continue // it has ended
		}
		if has.Dev == want.Dev && has.Ino == want.Ino {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}
