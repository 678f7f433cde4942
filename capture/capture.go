// Package capture writes packets and what became of them as pcapng, dropped
// packets included: each one with the gateway's verdict, the reason and the ids
// of the rules as its comment.
//
// A worker of the gateway copies what is wanted of a packet into a [buffer] and
// goes on; it never waits and allocates nothing. Beside it, [Run] takes the
// packets out again, puts the verdict into words and writes them. If whoever
// reads is slow, the buffer fills, and packets are lost to the capture, never to
// their receivers; the file says how many.
//
// What is lost and shown where, as pcapng has it (draft-ietf-opsawg-pcapng):
//
//   - Every instance's interface and every host is an interface of the file,
//     of link type RAW: packets begin with the IP header. Its statistics come
//     last: isb_ifrecv packets were wanted, isb_ifdrop of them lost.
//   - A packet is written where the gateway received it, marked inbound; and,
//     if that is wanted, once more where it was sent, marked outbound.
//   - epb_dropcount says how many were lost before a packet.
//   - epb_verdict has the verdict for programs. Its forms are those of hardware
//     and of eBPF; what sgate does to a packet is what TC_ACT_OK, TC_ACT_SHOT
//     and, for what the VPC router takes, TC_ACT_STOLEN stand for.
//
// A super-packet is one packet of the file: as large as it was handed over, up
// to 64 KiB, and perhaps with its checksum still to be done.
//
// The package imports filter, gateway, vpc and watch.
package capture

import (
	"context"
	"io"
	"time"

	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/gateway"
)

// DefaultSnaplen is how many bytes of a packet are kept by default, as by
// tcpdump: all.
const DefaultSnaplen = 262144

// The bytes that a buffer may have.
const (
	MinBuffer     = 256 << 10
	DefaultBuffer = 16 << 20
	MaxBuffer     = 256 << 20
)

// Options say what is captured.
type Options struct {
	// Select chooses packets; nil stands for all. The packet path calls it,
	// from several goroutines at once: it must not wait, nor keep the event.
	Select func(*gateway.Event) bool
	// Filter is Select in words, for the file.
	Filter string
	// Interfaces are the ids of the interfaces and hosts that the file names
	// from the start; there must be one. Others are added with their first
	// packet.
	Interfaces []string
	// Snaplen is how many bytes of each packet are kept; 0 stands for all.
	Snaplen int
	// Count is how many packets are captured at most; 0 stands for any number.
	Count uint64
	// BothEnds has what was forwarded written twice: also where it left.
	BothEnds bool
	// Buffer is how many bytes of packets wait for the reader at most, of
	// 512 bytes each on average; 0 stands for DefaultBuffer.
	Buffer int
	// Epoch is when the gateway's clock stood at 0.
	Epoch time.Time
	// Now is the time; nil stands for time.Now.
	Now func() time.Time
	// Application is the program, as the file names it.
	Application string
}

// setDefaults completes o.
func (o *Options) setDefaults() {
	if o.Snaplen == 0 {
		o.Snaplen = DefaultSnaplen
	}
	if o.Buffer == 0 {
		o.Buffer = DefaultBuffer
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Select == nil {
		o.Select = func(*gateway.Event) bool { return true }
	}
}

// Gateway is whose packets are captured.
type Gateway interface {
	Watch(gateway.Watcher) (stop func())
	Policy() (*filter.Policy, uint64)
}

// flushEvery is how often the buffer is looked at when little happens: a packet
// is seen that much later at most. To wake the reader for each would cost the
// packet path more than all else. A buffer that fills wakes it at once.
const flushEvery = 20 * time.Millisecond

// Run writes packets to w as pcapng until ctx is done, o.Count is reached or a
// write fails. Then it takes no more, and writes what waits and the statistics.
// There must be a policy in force. Only writing can fail.
func Run(ctx context.Context, g Gateway, w io.Writer, o Options) error {
	o.setDefaults()
	policy, _ := g.Policy()
	out, err := newWriter(w, policy, o)
	if err != nil {
		return err
	}
	b := newBuffer(o)
	stop := g.Watch(b)
	defer stop()
	if err := out.copyUntil(ctx.Done(), b); err != nil {
		return err
	}
	stop()
	if err := out.drain(b); err != nil {
		return err
	}
	return out.finish(b)
}

// copyUntil writes what comes into the buffer until done is closed or there are
// as many as wanted.
func (w *writer) copyUntil(done <-chan struct{}, b *buffer) error {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		if err := w.drain(b); err != nil {
			return err
		}
		if w.full() {
			return nil
		}
		b.awaited.Store(true)
		select {
		case <-done:
			return nil
		case <-tick.C:
		case <-b.filling:
		}
	}
}

// drain writes what is in the buffer, and sends it on its way.
func (w *writer) drain(b *buffer) error {
	for !w.full() {
		r := b.next()
		if r == nil {
			break
		}
		err := w.write(r)
		b.release()
		if err != nil {
			return err
		}
	}
	return w.file.Flush()
}
