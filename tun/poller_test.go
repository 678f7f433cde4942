package tun

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func newPoller(t *testing.T, devices ...Device) *Poller {
	t.Helper()
	p, err := NewPoller()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	for token, d := range devices {
		if err := p.Add(d, int32(token)); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// wait returns the sorted tokens of one Wait, which must not take long.
func wait(t *testing.T, p *Poller) []int32 {
	t.Helper()
	timer := time.AfterFunc(5*time.Second, func() {
		t.Error("Wait did not return")
		p.Wake()
	})
	defer timer.Stop()
	ready, _, err := p.Wait(nil, 0)
	if err != nil {
		t.Fatalf("Wait: %v", err)
	}
	slices.Sort(ready)
	return ready
}

// idle fails the test if a Wait reports a device.
func idle(t *testing.T, p *Poller) {
	t.Helper()
	if err := p.Wake(); err != nil {
		t.Fatal(err)
	}
	if ready := wait(t, p); len(ready) != 0 {
		t.Errorf("Wait reports %v, want nothing but to have been woken", ready)
	}
}

func send(t *testing.T, m *Memory) {
	t.Helper()
	if err := m.Send([]byte("packet")); err != nil {
		t.Fatal(err)
	}
}

func TestPollerReportsAsLongAsFramesWait(t *testing.T) {
	a, b := newMemory(t, "a"), newMemory(t, "b")
	p := newPoller(t, a, b)
	idle(t, p)

	send(t, a)
	send(t, a)
	for range 2 { // level-triggered: unread, it is reported again
		if diff := cmp.Diff(wait(t, p), []int32{0}); diff != "" {
			t.Errorf("two frames wait on a (-got +want):\n%s", diff)
		}
	}
	readFrame(t, a)
	send(t, b)
	if diff := cmp.Diff(wait(t, p), []int32{0, 1}); diff != "" {
		t.Errorf("a frame waits on each (-got +want):\n%s", diff)
	}
	readFrame(t, a)
	readFrame(t, b)
	idle(t, p)
}

func TestPollerAppends(t *testing.T) {
	a := newMemory(t, "a")
	p := newPoller(t, a)
	send(t, a)
	ready, _, err := p.Wait([]int32{7}, 0)
	if diff := cmp.Diff(ready, []int32{7, 0}); diff != "" || err != nil {
		t.Errorf("error %v (-got +want):\n%s", err, diff)
	}
}

func TestPollerRemove(t *testing.T) {
	a, b := newMemory(t, "a"), newMemory(t, "b")
	p := newPoller(t, a, b)
	send(t, a)
	if err := p.Remove(a); err != nil {
		t.Fatal(err)
	}
	idle(t, p)
	if err := p.Remove(a); err == nil {
		t.Error("a device was removed twice without an error")
	}
	if err := p.Add(b, 9); err == nil {
		t.Error("a device was added twice without an error")
	}
	if err := p.Add(a, 5); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wait(t, p), []int32{5}); diff != "" {
		t.Errorf("added again (-got +want):\n%s", diff)
	}
}

func TestPollerWake(t *testing.T) {
	p := newPoller(t, newMemory(t, "a"))
	returned := make(chan error)
	for range 3 {
		go func() {
			_, _, err := p.Wait(nil, 0)
			returned <- err
		}()
		select {
		case <-returned:
			t.Fatal("Wait returned although nothing happened: a wake counts once")
		case <-time.After(20 * time.Millisecond):
		}
		for range 2 { // two wakes before a Wait returns are as good as one
			if err := p.Wake(); err != nil {
				t.Fatal(err)
			}
		}
		if err := <-returned; err != nil {
			t.Fatal(err)
		}
		idle(t, p) // takes back a wake that came after Wait had returned
	}
}

func TestPollerWhileWaiting(t *testing.T) {
	a := newMemory(t, "a")
	p := newPoller(t)
	got := make(chan []int32)
	go func() {
		ready, _, _ := p.Wait(nil, 0)
		got <- ready
	}()
	time.Sleep(10 * time.Millisecond)
	if err := p.Add(a, 3); err != nil {
		t.Fatal(err)
	}
	send(t, a)
	select {
	case ready := <-got:
		if diff := cmp.Diff(ready, []int32{3}); diff != "" {
			t.Errorf("(-got +want):\n%s", diff)
		}
	case <-time.After(5 * time.Second):
		t.Error("a device added while waiting is not waited for")
		p.Wake()
		<-got
	}
}

// TestPollerIsInterrupted: the Go runtime signals threads at any time.
func TestPollerIsInterrupted(t *testing.T) {
	p := newPoller(t)
	thread, returned := make(chan int), make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		thread <- unix.Gettid()
		_, _, err := p.Wait(nil, 0)
		returned <- err
	}()
	of := <-thread
	for range 20 {
		time.Sleep(time.Millisecond)
		if err := unix.Tgkill(os.Getpid(), of, unix.SIGURG); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-returned:
			t.Fatalf("Wait returned although nothing happened: %v", err)
		default:
		}
	}
	if err := p.Wake(); err != nil {
		t.Fatal(err)
	}
	if err := <-returned; err != nil {
		t.Error(err)
	}
}

// TestPollerTellsOfIdleTimes: whether there was nothing at first.
func TestPollerTellsOfIdleTimes(t *testing.T) {
	a := newMemory(t, "a")
	p := newPoller(t, a)
	send(t, a)
	if _, idle, err := p.Wait(nil, 0); idle || err != nil {
		t.Errorf("a frame waits: idle %v, %v", idle, err)
	}
	readFrame(t, a)
	for _, linger := range []time.Duration{0, time.Hour} {
		waited := make(chan bool)
		go func() {
			_, idle, _ := p.Wait(nil, linger)
			waited <- idle
		}()
		select {
		case <-waited:
			t.Fatal("Wait returned although nothing happened")
		case <-time.After(10 * time.Millisecond):
		}
		send(t, a)
		if idle := <-waited; !idle {
			t.Errorf("nothing for a while, lingering for %v: not idle", linger)
		}
		readFrame(t, a)
	}
}

// TestPollerManyDevices has more devices ready than one Wait reports: all must
// get their turn, however busy the first ones are.
func TestPollerManyDevices(t *testing.T) {
	var devices []Device
	for i := range 300 {
		m := newMemory(t, fmt.Sprint("m", i))
		send(t, m)
		devices = append(devices, m)
	}
	p := newPoller(t, devices...)
	seen := make(map[int32]bool)
	for range 3 { // ceil(300/128)
		for _, token := range wait(t, p) {
			seen[token] = true
		}
	}
	if len(seen) != len(devices) {
		t.Errorf("%d of %d devices got their turn", len(seen), len(devices))
	}
}

func TestDescriptorsAreGivenBack(t *testing.T) {
	before := openDescriptors(t)
	for range 50 {
		m, err := NewMemory("m", 1500)
		if err != nil {
			t.Fatal(err)
		}
		p, err := NewPoller()
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Add(m, 0); err != nil {
			t.Fatal(err)
		}
		p.Close()
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		NewBatch().Close()
	}
	if after := openDescriptors(t); after > before {
		t.Errorf("%d descriptors were open before, %d after", before, after)
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil || strings.Contains(string(maps), "io_uring") {
		t.Errorf("rings are mapped still: %v", err)
	}
}
