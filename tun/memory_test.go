package tun

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func newMemory(t *testing.T, name string) *Memory {
	t.Helper()
	m, err := NewMemory(name, 1500)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return m
}

// readable reports whether a poll on a device's descriptor finds a frame.
func readable(t *testing.T, d Device) bool {
	t.Helper()
	fds := []unix.PollFd{{Fd: int32(d.PollFD()), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, 0)
	if err != nil {
		t.Fatal(err)
	}
	return n == 1 && fds[0].Revents&unix.POLLIN != 0
}

func readFrame(t *testing.T, d Device) []byte {
	t.Helper()
	buf := make([]byte, MaxFrame)
	n, err := d.ReadFrame(buf)
	if err != nil {
		t.Fatalf("ReadFrame: %v", err)
	}
	return buf[:n]
}

func TestMemoryTellsWhatItIs(t *testing.T) {
	var d Device = newMemory(t, "web")
	if d.Name() != "web" || d.MTU() != 1500 {
		t.Errorf("name %q, MTU %d", d.Name(), d.MTU())
	}
}

func TestMemoryReadsInOrder(t *testing.T) {
	m := newMemory(t, "web")
	if _, err := m.ReadFrame(make([]byte, MaxFrame)); !errors.Is(err, ErrNoFrame) {
		t.Fatalf("with nothing sent: %v, want %v", err, ErrNoFrame)
	}
	if readable(t, m) {
		t.Error("readable with nothing sent")
	}

	super := make([]byte, MaxFrame)
	Header(super).Encode(NeedsChecksum, GSOTCPv4, 40, 1460, 20, 16)
	super[MaxFrame-1] = 0xaa
	packet := []byte("packet")
	for _, send := range []func() error{
		func() error { return m.Send(packet) },
		func() error { return m.SendFrame(super) },
		func() error { return m.Send([]byte("third")) },
	} {
		if err := send(); err != nil {
			t.Fatal(err)
		}
	}
	packet[0], super[HeaderLen] = 'X', 'X' // the device has copies
	super = append([]byte(nil), super...)
	super[HeaderLen] = 0

	for i, want := range [][]byte{
		append(make([]byte, HeaderLen), "packet"...),
		super,
		append(make([]byte, HeaderLen), "third"...),
	} {
		if !readable(t, m) {
			t.Errorf("not readable before frame %d", i)
		}
		if got := readFrame(t, m); !bytes.Equal(got, want) {
			t.Errorf("frame %d (-got +want):\n%s", i, cmp.Diff(got, want))
		}
	}
	if readable(t, m) {
		t.Error("readable after the last frame")
	}
	if _, err := m.ReadFrame(make([]byte, MaxFrame)); !errors.Is(err, ErrNoFrame) {
		t.Errorf("after the last frame: %v, want %v", err, ErrNoFrame)
	}

	if err := m.Send([]byte("again")); err != nil || !readable(t, m) {
		t.Errorf("a frame after the queue ran empty: error %v, readable %v", err, readable(t, m))
	}
}

func TestMemoryWrites(t *testing.T) {
	m := newMemory(t, "web")
	frame := append(make([]byte, HeaderLen), "packet"...)
	if err := m.WriteFrame(frame); err != nil {
		t.Fatal(err)
	}
	frame[HeaderLen] = 'X' // the device has a copy
	if got, want := string(<-m.Received()), string(make([]byte, HeaderLen))+"packet"; got != want {
		t.Errorf("received %q, want %q", got, want)
	}
	if readable(t, m) {
		t.Error("what was written can be read back")
	}
}

func TestMemoryQueuesAreBounded(t *testing.T) {
	m := newMemory(t, "web")
	for direction, put := range map[string]func() error{
		"WriteFrame": func() error { return m.WriteFrame(make([]byte, HeaderLen+20)) },
		"Send":       func() error { return m.Send(make([]byte, 20)) },
	} {
		taken := 0
		for ; taken < 10000; taken++ {
			if put() != nil {
				break
			}
		}
		if taken != memoryQueue {
			t.Errorf("%s: %d frames were taken, want %d", direction, taken, memoryQueue)
		}
	}
	readFrame(t, m)
	<-m.Received()
	if err := errors.Join(m.Send(nil), m.WriteFrame(make([]byte, HeaderLen))); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

func TestMemoryManyWriters(t *testing.T) {
	m := newMemory(t, "web")
	const writers, each = 4, 100
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			for n := range each {
				frame := append(make([]byte, HeaderLen), fmt.Sprintf("%d/%d", i, n)...)
				if err := errors.Join(m.WriteFrame(frame), m.SendFrame(frame)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	out, in := make(map[string]bool), make(map[string]bool)
	for range writers * each {
		out[string(<-m.Received())] = true
		in[string(readFrame(t, m))] = true
	}
	if len(out) != writers*each || len(in) != writers*each {
		t.Errorf("%d different frames came out and %d in, want %d", len(out), len(in), writers*each)
	}
}

func TestHeaderFields(t *testing.T) {
	h := Header(bytes.Repeat([]byte{0xff}, HeaderLen))
	h.Encode(NeedsChecksum, GSOTCPv6|GSOECN, 60, 1440, 40, 16)
	type fields struct {
		Flags, GSOType                 uint8
		GSOSize, CsumStart, CsumOffset uint16
	}
	got := fields{h.Flags(), h.GSOType(), h.GSOSize(), h.ChecksumStart(), h.ChecksumOffset()}
	if diff := cmp.Diff(got, fields{NeedsChecksum, GSOTCPv6, 1440, 40, 16}); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
}
