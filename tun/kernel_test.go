package tun

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"go.uber.org/goleak"

	"github.com/sgate/sgate/internal/needs"
)

// sleeper starts a process in a namespace and returns its id.
func sleeper(t *testing.T, namespace string) int {
	t.Helper()
	cmd := exec.Command("sleep", "60")
	in(t, namespace, cmd.Start)
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd.Process.Pid
}

func TestOpenInANamespace(t *testing.T) {
	name := newNamespace(t)
	for how, ns := range map[string]Namespace{
		"by name":       {Name: name},
		"by path":       {Name: filepath.Join(NamespaceDir, name)},
		"by process id": {PID: sleeper(t, name)},
	} {
		t.Run(how, func(t *testing.T) {
			k, err := Open(t.Context(), Options{Namespace: ns, Name: "sgate-test", MTU: 1400})
			if err != nil {
				t.Fatal(err)
			}
			if k.Name() != "sgate-test" || k.MTU() != 1400 {
				t.Errorf("the device says that it is %q with MTU %d", k.Name(), k.MTU())
			}
			l := link(t, name, "sgate-test")
			if l == nil {
				t.Fatal("the namespace does not show the device")
			}
			if l.Type() != "tuntap" || l.Attrs().MTU != 1400 || l.Attrs().Flags&1 != 0 {
				t.Errorf("the namespace shows a %s, MTU %d, flags %v; want a tuntap, MTU 1400, down", l.Type(), l.Attrs().MTU, l.Attrs().Flags)
			}
			if _, err := netlink.LinkByName("sgate-test"); err == nil {
				t.Error("the device is in our own namespace too")
			}
			if _, err := k.ReadFrame(make([]byte, MaxFrame)); !errors.Is(err, ErrNoFrame) {
				t.Errorf("ReadFrame of a new device: %v, want %v", err, ErrNoFrame)
			}

			if err := k.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
			if !soon(t, func() bool { return link(t, name, "sgate-test") == nil }) {
				t.Error("after Close the device is still there")
			}
		})
	}
}

func TestOpenInOnesOwnNamespace(t *testing.T) {
	name := newNamespace(t)
	var k *Kernel
	in(t, name, func() (err error) { // own is now that of this thread
		k, err = Open(t.Context(), Options{Name: "sgate-test", MTU: 9001, Offload: true})
		return err
	})
	defer k.Close()
	if link(t, name, "sgate-test") == nil {
		t.Error("the device is not where it was opened")
	}
}

func TestOpenNameTaken(t *testing.T) {
	o := options(newNamespace(t))
	first := openDevice(t, o)
	want := fmt.Sprintf("device \"eth0\" in the network namespace %q: the name is already in use there: is another gateway running? "+
		"Choose another `device` name, or end the other owner", o.Namespace.Name)

	for _, taken := range []string{"eth0", "lo"} { // one of our own kind, and one of another
		o := o
		o.Name = taken
		start := time.Now()
		_, err := Open(t.Context(), o)
		if want := strings.Replace(want, "eth0", taken, 1); err == nil || err.Error() != want {
			t.Errorf("error:\n%v\nwant:\n%s", err, want)
		}
		if took := time.Since(start); took < 500*time.Millisecond || took > 3*time.Second {
			t.Errorf("it took %v, want about %v", took, nameBusyFor)
		}
	}

	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := Open(ctx, o); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 800*time.Millisecond {
		t.Errorf("with a context that ends first: %v after %v", err, time.Since(start))
	}

	if _, err := first.ReadFrame(make([]byte, MaxFrame)); !errors.Is(err, ErrNoFrame) {
		t.Errorf("the first owner suffered: %v", err)
	}
}

// TestOpenWaitsForABusyName is a restart: the device of the gateway that was
// killed goes away a moment later.
func TestOpenWaitsForABusyName(t *testing.T) {
	o := options(newNamespace(t))
	old, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(300*time.Millisecond, func() { old.Close() })
	openDevice(t, o)
}

func TestOpenErrors(t *testing.T) {
	needs.Root(t)
	dead := exec.Command("true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	gone := dead.Process.Pid
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	where := func(n Namespace) Options { return Options{Namespace: n, Name: "eth0", MTU: 9001} }

	for _, test := range []struct {
		name string
		o    Options
		want string
	}{
		{
			"a namespace that does not exist", where(Namespace{Name: "sgate-test-nope"}),
			`device "eth0" in the network namespace "sgate-test-nope": network namespace "sgate-test-nope" does not exist: ` +
				"no file /run/netns/sgate-test-nope (`ip netns list` shows those that do)",
		},
		{
			"a path that does not exist", where(Namespace{Name: file + "-nope"}),
			fmt.Sprintf("device \"eth0\" in the network namespace %[1]q: network namespace %[1]q does not exist: "+
				"no file %[1]s (`ip netns list` shows those that do)", file+"-nope"),
		},
		{
			"a process that does not exist", where(Namespace{PID: gone}),
			fmt.Sprintf(`device "eth0" in the network namespace of process %[1]d: network namespace of process %[1]d: there is no such process`, gone),
		},
		{
			"a file that is no namespace", where(Namespace{Name: file}),
			fmt.Sprintf(`device "eth0" in the network namespace %[1]q: network namespace %[1]q: %[1]s is not a network namespace`, file),
		},
		{
			"a namespace of another kind", where(Namespace{Name: "/proc/self/ns/mnt"}),
			`device "eth0" in the network namespace "/proc/self/ns/mnt": network namespace "/proc/self/ns/mnt": /proc/self/ns/mnt is not a network namespace`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			k, err := Open(t.Context(), test.o)
			if err == nil {
				k.Close()
				t.Fatal("no error")
			}
			if err.Error() != test.want {
				t.Errorf("error:\n%v\nwant:\n%s", err, test.want)
			}
		})
	}
}

func TestOpenRefusesOptions(t *testing.T) {
	const names = `want a name of 1 to 15 bytes, without "/", ":", "%" and spaces`
	for _, test := range []struct {
		name   string
		device string
		mtu    int
		want   string
	}{
		{"no name", "", 9001, `device "": ` + names},
		{"a name of 16 bytes", "0123456789abcdef", 9001, `device "0123456789abcdef": ` + names},
		{"a name with a slash", "a/b", 9001, `device "a/b": ` + names},
		{"a name with a colon", "eth0:1", 9001, `device "eth0:1": ` + names},
		{"a name with a space", "eth 0", 9001, `device "eth 0": ` + names},
		{"a name that the kernel would fill in", "eth%d", 9001, `device "eth%d": ` + names},
		{"a name for directories", "..", 9001, `device "..": ` + names},
		{"no MTU", "eth0", 0, `device "eth0": MTU 0: want 68 to 65535`},
		{"an MTU too small", "eth0", 67, `device "eth0": MTU 67: want 68 to 65535`},
		{"an MTU too large", "eth0", 65536, `device "eth0": MTU 65536: want 68 to 65535`},
	} {
		t.Run(test.name, func(t *testing.T) {
			k, err := Open(t.Context(), Options{Name: test.device, MTU: test.mtu})
			if err == nil {
				k.Close()
				t.Fatal("no error")
			}
			if err.Error() != test.want {
				t.Errorf("error:\n%v\nwant:\n%s", err, test.want)
			}
		})
	}
}

func TestOpenLimits(t *testing.T) {
	name := newNamespace(t)
	for i, o := range []Options{
		{Name: "0123456789abcde", MTU: 1500},
		{Name: "e", MTU: 68},
		{Name: "large", MTU: 65535},
	} {
		o.Namespace.Name = name
		k := openDevice(t, o)
		l := link(t, name, o.Name)
		if k.Name() != o.Name || l == nil || l.Attrs().MTU != o.MTU {
			t.Errorf("%d: name %q, link %v", i, k.Name(), l)
		}
	}
}

// TestOpenWithoutPermission has another process, of a user that may do
// nothing, try.
func TestOpenWithoutPermission(t *testing.T) {
	name := newNamespace(t)
	binary := publicCopyOfMyself(t)
	const sudo = "takes root or CAP_NET_ADMIN: run it with sudo; in a container, give it --cap-add NET_ADMIN --device /dev/net/tun"
	const enter = "permission denied: entering a namespace takes root (CAP_SYS_ADMIN); run it with sudo"
	for where, want := range map[string][]string{
		"own":        {`device "eth0" in the own network namespace: `, "opening /dev/net/tun " + sudo},
		name:         {fmt.Sprintf(`device "eth0" in the network namespace %q: `, name), enter},
		"process of": {`device "eth0" in the network namespace of process `, enter},
	} {
		helper := where
		if where == "process of" {
			helper = fmt.Sprint("pid ", sleeper(t, name))
		}
		cmd := exec.Command(binary)
		cmd.Dir = "/"
		cmd.Env = []string{helperEnv + "=" + helper}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s: the helper failed: %v: %s", where, err, out)
		}
		for _, part := range want {
			if !strings.Contains(string(out), part) {
				t.Errorf("%s: the message is\n%s\nwant in it\n%s", where, out, part)
			}
		}
	}
}

// publicCopyOfMyself returns a copy of the test binary that every user may run.
func publicCopyOfMyself(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sgate-test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "helper")
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(binary, b, 0o755)); err != nil {
		t.Fatal(err)
	}
	return binary
}

// openAsHelper is that copy at work: it prints what Open says.
func openAsHelper(where string) {
	o := Options{Name: "eth0", MTU: 9001}
	if n, _ := fmt.Sscanf(where, "pid %d", &o.Namespace.PID); n == 0 && where != "own" {
		o.Namespace.Name = where
	}
	_, err := Open(context.Background(), o)
	fmt.Println(err)
}

func TestOpenAndCloseLeakNothing(t *testing.T) {
	o := options(newNamespace(t))
	taken := o
	taken.Name = "lo"
	expired, cancel := context.WithCancel(t.Context())
	cancel()
	leaks := goleak.IgnoreCurrent()
	before := openDescriptors(t)
	for range 50 {
		k, err := Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if err := k.Configure(Addressing{}); err != nil {
			t.Fatal(err)
		}
		if err := k.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(expired, taken); err == nil {
			t.Fatal("a second lo was opened")
		}
	}
	goleak.VerifyNone(t, leaks)
	if after := openDescriptors(t); after > before {
		t.Errorf("%d descriptors were open before, %d after", before, after)
	}
}

func TestDeviceDeletedUnderneath(t *testing.T) {
	o := options(newNamespace(t))
	k := openDevice(t, o)
	p := newPoller(t, k)
	idle(t, p)
	deleteLink(t, o.Namespace.Name, "eth0")
	if ready := wait(t, p); len(ready) != 1 {
		t.Errorf("Wait reports %v, want the device that is gone", ready)
	}
	if _, err := k.ReadFrame(make([]byte, MaxFrame)); err == nil || errors.Is(err, ErrNoFrame) {
		t.Errorf("ReadFrame: %v, want an error that says that the device is gone", err)
	}
	if err := k.WriteFrame(make([]byte, MaxFrame)); err == nil {
		t.Error("WriteFrame to a device that is gone: no error")
	}
}
