// Package savefile saves a capture while it runs: pcapng comes in from a gateway
// and goes out to a file, to one file after the other, to a ring of them, or to a
// pipe; and as lines of text, for people.
//
// The names of files and the meaning of limits are those of tcpdump's savefiles
// (tcpdump(1), -C and -W). Every file is whole: it has all interfaces that its
// packets are of, and their statistics so far.
//
// The package imports nothing else of this project.
package savefile

import (
	"bufio"
	"errors"
	"io"
	"time"

	"github.com/gopacket/gopacket/pcapgo"
)

// Options say where a capture goes.
type Options struct {
	Path string    // of the file, or the name that those of several begin with; "" for none
	Out  io.Writer // where pcapng goes instead of to a file; nil for nowhere
	// MaxBytes is how large a file may get: once it is larger, the next
	// packet goes to another one. 0 is no limit.
	MaxBytes int64
	// Files is how many files there are at most: then the oldest is written
	// anew. 0 is no limit.
	Files int
	Text  io.Writer      // where lines of text go; nil for nowhere
	Zone  *time.Location // of the times in text; nil stands for the local one
}

// Summary says what a capture had.
type Summary struct {
	Captured uint64 // packets that were saved; one that is saved at both ends counts once
	Dropped  uint64 // packets that were wanted and are lost, as the reader was too slow
}

// inBuffer and outBuffer are how many bytes are read and written at once at most.
const (
	inBuffer  = 256 << 10
	outBuffer = 256 << 10
)

// Save saves a capture until the reader ends. What has come is on its way before
// it waits for more. An error is that of the reader, or of writing; the summary
// is right also then.
func Save(in io.Reader, o Options) (s Summary, err error) {
	if o.Zone == nil {
		o.Zone = time.Local
	}
	c := &saver{options: o, statistics: make(map[int]pcapgo.NgInterfaceStatistics)}
	err = c.copy(&source{in: in, before: c.flush})
	err = errors.Join(err, c.close())
	return c.summary(), err
}

// saver saves one capture.
type saver struct {
	options    Options
	in         *pcapgo.NgReader
	out        *file // nil if no pcapng is wanted, or before the first packet
	number     int   // of files that were begun
	text       *bufio.Writer
	tallies    []tally // by interface
	statistics map[int]pcapgo.NgInterfaceStatistics
	last       time.Time // of the packets
}

// tally is what was seen of an interface.
type tally struct{ captured, dropped uint64 }

func (c *saver) copy(in *source) (err error) {
	if c.options.Text != nil {
		c.text = bufio.NewWriterSize(c.options.Text, outBuffer)
	}
	// It takes our buffer for its own.
	c.in, err = pcapgo.NewNgReader(bufio.NewReaderSize(in, inBuffer), pcapgo.NgReaderOptions{
		StatisticsCallback: func(i int, s pcapgo.NgInterfaceStatistics) { c.statistics[i] = s },
	})
	if err != nil {
		return in.cause(err)
	}
	if err := c.next(); err != nil {
		return err
	}
	for {
		data, info, options, err := c.in.ZeroCopyReadPacketDataWithOptions()
		if errors.Is(err, io.EOF) && in.err == io.EOF {
			return nil
		}
		if err != nil {
			return in.cause(err)
		}
		if err := c.save(packet{info, data, options}); err != nil {
			return err
		}
	}
}

// save saves a packet.
func (c *saver) save(p packet) error {
	c.count(p)
	if c.text != nil {
		i, _ := c.in.Interface(p.info.InterfaceIndex)
		if _, err := c.text.WriteString(line(p, i.Name, c.options.Zone)); err != nil {
			return err
		}
	}
	if c.out != nil && c.options.MaxBytes > 0 && c.out.size() > c.options.MaxBytes {
		if err := errors.Join(c.end(), c.next()); err != nil {
			return err
		}
	}
	if c.out == nil {
		return nil
	}
	return c.out.write(c.in, p)
}

func (c *saver) count(p packet) {
	c.last = p.info.Timestamp
	for len(c.tallies) < c.in.NInterfaces() {
		c.tallies = append(c.tallies, tally{})
	}
	t := &c.tallies[p.info.InterfaceIndex]
	if !p.isOutbound() {
		t.captured++
	}
	if p.options.DropCount != nil {
		t.dropped += *p.options.DropCount
	}
}

// next begins the next file.
func (c *saver) next() (err error) {
	switch o := c.options; {
	case o.Out != nil:
		c.out, err = newFile(c.in, nopCloser{o.Out})
	case o.Path != "":
		c.out, err = createFile(c.in, o.fileName(c.number))
		c.number++
	}
	return err
}

// end writes the statistics and closes the file.
func (c *saver) end() error {
	if c.out == nil {
		return nil
	}
	out := c.out
	c.out = nil
	var errs []error
	for i := range c.in.NInterfaces() {
		errs = append(errs, out.writeStatistics(c.in, i, c.statisticsOf(i)))
	}
	return errors.Join(append(errs, out.close())...)
}

// statisticsOf returns those of an interface: what the gateway says or, if it has
// not said anything yet, what was seen.
func (c *saver) statisticsOf(i int) pcapgo.NgInterfaceStatistics {
	if s, said := c.statistics[i]; said {
		return s
	}
	var t tally
	if i < len(c.tallies) {
		t = c.tallies[i]
	}
	return pcapgo.NgInterfaceStatistics{LastUpdate: c.last, PacketsReceived: t.captured + t.dropped, PacketsDropped: t.dropped}
}

// flush sends on what has come.
func (c *saver) flush() error {
	var errs []error
	if c.text != nil {
		errs = append(errs, c.text.Flush())
	}
	if c.out != nil {
		errs = append(errs, c.out.writer.Flush())
	}
	return errors.Join(errs...)
}

func (c *saver) close() error {
	var err error
	if c.text != nil {
		err = c.text.Flush()
	}
	return errors.Join(err, c.end())
}

func (c *saver) summary() (s Summary) {
	for i, t := range c.tallies {
		s.Captured += t.captured
		if _, said := c.statistics[i]; !said {
			s.Dropped += t.dropped
		}
	}
	for _, said := range c.statistics {
		s.Dropped += said.PacketsDropped
	}
	return s
}

// source is the reader. Whatever waits to be written is, before it is asked for
// more: it may have nothing for a long time.
type source struct {
	in     io.Reader
	before func() error
	err    error // why there is no more
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (n int, err error) {
	if s.err = s.before(); s.err != nil {
		return 0, s.err
	}
	n, s.err = s.in.Read(p)
	return n, s.err
}

// cause returns why a capture has ended: the parser's error may say only that it
// has.
func (s *source) cause(err error) error {
	if s.err != nil && s.err != io.EOF {
		return s.err
	}
	return err
}

type nopCloser struct{ io.Writer }

// Close implements io.Closer.
func (nopCloser) Close() error { return nil }
