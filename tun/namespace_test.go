package tun

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"testing"

	"github.com/vishvananda/netns"
)

func TestNamespaceNames(t *testing.T) {
	for _, test := range []struct {
		ns   Namespace
		text string
		path string
		own  bool
	}{
		{Namespace{}, "own network namespace", "", true},
		{Namespace{Name: "web"}, `network namespace "web"`, "/run/netns/web", false},
		{Namespace{Name: "/var/run/docker/netns/1"}, `network namespace "/var/run/docker/netns/1"`, "/var/run/docker/netns/1", false},
		{Namespace{PID: 7}, "network namespace of process 7", "/proc/7/ns/net", false},
	} {
		if got := test.ns.String(); got != test.text {
			t.Errorf("%#v is %q, want %q", test.ns, got, test.text)
		}
		if got := test.ns.Path(); got != test.path {
			t.Errorf("%#v has the path %q, want %q", test.ns, got, test.path)
		}
		if got := test.ns.IsOwn(); got != test.own {
			t.Errorf("%#v: IsOwn is %v", test.ns, got)
		}
	}
}

// inode tells network namespaces apart.
func inode(t *testing.T, path string) uint64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Ino
}

const thisThread = "/proc/thread-self/ns/net"

func TestDo(t *testing.T) {
	name := newNamespace(t)
	own, other := inode(t, thisThread), inode(t, NamespaceDir+"/"+name)
	if own == other {
		t.Fatal("the test has not made a namespace of its own")
	}
	want := errors.New("what f returns")
	for _, test := range []struct {
		ns    Namespace
		inode uint64
	}{{Namespace{Name: name}, other}, {Namespace{Name: NamespaceDir + "/" + name}, other}, {Namespace{PID: sleeper(t, name)}, other}, {Namespace{}, own}, {Namespace{PID: os.Getpid()}, own}} {
		var got uint64
		err := test.ns.Do(func() error {
			info, err := os.Stat(thisThread)
			if err != nil {
				return err
			}
			got = info.Sys().(*syscall.Stat_t).Ino
			return want
		})
		if !errors.Is(err, want) {
			t.Errorf("%v: error %v", test.ns, err)
		}
		if got != test.inode {
			t.Errorf("%v: f ran in %d, want %d", test.ns, got, test.inode)
		}
	}
	called := false
	if err := (Namespace{Name: "sgate-test-nope"}).Do(func() error { called = true; return nil }); err == nil || called {
		t.Errorf("in a namespace that does not exist: error %v, f called: %v", err, called)
	}
}

// TestDoLeavesTheProcessWhereItIs calls Do from the main goroutine of a program
// of its own, so that the process's main thread gets its turn too. That thread
// stands for the process in /proc: `ip netns identify`, `nsenter --target` and
// our own `pid:` go by it.
func TestDoLeavesTheProcessWhereItIs(t *testing.T) {
	name := newNamespace(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = []string{helperEnv + "=do " + name}
	out, err := cmd.Output()
	if err != nil || string(out) != "as before\n" {
		t.Errorf("error %v, the helper says: %s", err, out)
	}
}

// doAsHelper is that program.
func doAsHelper(name string) {
	own, err := netns.Get()
	if err != nil {
		fmt.Println(err)
		return
	}
	// With nothing else to do, the main thread runs what this goroutine
	// waits for, if this goroutine was on it.
	runtime.GOMAXPROCS(1)
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			if err := (Namespace{Name: name}).Do(func() error { return nil }); err != nil {
				fmt.Println(err)
			}
		})
	}
	wg.Wait()
	now, err := netns.GetFromPid(os.Getpid())
	if err != nil || !now.Equal(own) {
		fmt.Printf("the process is in %v now, not in %v: error %v\n", now, own, err)
		return
	}
	fmt.Println("as before")
}
