package capture

import (
	"bufio"
	"encoding/binary"
	"io"
	"maps"
	"runtime"
	"slices"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/vpc"
)

// outBuffer is how many bytes are written at once at most.
const outBuffer = 256 << 10

// writer writes packets as pcapng. One goroutine uses it.
type writer struct {
	file       *pcapgo.NgWriter
	options    Options
	start      time.Time
	interfaces []*ngInterface // in the file's order
	byID       map[string]*ngInterface
	words      wording
	packets    uint64
	scratch    []byte // of a packet that is changed
}

// ngInterface is an interface of the file.
type ngInterface struct {
	id       string // of the interface or host
	index    int
	captured uint64
	lost     uint64 // when the last packet was written
}

// newWriter writes what a file begins with.
func newWriter(w io.Writer, p *filter.Policy, o Options) (*writer, error) {
	s := snapshot(p)
	out := &writer{options: o, words: wording{policy: p}, start: o.Now(), byID: make(map[string]*ngInterface)}
	section := pcapgo.NgWriterOptions{SectionInfo: pcapgo.NgSectionInfo{
		Hardware: runtime.GOARCH, OS: runtime.GOOS, Application: o.Application,
	}}
	first := o.Interfaces[0]
	var err error
	// It takes our buffer for its own.
	if out.file, err = pcapgo.NewNgWriterInterface(bufio.NewWriterSize(w, outBuffer), out.describe(s, first), section); err != nil {
		return nil, err
	}
	out.note(first, 0)
	for _, id := range o.Interfaces[1:] {
		if _, err := out.add(s, id); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// add adds an interface to the file.
func (w *writer) add(s *vpc.Snapshot, id string) (*ngInterface, error) {
	index, err := w.file.AddInterface(w.describe(s, id))
	if err != nil {
		return nil, err
	}
	return w.note(id, index), nil
}

func (w *writer) note(id string, index int) *ngInterface {
	i := &ngInterface{id: id, index: index}
	w.interfaces = append(w.interfaces, i)
	w.byID[id] = i
	return i
}

// at returns the interface of the file that stands for an interface or host.
func (w *writer) at(r *record, id string) (*ngInterface, error) {
	if i := w.byID[id]; i != nil {
		return i, nil
	}
	return w.add(snapshot(r.Policy), id)
}

// full reports whether there are as many packets as wanted.
func (w *writer) full() bool { return w.options.Count > 0 && w.packets >= w.options.Count }

// write writes a packet.
func (w *writer) write(r *record) error {
	w.packets++
	i, err := w.at(r, r.In)
	if err != nil {
		return err
	}
	i.captured++
	options := pcapgo.NgPacketOptions{
		Comments: []string{w.words.comment(r)}, Verdicts: verdicts(r.Fate),
		Flags: &pcapgo.NgEpbFlags{Direction: pcapgo.NgEpbFlagDirectionInbound},
	}
	if lost := i.lostSince(r.Lost); lost > 0 {
		options.DropCount = &lost
	}
	data := r.data
	forwarded := r.Fate == gateway.Forwarded
	if forwarded {
		w.scratch = asReceived(append(w.scratch[:0], r.data...), r.ttl)
		data = w.scratch
	}
	if err := w.packet(r, i, data, options); err != nil {
		return err
	}
	if !forwarded || !w.options.BothEnds {
		return nil
	}
	if i, err = w.at(r, r.Out); err != nil {
		return err
	}
	options.Flags.Direction, options.DropCount = pcapgo.NgEpbFlagDirectionOutbound, nil
	return w.packet(r, i, r.data, options)
}

func (w *writer) packet(r *record, i *ngInterface, data []byte, options pcapgo.NgPacketOptions) error {
	return w.file.WritePacketWithOptions(gopacket.CaptureInfo{
		Timestamp: w.options.Epoch.Add(time.Duration(r.Time)), CaptureLength: len(data), Length: r.length, InterfaceIndex: i.index,
	}, data, options)
}

// lostSince returns how many packets were lost since the last one was written,
// when so many were lost in all. A device that is opened anew counts from 0.
func (i *ngInterface) lostSince(lost uint64) uint64 {
	before := i.lost
	i.lost = lost
	if lost < before {
		return lost
	}
	return lost - before
}

// finish writes the statistics, after all packets.
func (w *writer) finish(b *buffer) error {
	end, lost := w.options.Now(), b.losses()
	for _, id := range slices.Sorted(maps.Keys(lost)) {
		if w.byID[id] != nil {
			continue
		}
		if _, err := w.add(snapshot(w.words.policy), id); err != nil { // all of its packets were lost
			return err
		}
	}
	for _, i := range w.interfaces {
		err := w.file.WriteInterfaceStats(i.index, pcapgo.NgInterfaceStatistics{
			LastUpdate: end, StartTime: w.start, EndTime: end,
			PacketsReceived: i.captured + lost[i.id], PacketsDropped: lost[i.id],
		})
		if err != nil {
			return err
		}
	}
	return w.file.Flush()
}

// The actions of eBPF classifiers that epb_verdict has for our fates
// (linux/pkt_cls.h).
const (
	actOK     = 0 // TC_ACT_OK
	actShot   = 2 // TC_ACT_SHOT: dropped
	actStolen = 4 // TC_ACT_STOLEN: taken by the gateway itself
)

// verdicts returns a fate as epb_verdict has it.
func verdicts(f gateway.Fate) []pcapgo.NgEpbVerdict {
	action := [...]uint64{gateway.Dropped: actShot, gateway.Forwarded: actOK, gateway.Local: actStolen}[f]
	return []pcapgo.NgEpbVerdict{{Type: pcapgo.NgEpbVerdictTypeLinuxeBPFTC, Data: binary.LittleEndian.AppendUint64(nil, action)}}
}

// asReceived gives the bytes of a packet that was forwarded the TTL back that it
// came with.
func asReceived(b []byte, ttl uint8) []byte {
	const ttl4, sum4, ttl6 = 8, 10, 7 // where they are
	switch {
	case len(b) > ttl6 && b[0]>>4 == 6 && b[ttl6] == ttl-1:
		b[ttl6] = ttl
	case len(b) >= sum4+2 && b[0]>>4 == 4 && b[ttl4] == ttl-1:
		// The TTL is the high byte of its word: the stored complement of the
		// sum falls by 0x100, in ones' complement (RFC 1624).
		b[ttl4] = ttl
		sum := uint32(binary.BigEndian.Uint16(b[sum4:])) + 0xffff - 0x100
		if sum = (sum + sum>>16) & 0xffff; sum == 0xffff {
			sum = 0 // the same, and what a sender writes
		}
		binary.BigEndian.PutUint16(b[sum4:], uint16(sum))
	}
	return b
}
